"""From the records of a run to what is wrong with it, in words. Pure Python: no arrays, no state."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice, pairwise
from statistics import median
from typing import NamedTuple

from gan_jax.health.loss_scale import LossScale

Record = Mapping[str, float]
Test = Callable[[Record], bool | None]

HEALTHY = "healthy"
# In this order in what ``diagnose`` returns.
STATES = (
    "non_finite",
    "diverging",
    "discriminator_won",
    "vanishing_generator_gradient",
    "saturated_logits",
    "collapsed",
    "oscillating",
)
EARLY = 100  # records from the beginning that say what is usual in this run
HEAD = ("step", "images_seen", "seconds", "images_per_second")


def diagnose(
    history: Sequence[Record],
    scale: LossScale | None = None,
    total_steps: int | None = None,
    limits: "Limits | None" = None,
) -> "tuple[Finding, ...]":
    """Name what is wrong with a run *now*.

    A condition is called only while it has held in every one of the latest records that bear on it: at least
    ``limits.records`` of them, over at least ``limits.share`` of the run's steps; one good record ends it. Records
    without the numbers that it needs neither support nor end it. Only ``non_finite`` is called at once. The first
    ``limits.warm_up`` of the run, and its first ``limits.young`` steps, where nothing is learned yet, are judged for
    ``non_finite`` and ``diverging`` alone.

    - ``non_finite``: the latest record has a number that is NaN or infinite.
    - ``diverging``: a loss, gradient, update or mean logit is above 1000 and 1000 times what it was in the first
      records. Of a loss with a known equilibrium also: its cost is 1000 times that of the equilibrium.
    - ``discriminator_won``: its cost is below 1% of the equilibrium's, counted from the least cost that there is. Not
      of losses without one, such as the Wasserstein loss.
    - ``vanishing_generator_gradient``: below 1% of its largest early value, while the discriminator's cost is below 10%
      (where it is not, a small gradient may well be the equilibrium). For the same losses only.
    - ``saturated_logits``: both mean logits are beyond 15 on their sides, where D is 0 or 1 to six digits. Only where
      logits are log-odds; other losses give their logits other scales.
    - ``collapsed``: generated examples are less than 0.25 as far apart as real ones, or span less than 0.15 of
      their effective dimensions, or hold at most a quarter of the known modes, or their recall is below 0.02.
    - ``oscillating``: at most half of the known modes are held at a time, and the heaviest changes in at least half of
      the steps from one record to the next, over at least three different ones.

    A run is *hopeless* while it is not finite, or where ``diverging``, ``discriminator_won``,
    ``vanishing_generator_gradient`` or ``collapsed`` has lasted for ``limits.hopeless_share`` of the run.

    ``history`` are the run's records in order, as in metrics.jsonl, and records of its evaluations, by value name.
    Numbers that are not there are not judged, nor what needs the scale of a loss of which nothing is known. Without
    ``total_steps``, those planned, the run is as long as its records. The findings are in the order of ``STATES``; ()
    where there is nothing to say, which is ``HEALTHY``.
    """
    if not history:
        return ()
    limits, scale = limits or Limits(), scale or LossScale()
    wrong = [name for name, value in history[-1].items() if name not in HEAD and not math.isfinite(value)]
    if wrong:
        step = int(history[-1]["step"])
        named = ", ".join(f"{name} is {history[-1][name]}" for name in wrong[:3])
        return (Finding("non_finite", step, f"{named} at step {step:,}", True),)
    early = list(islice(history, EARLY))
    total = total_steps or int(history[-1]["step"])
    tests: dict[str, tuple[Test, Callable[[list[Record]], str]]] = {
        "diverging": _diverging(early, scale, limits),
        "discriminator_won": _won(scale, limits),
        "vanishing_generator_gradient": _vanishing(early, scale, limits),
        "saturated_logits": _saturated(scale, limits),
        "collapsed": _collapsed(limits),
        "oscillating": _few_modes(),
    }
    findings = []
    for name in STATES[1:]:
        test, describe = tests[name]
        held = _held(history, test, 0 if name == "diverging" else max(limits.warm_up * total, limits.young))
        if not _lasting(held, total, limits.records, limits.share):
            continue
        if name == "oscillating" and not _wanders(held):
            continue
        since, now = int(held[0]["step"]), int(held[-1]["step"])
        hopeless = name not in ("saturated_logits", "oscillating") and now - since >= limits.hopeless_share * total
        text = f"{describe(held)} in all {len(held)} records from step {since:,} to {now:,}"
        findings.append(Finding(name, since, text, hopeless))
    return tuple(findings)


def _held(history: Sequence[Record], test: Test, begin: float) -> list[Record]:
    """The latest records after ``begin``, of those that the test can judge, back to the first that it rejects."""
    held: list[Record] = []
    for record in reversed(history):
        if record["step"] <= begin:
            break
        verdict = test(record)
        if verdict is None:
            continue
        if not verdict:
            break
        held.append(record)
    return held[::-1]


def _lasting(held: list[Record], total: int, records: int, share: float) -> bool:
    return len(held) >= records and held[-1]["step"] - held[0]["step"] >= share * total


def _diverging(early: list[Record], scale: LossScale, limits: "Limits") -> tuple[Test, Callable[[list[Record]], str]]:
    names = {
        name
        for record in early
        for name in record
        if name.endswith(("/loss", "/objective", "_logits", "/gradient_norm", "/update_norm"))
    }
    # The first few records alone: a run that diverges from the beginning is to be measured against its beginning.
    usual = {name: median([abs(r[name]) for r in early[: limits.records] if name in r] or [math.inf]) for name in names}
    bound = {name: limits.growth * max(1.0, value) for name, value in usual.items()}
    if scale.equilibrium is not None:
        bound["discriminator/loss"] = limits.growth * max(abs(scale.equilibrium), 1e-3)

    def large(record: Record) -> list[str]:
        return [name for name, most in bound.items() if name in record and abs(record[name]) > most]

    def describe(held: list[Record]) -> str:
        name = max(large(held[-1]), key=lambda n: abs(held[-1][n]) / bound[n])
        return f"{name} is {held[-1][name]:.3g}, above {bound[name]:.3g}"

    return lambda record: bool(large(record)), describe


def _won(scale: LossScale, limits: "Limits") -> tuple[Test, Callable[[list[Record]], str]]:
    def test(record: Record) -> bool | None:
        remaining = _remaining(record, scale)
        return None if remaining is None else remaining < limits.won

    def describe(held: list[Record]) -> str:
        return (
            f"discriminator/loss is {held[-1]['discriminator/loss']:.3g}, below {limits.won:.0%} of the way from the "
            f"least ({round(scale.won or 0.0, 6):g}) to the equilibrium ({scale.equilibrium:.4g}),"
        )

    return test, describe


def _vanishing(early: list[Record], scale: LossScale, limits: "Limits") -> tuple[Test, Callable[[list[Record]], str]]:
    name = "generator/gradient_norm"
    largest = max((r[name] for r in early if name in r), default=0.0)

    def test(record: Record) -> bool | None:
        remaining = _remaining(record, scale)
        if remaining is None or name not in record:
            return None
        return remaining < 10 * limits.won and record[name] < limits.vanished * largest

    def describe(held: list[Record]) -> str:
        return f"{name} is {held[-1][name]:.3g}, below {limits.vanished:.0%} of its early {largest:.3g},"

    return test, describe


def _saturated(scale: LossScale, limits: "Limits") -> tuple[Test, Callable[[list[Record]], str]]:
    names = ("discriminator/real_logits", "discriminator/fake_logits")

    def test(record: Record) -> bool | None:
        if not scale.log_odds or not all(name in record for name in names):
            return None
        return record[names[0]] > limits.saturated and record[names[1]] < -limits.saturated

    def describe(held: list[Record]) -> str:
        return f"mean logits are {held[-1][names[0]]:.3g} of real and {held[-1][names[1]]:.3g} of generated examples"

    return test, describe


def _collapsed(limits: "Limits") -> tuple[Test, Callable[[list[Record]], str]]:
    bounds = {
        "samples/diversity": limits.diversity,
        "samples/effective_rank": limits.effective_rank,
        "samples/modes": limits.modes,
    }

    def bound(name: str) -> float | None:
        return limits.recall if name.rpartition(":")[2].startswith("recall") else bounds.get(name)

    def small(record: Record) -> list[str]:
        known = [(name, bound(name)) for name in record]
        return [n for n, b in known if b is not None and (record[n] <= b if n == "samples/modes" else record[n] < b)]

    def test(record: Record) -> bool | None:
        return bool(small(record)) if any(bound(name) is not None for name in record) else None

    def describe(held: list[Record]) -> str:
        return "; ".join(f"{n} is {held[-1][n]:.3g} (limit {bound(n):.3g})" for n in small(held[-1]))

    return test, describe


def _few_modes() -> tuple[Test, Callable[[list[Record]], str]]:
    def test(record: Record) -> bool | None:
        if "samples/modes" not in record or "samples/heaviest_mode" not in record:
            return None
        return record["samples/modes"] <= 0.5

    def describe(held: list[Record]) -> str:
        most, changes = max(r["samples/modes"] for r in held), _changes(_heaviest(held))
        return f"at most {most:.0%} of the modes are held at once and the heaviest changed {changes} times,"

    return test, describe


def _wanders(held: list[Record]) -> bool:
    heaviest = _heaviest(held)
    return _changes(heaviest) >= (len(heaviest) - 1) / 2 and len({*heaviest}) >= 3


def _heaviest(held: list[Record]) -> list[int]:
    return [int(record["samples/heaviest_mode"]) for record in held]


def _changes(modes: list[int]) -> int:
    return sum(a != b for a, b in pairwise(modes))


def _remaining(record: Record, scale: LossScale) -> float | None:
    return scale.remaining(record["discriminator/loss"]) if "discriminator/loss" in record else None


class Limits(NamedTuple):
    """When a condition is called. The defaults gave no alarm in any of the healthy runs that tests hold."""

    records: int = 5  # fewest records in a row
    share: float = 0.1  # of the run's steps that they span at least
    warm_up: float = 0.2  # share of the run's steps at its beginning that are not judged
    young: int = 100  # steps at its beginning that are not judged in any case
    hopeless_share: float = 0.3  # of the run's steps, after which a condition is hopeless
    won: float = 0.01  # discriminator's remaining cost, of the equilibrium's; ten times it for the generator's gradient
    vanished: float = 0.01  # generator's gradient norm, of its largest early one
    saturated: float = 15.0  # mean logit, on both sides
    growth: float = 1000.0  # ratio to early values, or to the equilibrium's cost
    diversity: float = 0.25  # ratio of mean distances
    effective_rank: float = 0.15  # ratio of effective ranks
    modes: float = 0.25  # share of the known modes
    recall: float = 0.02  # of an evaluation


class Finding(NamedTuple):
    """Something that is wrong.

    Attributes:
      name: one of ``STATES``.
      since: step of the first record of those that show it.
      evidence: one sentence with the numbers.
      hopeless: whether more steps will not mend it, as far as can be told.
    """

    name: str
    since: int
    evidence: str
    hopeless: bool
