"""Runs a sweep: lays it out, has its groups trained by an executor, writes its results; or says what it would do."""

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.build import build_game, build_source
from gan_jax.errors import ConfigError
from gan_jax.evaluation.records import versions
from gan_jax.evaluation.scores import find_score
from gan_jax.evaluation.table import aligned
from gan_jax.idle import refuse_undrawn
from gan_jax.metrics.table import is_score, parse
from gan_jax.paths import expanded
from gan_jax.status import Status
from gan_jax.stored import read_object, write_object
from gan_jax.sweeps import halving, layout
from gan_jax.sweeps.executors import Executor, Lines, train_over_hosts
from gan_jax.sweeps.layout import FILE, Group, Layout, run_folder, status_of
from gan_jax.sweeps.runs import NOT_TRAINED
from gan_jax.sweeps.sweep import Sweep
from gan_jax.sweeps.table import write_results
from gan_jax.sweeps.train import Job, choose, measure
from gan_jax.training import process
from gan_jax.training.loop import shared_by
from gan_jax.training.progress import Progress
from gan_jax.training.records import PACKAGES, locked
from gan_jax.training.sampling import find_output

WRITTEN = ("results.csv", "results.parquet", "summary.json", "report.html")  # beside runs, groups and sweep.json
PROBED = 4  # groups that are timed; others of the same shape take the same time
SHOWN = 60  # runs that are listed
EVERY = 20.0  # seconds between lines where there is no bar


def sweep(
    wanted: Sweep, base: ConfigDict, workdir: str | Path, executor: Executor, *, width: int = 0,
    about: Mapping[str, Any] | None = None, progress: bool = True, retry_failed: bool = False,
) -> dict[str, int]:  # fmt: skip
    """Train what is missing of a sweep, and count runs by status; in all processes but the first {}.

    ``about``, for the records, has "command", "config", "sweep" and "overrides" as given on the command line.
    """
    laid = layout.lay_out(wanted, base, expanded("workdir", workdir))
    over_hosts = jax.process_count() > 1
    _check(laid, over_hosts)
    about = {"command": [], "config": "", "sweep": "", "overrides": [], **(about or {})}
    job = Job(laid.workdir, (), width, about["command"], wanted.resources, Lines())
    if jax.process_index() > 0:
        train_over_hosts(job, laid.runs)
        return {}
    with locked(laid.workdir):
        _check_no_files(laid.workdir)
        _write_layout(laid, base, about)
        for run in laid.runs if retry_failed else ():
            if status_of(laid.workdir, run) == Status.FAILED:
                (run_folder(laid.workdir, run) / "result.json").unlink()
        statuses = {run: status_of(laid.workdir, run) for run in laid.runs}
        steps = sum(laid.runs[run].steps for run, status in statuses.items() if not status.done)
        ended = Counter(status for status in statuses.values() if status.done)
        show = SweepProgress(steps, len(statuses), ended, enabled=progress)
        ladder = halving.Ladder(laid, show, executor.asynchronous)
        try:
            if over_hosts:
                train_over_hosts(job._replace(show=show), laid.runs)
            elif groups := ladder.first():
                executor.train(job._replace(groups=groups, show=show, more=ladder.more))
            else:
                show.say("nothing is left to do")
        finally:
            show.close()
            write_results(laid.workdir)
    return dict(Counter(status_of(laid.workdir, run).value for run in laid.runs))


