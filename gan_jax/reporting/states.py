"""The map of what became of every run, and the runs that did not end well with their reasons."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gan_jax.status import Status

Run = Mapping[str, Any]

# Kind -> (mark, what it means); the marks tell kinds apart without colours.
KINDS = {
    "fine": ("✓", "finished, nothing found"),
    "warned": ("!", "finished, with a finding"),
    "hopeless": ("!!", "finished, with a finding that more steps will not mend"),
    "stopped": ("■", "stopped: hopeless"),
    "non_finite": ("∞", "NaN or infinite"),
    "failed": ("✗", "failed: an error"),
    "eliminated": ("↓", "eliminated by successive halving"),
    "unfinished": ("…", "running, paused or interrupted"),
    "missing": ("○", "not begun"),
}
ENDED_BADLY = ("non_finite", "failed", "stopped", "hopeless", "warned")


def counts(runs: Mapping[str, Run]) -> dict[str, int]:
    """{kind: how many runs}, of the kinds that occur, in the order of ``KINDS``."""
    found = Counter(kind_of(run) for run in runs.values())
    return {kind: found[kind] for kind in KINDS if found[kind]}


def ended_badly(summary: Mapping[str, Any], order: Sequence[int]) -> list[tuple[str, Run]]:
    """(name, run) that failed, were stopped, became NaN, or have findings; the worst kind first."""
    found = []
    for number in order:
        for name in summary["settings"][number]["runs"]:
            run = summary["runs"][name]
            if (kind := kind_of(run)) in ENDED_BADLY or (run["reason"] and kind != "eliminated"):
                found.append((name, run))
    ranks = {kind: i for i, kind in enumerate(ENDED_BADLY)}
    return sorted(found, key=lambda one: ranks.get(kind_of(one[1]), len(ranks)))


def kind_of(run: Run) -> str:
    """One of ``KINDS``."""
    if run["status"] == Status.FINISHED:
        return "hopeless" if any(f.get("hopeless") for f in run["health"]) else "warned" if run["health"] else "fine"
    return run["status"] if run["status"] in KINDS else "unfinished"


def words_of(run: Run) -> str:
    """Its status, and how far it came."""
    words = run["status"].replace("_", " ")
    return words if run["status"] in (Status.FINISHED, Status.MISSING, Status.FAILED) else f"{words} at {run['step']:,}"
