"""What a sweep would do: its runs, its groups, and how long they may take."""

from collections.abc import Mapping
from pathlib import Path

import jax
from ml_collections import ConfigDict

from gan_jax.build import build_source
from gan_jax.evaluation.table import aligned
from gan_jax.paths import expanded
from gan_jax.sweeps import halving
from gan_jax.sweeps.choose import choose, measure
from gan_jax.sweeps.plan import plan, shape_of
from gan_jax.sweeps.records import DONE, Group, status_of
from gan_jax.sweeps.space import Sweep, expand, run_name
from gan_jax.training import process
from gan_jax.training.shared import shared_by

PROBED = 4  # groups that are timed; others of the same shape take the same time
SHOWN = 60  # runs that are listed


def describe(wanted: Sweep, base: ConfigDict, workdir: str | Path, *, width: int = 0) -> str:
    """Say what a sweep would do; nothing is written but the cache of compiled programs.

    Args:
      wanted: the sweep.
      base: the configuration that its points change.
      workdir: where runs may be done already.
      width: most runs on a device; 0 measures.

    Returns:
      Lines: the runs, the groups, and an estimate of the time from a short probe of their programs.

    Raises:
      ConfigError: a point of the sweep is not possible.
      DataError: data is missing.
    """
    workdir = expanded("workdir", workdir)
    laid_out = expand(wanted, base)
    runs = {run_name(config): config for _, config in laid_out}
    if wanted.halving:
        halving.check(wanted, runs)
    fields = list(laid_out[0][0])
    rows = [[name, *(str(point[field]) for field in fields), status_of(workdir, name)]
            for name, (point, _) in zip(runs, laid_out, strict=True)]  # fmt: skip
    lines = [aligned([["run", *fields, "status"], *rows[:SHOWN]])]
    if len(rows) > SHOWN:
        lines.append(f"... and {len(rows) - SHOWN} more")
    rungs = halving.rungs(wanted, runs)
    groups = plan(workdir, runs, 0, rungs[0])
    left = sum(status_of(workdir, run) not in DONE for run in runs)
    lines += [
        f"{len(runs)} runs, {left} left, in {len(groups)} groups; the runs of a group share one compiled program",
        *_probed(groups, runs, width, rungs),
    ]
    return "\n".join(lines)


def _probed(groups: list[Group], runs: Mapping[str, ConfigDict], width: int, rungs: list[int | None]) -> list[str]:
    process.keep_programs()
    times: dict[str, tuple[float, float, str]] = {}
    lines, seconds = [], 0.0
    for group in groups:
        config = runs[group.runs[0]]
        shape = shape_of(config)
        if shape not in times and len(times) < PROBED:
            times[shape] = _time(group, runs, width)
        known = shape in times
        per_step, compiling, why = times.get(shape) or max(times.values())
        took = compiling + per_step * len(group.runs) * (group.until - group.begin)
        seconds += took
        note = why if known else "not probed; as the slowest that was"
        rate = f"{_minutes(took)}, {1 / per_step:,.0f} steps/s over all runs ({note})" if per_step else note
        lines.append(f"  group {group.name}: {len(group.runs)} runs, steps {group.begin:,} to {group.until:,}, {rate}")
    with_halving = f" up to the first rung; the later ones are at {', '.join(map(str, rungs[1:-1]))} and the end"
    lines.append(
        f"about {_minutes(seconds)} of training and compiling{with_halving if len(rungs) > 1 else ''}, without "
        "evaluations, samples and checkpoints"
    )
    return lines


def _time(group: Group, runs: Mapping[str, ConfigDict], width: int) -> tuple[float, float, str]:
    """(seconds per step of one run, seconds of compiling, why so)."""
    configs = [runs[run] for run in group.runs]
    source = build_source(configs[0])
    if source.stream is not None:
        return 0.0, 0.0, "streamed data: not probed"
    shared = shared_by(configs[0], source, lambda line: None)
    choice = choose(shared, configs, width)
    if choice.seconds_per_step:
        return choice.seconds_per_step[choice.way], choice.compile_seconds, f"{choice.way}: {choice.why}"
    devices = jax.device_count()
    per_step, _, compiling = measure(shared, configs, -(-choice.width // devices))
    return per_step, compiling, f"{choice.way}: {choice.why}"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"
