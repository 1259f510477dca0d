"""The map of what became of every run, and the runs that did not end well with their reasons."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from gan_jax.reporting.material import Material, Run
from gan_jax.status import Status

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


def state_map(material: Material, order: Sequence[int]) -> "list[tuple[int, list[Cell | None]]]":
    """(number of a setting, its cell for each seed) in the order given; None where a setting has no such seed."""
    rows = []
    for number in order:
        runs = material.settings[number].runs
        rows.append((number, [_cell(material.runs[runs[s]], s) if s in runs else None for s in material.seeds]))
    return rows


def counts(material: Material) -> dict[str, int]:
    """{kind: how many runs}, of the kinds that occur, in the order of ``KINDS``."""
    found = Counter(kind_of(run) for run in material.runs.values())
    return {kind: found[kind] for kind in KINDS if found[kind]}


def ended_badly(material: Material, order: Sequence[int]) -> "list[Trouble]":
    """Runs that failed, were stopped, became NaN, or have findings; the worst kind first."""
    found = []
    for number in order:
        for seed, name in material.settings[number].runs.items():
            run = material.runs[name]
            if (kind := kind_of(run)) in ENDED_BADLY or (run.reason and kind != "eliminated"):
                evidence = tuple((f["name"], str(f.get("evidence", "")), f.get("since")) for f in run.health)
                found.append(Trouble(number, seed, run, kind, evidence))
    ranks = {kind: i for i, kind in enumerate(ENDED_BADLY)}
    return sorted(found, key=lambda one: ranks.get(one.kind, len(ranks)))


def kind_of(run: Run) -> str:
    """One of ``KINDS``."""
    if run.status == Status.FINISHED:
        return "hopeless" if any(f.get("hopeless") for f in run.health) else "warned" if run.health else "fine"
    return run.status if run.status in KINDS else "unfinished"


def _cell(run: Run, seed: int) -> "Cell":
    words = run.status.replace("_", " ")
    if run.status not in (Status.FINISHED, Status.MISSING, Status.FAILED):
        words += f" at {run.step:,}"
    return Cell(run.name, seed, kind_of(run), words, tuple(str(f["name"]).replace("_", " ") for f in run.health),
                run.reason)  # fmt: skip


class Cell(NamedTuple):
    """A run in the map.

    Attributes:
      run: its name.
      seed: its seed.
      kind: key of ``KINDS``.
      words: its status.
      findings: names of what is wrong.
      reason: why it ended early, or "".
    """

    run: str
    seed: int
    kind: str
    words: str
    findings: tuple[str, ...]
    reason: str


class Trouble(NamedTuple):
    """A run that did not end well.

    Attributes:
      setting: number of its setting.
      seed: its seed.
      run: how it stands.
      kind: key of ``KINDS``.
      evidence: (finding, sentence, step since when), ...
    """

    setting: int
    seed: int
    run: Run
    kind: str
    evidence: tuple[tuple[str, str, int | None], ...]