def _check(laid: Layout, over_hosts: bool) -> None:
    """Refuse what cannot be trained, before anything is written: data that is missing, nothing to draw and evaluate."""
    halving.check(laid)
    asked = laid.wanted.halving
    if asked and over_hosts:
        raise ConfigError(f"halving={asked} with several processes; allowed: halving=None, or one process")
    games = {}
    for structure, config in {layout.structure_of(config): config for config in laid.runs.values()}.items():
        source = build_source(config)
        games[structure] = game = build_game(config, source)
        for metric in config.evaluation.metrics if config.evaluation.every else ():
            if is_score(metric):
                find_score(game, parse(metric).metric)
            else:
                find_output(game, parse(metric).output)
        if asked and source.stream is not None:
            raise ConfigError(
                f"halving={asked} with data.name={config.data.name!r}, which is streamed: such a run is "
                "trained to its end at once; allowed: halving=None, or data that fits in memory"
            )
    drawn = [(configs.flatten(config), games[layout.structure_of(config)]) for config in laid.runs.values()]
    refuse_undrawn(drawn)


def _check_no_files(workdir: Path) -> None:
    """Refuse to write over what lies in a directory that holds no sweep."""
    found = [name for name in (*WRITTEN, "runs", "groups") if (workdir / name).exists()]
    if found and not (workdir / FILE).exists():
        raise ConfigError(
            f"work directory {str(workdir)!r} has no {FILE} and so holds no sweep, but {', '.join(found)}, which the "
            "sweep would overwrite; allowed: another --workdir, or these moved away"
        )


def _write_layout(laid: Layout, base: ConfigDict, about: Mapping[str, Any]) -> None:
    """sweep.json, with what earlier starts had laid out, and each run's configuration."""
    workdir, wanted, runs, _ = laid
    earlier = read_object(workdir / FILE, layout.NEEDED) or {"runs": {}, "commands": [], "base": base.to_dict()}
    for run, config in runs.items():
        if not status_of(workdir, run).done:
            run_folder(workdir, run).mkdir(parents=True, exist_ok=True)
            write_object(run_folder(workdir, run) / "config.json", config.to_dict())
    others = [run for run in earlier["runs"] if run not in runs and run_folder(workdir, run).exists()]  # not deleted
    every = {run: layout.read_run_config(workdir, run) for run in others} | {**runs}
    flat = {run: configs.flatten(config) for run, config in every.items()}
    named = {field: None for run in earlier["runs"].values() for field in run} | dict.fromkeys(wanted.space.fields)
    # What a run leaves out is told by the fields of the space; another base than before is not.
    known = named | dict.fromkeys(configs.difference(configs.from_json(json.dumps(earlier["base"])), base))
    fields = [field for field in known if field != "seed" and _varies(field, [*flat.values()])]
    # Fields that the base does not have, alike in all runs that have them: who repeats a run must set them.
    of_roles = [field for field in named if field not in fields and field not in configs.flatten(base)]
    command = about["command"]
    found = {
        "question": wanted.question,
        "metric": wanted.metric,
        **{name: value for name, value in about.items() if name != "command"},
        "commands": [*(one for one in earlier["commands"] if one != command), command],
        "base": base.to_dict(),
        "fields": fields,
        "seeds": sorted({own["seed"] for own in flat.values()}),
        "runs": {run: {field: own.get(field) for field in (*fields, *of_roles, "seed")} for run, own in flat.items()},
        "halving": dataclasses.asdict(wanted.halving) if wanted.halving else None,
        "versions": versions(PACKAGES),
    }
    write_object(workdir / FILE, found)


