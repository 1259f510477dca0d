"""Successive halving: of the settings that were trained up to a rung, the best are trained on.

Whole settings go on or end, with all their seeds: choosing among the seeds of a setting would favour lucky ones.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax.errors import ConfigError
from gan_jax.evaluation import records as evaluations
from gan_jax.metrics.table import better_of, values_of
from gan_jax.sweeps.records import DONE, read_groups, read_result, run_folder
from gan_jax.sweeps.space import Sweep
from gan_jax.training.records import write_text
from gan_jax.training.together import Show


def check(wanted: Sweep, runs: Mapping[str, ConfigDict]) -> None:
    """Refuse a sweep whose runs do not measure at its rungs what they are chosen by.

    Raises:
      ConfigError: names the field.
    """
    assert wanted.halving is not None
    name = metric_of(wanted)
    for config in runs.values():
        measured = {value for metric in config.evaluation.metrics for value in values_of(metric)}
        if name not in measured or not config.evaluation.every:
            raise ConfigError(
                f"halving.metric={name!r} is not measured; allowed: a value of evaluation.metrics="
                f"{config.evaluation.metrics!r}, with evaluation.every above 0"
            )


def metric_of(wanted: Sweep) -> str:
    """The value by which settings are chosen."""
    assert wanted.halving is not None
    return wanted.halving.metric or wanted.metric


def rungs(wanted: Sweep, runs: Mapping[str, ConfigDict]) -> list[int | None]:
    """Steps at which settings are chosen, ascending, then None: the end of each run."""
    if wanted.halving is None:
        return [None]
    last, steps = max(config.steps for config in runs.values()), []
    step = wanted.halving.first
    while step < last:
        steps.append(step)
        step *= wanted.halving.factor
    return [*steps, None]


def scores(workdir: Path, runs: Mapping[str, Any], metric: str, step: int) -> dict[str, float]:
    """Each run's value at a step; infinitely bad where it has none, or none that is a number."""
    worst = -math.inf if _higher(metric) else math.inf
    found = {}
    for run in runs:
        values = [
            float(record["value"])
            for record in evaluations.read(run_folder(workdir, run))
            if record["step"] == step and record["metric"] == metric and record["by"] == "train"
        ]
        found[run] = values[-1] if values and not math.isnan(values[-1]) else worst
    return found


def ranking(
    workdir: Path, runs: Mapping[str, ConfigDict], points: Mapping[str, dict[str, Any]], metric: str, step: int
) -> list[tuple[list[str], float]]:
    """Settings that have all reached a rung, the best first: (runs, mean value over seeds).

    A setting with a run that ended before the rung has that run's infinitely bad value in its mean.
    """
    settings: dict[str, list[str]] = {}
    for run in runs:
        settings.setdefault(setting_of(points[run]), []).append(run)
    value = scores(workdir, runs, metric, step)
    means = [(own, sum(value[run] for run in own) / len(own)) for own in settings.values()]
    return sorted(means, key=lambda item: -item[1] if _higher(metric) else item[1])


def setting_of(point: Mapping[str, Any]) -> str:
    """What runs of one setting have in common: all but the seed."""
    return json.dumps({field: value for field, value in point.items() if field != "seed"}, sort_keys=True)


def select(
    workdir: Path, wanted: Sweep, runs: Mapping[str, ConfigDict], points: Mapping[str, dict[str, Any]], step: int,
    show: Show,
) -> None:  # fmt: skip
    """End the settings that are not among the best at a rung. Those that went on before stay, whoever comes later."""
    assert wanted.halving is not None
    metric = metric_of(wanted)
    there = {run: config for run, config in runs.items() if reached(workdir, run, step)}
    ranked = ranking(workdir, there, points, metric, step)
    keep = max(1, math.ceil(len(ranked) / wanted.halving.factor))
    climbed = {run for group in read_groups(workdir) if group.begin == step for run in group.runs}
    for place, (own, mean) in enumerate(ranked, 1):
        if place > keep:
            reason = f"{metric} {mean:.4g} at step {step:,}, place {place} of {len(ranked)} settings; {keep} went on"
            for run in (run for run in own if run not in climbed):
                _eliminate(workdir, run, step, reason, runs[run].steps, show)
    show.say(f"step {step:,}: {min(keep, len(ranked))} of {len(ranked)} settings go on, by {metric}")


def reached(workdir: Path, run: str, step: int) -> bool:
    """Whether a run has been at a rung, or ended before it without being eliminated at an earlier one."""
    result = read_result(workdir, run)
    return result is not None and (
        result["step"] >= step or (result["status"] in DONE and result["status"] != "eliminated")
    )


def _eliminate(workdir: Path, run: str, step: int, reason: str, steps: int, show: Show) -> None:
    path = run_folder(workdir, run) / "result.json"
    result = read_result(workdir, run)
    if result is not None and result["status"] == "paused" and result["step"] == step:
        write_text(path, json.dumps({**result, "status": "eliminated", "reason": reason}, indent=2) + "\n")
        show.ended("eliminated")
        show.advance(steps - result["step"])


def _higher(metric: str) -> bool:
    return better_of(metric) == "higher"