def _varies(field: str, flat: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a field differs among the runs that have it; where only some do, it is the game that tells them apart."""
    values = [one[field] for one in flat if field in one]
    return not field.startswith(NOT_TRAINED) and any(value != values[0] for value in values)


def describe(wanted: Sweep, base: ConfigDict, workdir: str | Path, *, width: int = 0) -> str:
    """Say what a sweep would do: its runs, its groups, and the time that a short probe of their programs promises."""
    laid = layout.lay_out(wanted, base, expanded("workdir", workdir))
    halving.check(laid)
    statuses = {run: status_of(laid.workdir, run) for run in laid.runs}
    rows = [["run", *next(iter(laid.points.values())), "status"]]
    for run, status in statuses.items():  # None: a field that a run's game does not have
        rows.append([run, *("-" if value is None else str(value) for value in laid.points[run].values()), status])
    more = [f"... and {len(statuses) - SHOWN} more"] if len(statuses) > SHOWN else []
    rungs = halving.rungs(laid)
    groups = layout.plan(laid.workdir, laid.runs, 0, rungs[0] if rungs else None)
    left = sum(not status.done for status in statuses.values())
    head = f"{len(statuses)} runs, {left} left, in {len(groups)} groups; the runs of a group share one compiled program"
    return "\n".join([aligned(rows[: SHOWN + 1]), *more, head, *_probed(groups, laid.runs, width, rungs)])


def _probed(groups: list[Group], runs: Mapping[str, ConfigDict], width: int, rungs: list[int]) -> list[str]:
    process.keep_programs()
    times: dict[str, tuple[float, float, str]] = {}
    lines, seconds = [], 0.0
    for group in groups:
        shape = layout.shape_of(runs[group.runs[0]])
        if shape not in times and len(times) < PROBED:
            times[shape] = _time([runs[run] for run in group.runs], width)
        per_step, compiling, note = times.get(shape) or max(times.values())
        note = note if shape in times else "not probed; as the slowest that was"
        took = compiling + per_step * len(group.runs) * (group.until - group.begin)
        seconds += took
        rate = f"{_minutes(took)} min, {1 / per_step:,.0f} steps/s over all runs ({note})" if per_step else note
        lines.append(f"  group {group.name}: {len(group.runs)} runs, steps {group.begin:,} to {group.until:,}, {rate}")
    with_halving = f" up to the first rung; the later ones are at {', '.join(map(str, rungs[1:]))} and the end"
    lines.append(
        f"about {_minutes(seconds)} min of training and compiling{with_halving if rungs else ''}, without "
        "evaluations, samples and checkpoints"
    )
    return lines


def _time(configs: Sequence[ConfigDict], width: int) -> tuple[float, float, str]:
    """(seconds per step of one run, seconds of compiling, why so) of runs that share a program."""
    source = build_source(configs[0])
    if source.stream is not None:
        return 0.0, 0.0, "streamed data: not probed"
    shared = shared_by(configs[0], source)
    choice = choose(shared, configs, width)
    per_step, compiling = choice.seconds_per_step.get(choice.way), choice.compile_seconds
    if per_step is None:
        per_step, _, compiling = measure(shared, configs, -(-choice.width // jax.device_count()))
    return per_step, compiling, f"{choice.way}: {choice.why}"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class SweepProgress(Progress):
    """Steps over all runs, the time left, and how many runs are left and ended, some of them before this start."""

    def __init__(self, steps: int, runs: int, ended: Mapping[Status, int], *, enabled: bool) -> None:
        super().__init__(steps, enabled=enabled)
        self.runs, self.counts, self.at = runs, Counter(ended), 0
        self._begun = self._said = time.perf_counter()
        self.begin(0, unit_scale=True, smoothing=0.05)
        self._words()

    def advance(self, steps: int) -> None:
        """So many more steps are done, over all runs."""
        self.at += steps
        now = time.perf_counter()
        if self._bar is not None:
            self._bar.update(steps)
        elif now - self._said > EVERY:
            self._said = now
            share = self.at / max(self.total, 1)
            left = f"  {_minutes((now - self._begun) * (1 - share) / share)} left" if share > 0 else ""
            self.say(f"{share:4.0%}  {self.words()}{left}")

    def ended(self, status: str) -> None:
        """A run ended."""
        self.counts[Status(status)] += 1
        self._words()

    def words(self) -> str:
        """How many runs are done, failed and left."""
        done = self.counts[Status.FINISHED]
        others = {k: n for k, n in sorted(self.counts.items()) if k not in (Status.FINISHED, Status.PAUSED) and n}
        left = self.runs - done - sum(others.values())
        return ", ".join([f"{done} done", *(f"{n} {status}" for status, n in others.items()), f"{left} left"])

    def _words(self) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(self.words())
