"""The commands on single runs, data and mathematics."""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gan_jax.cli.parsing import REQUIRED, no_words, parse, required
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.paths import expanded


def train(arguments: list[str]) -> int:
    """Train one run; 4 where health.stop ended it."""
    from gan_jax.config import parse_config_flags

    config, others = parse_config_flags(arguments)
    values, rest = parse("train", others)
    no_words(rest, "train")
    required(values, "train", "workdir")
    from gan_jax.training import backend, distributed

    distributed.initialize(values.coordinator_address, values.num_processes, values.process_id)
    backend.start()
    from gan_jax.training.loop import train

    result = train(config, values.workdir, command=["gan-jax", "train", *arguments])
    with contextlib.suppress(BrokenPipeError):  # who no longer reads does not make it a failure
        print(result.sample_grid or values.workdir)
    return 4 if result.status == "stopped" else 0


def sample(arguments: list[str]) -> int:
    """Write samples of a stored run."""
    values, rest = parse("sample", arguments)
    no_words(rest, "sample")
    required(values, "sample", "workdir", "out")
    from gan_jax.training import backend
    from gan_jax.training.sampling import check_out, load_run, write_samples

    out = check_out(values.out)
    backend.start()
    run = load_run(values.workdir, values.checkpoint)
    write_samples(out, run, run.sample(values.num or 64, values.seed))
    print(out)
    return 0


def evaluate(arguments: list[str]) -> int:
    """Measure stored checkpoints and print a table."""
    values, rest = parse("evaluate", arguments)
    no_words(rest, "evaluate")
    required(values, "evaluate", "workdir")
    from gan_jax.evaluation.table import table
    from gan_jax.metrics.table import METRIC_NAMES
    from gan_jax.metrics.table import parse as parse_metric
    from gan_jax.training import backend
    from gan_jax.training.evaluate_runs import METRICS, evaluate_runs
    from gan_jax.training.evaluator import Settings

    if values.metrics == []:
        raise ConfigError(f"--metrics= is not possible; allowed: {METRIC_NAMES}, with commas")
    settings = Settings(
        metrics=tuple(METRICS if values.metrics is None else values.metrics),
        num=values.num or 10_000,
        split=values.split,
        validation=values.validation,
        weights=values.weights,
        extractor=values.extractor,
        repeats=values.repeats,
        seed=values.seed,
    )
    for name in settings.metrics:
        parse_metric(name)
        if settings.metrics.count(name) > 1:
            raise ConfigError(f"--metrics={','.join(settings.metrics)} names {name!r} twice; allowed: each metric once")
    backend.start()
    print(table(evaluate_runs(_runs(values.workdir), settings, values.checkpoint)))
    return 0


def _runs(given: Sequence[str]) -> list[Path]:
    """The work directories of ``--workdir``: commas separate them, but not in the name of a folder that is there.

    Raises:
      ConfigError: a name is empty, or is that of a run that was named before.
      WorkdirError: of several names one is no folder.
    """
    found: dict[Path, Path] = {}
    for words in given:
        names = [words] if os.path.isdir(os.path.expanduser(words)) else words.split(",")
        for name in names:
            if not name:
                raise ConfigError(f"--workdir={words} has an empty name; allowed: --workdir=DIR or --workdir=DIR,DIR")
            path = expanded("--workdir", name)
            if len(names) > 1 and not path.is_dir():
                raise WorkdirError(
                    f"--workdir={words}: there is no folder {name!r}; "
                    "commas separate runs, but not in the name of a folder that is there"
                )
            if path.resolve() in found:
                raise ConfigError(f"--workdir={words} names {name!r} twice; allowed: each run once")
            found[path.resolve()] = path
    return [*found.values()]


def data(arguments: list[str]) -> int:
    """List or prepare data sets."""
    values, rest = parse("data", arguments)
    data_dir = Path(values.data_dir) if values.data_dir else None
    from gan_jax import data

    if rest == ["list"]:
        print(_table(data.describe(data_dir)))
        return 0
    if len(rest) == 2 and rest[0] == "prepare":
        print(data.prepare(rest[1], data_dir=data_dir, source_dir=values.source_dir))
        return 0
    raise ConfigError(f"`{' '.join(['data', *rest])}` is not understood; allowed: data list, data prepare NAME")


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    head = ("name", "shape", "examples", "classes", "prepared", "note")
    words = {"True": "yes", "False": "no", "None": "-"}
    cells = [head, *(tuple(words.get(str(row[k]), str(row[k])) for k in head) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)


def verify(arguments: list[str]) -> int:
    """Check the mathematics of components; 1 where a property fails."""
    values, rest = parse("verify", arguments)
    if len(rest) > 1:
        raise ConfigError(f"{rest[1]!r} is not understood; `verify` takes one name, or none for everything")
    options = _json_object(values.options)
    from gan_jax.training import backend
    from gan_jax.verification.checks import failures, table
    from gan_jax.verification.run import verify

    backend.start()
    status = 0
    for title, checks in verify(rest[0] if rest else None, options):
        print(table(title, checks), flush=True)
        status = 1 if failures(checks) else status
    return status


def _json_object(text: str | None) -> dict[str, object]:
    try:
        made = {} if text is None else json.loads(text)
    except ValueError:
        made = None
    if not isinstance(made, dict):
        raise ConfigError(f"""--options={text} is not possible; allowed: a JSON object such as '{{"c": 0.0}}'""")
    return made


def figure(arguments: list[str]) -> int:
    """Write a figure of the literature."""
    values, rest = parse("figure", arguments)
    from gan_jax.figures import FIGURES, find, write
    from gan_jax.training import backend

    if len(rest) != 1:
        said = f"{rest[1]!r} is not understood" if rest else "the figure's name is missing"
        raise ConfigError(f"{said}; `figure` needs {REQUIRED['figure']}; names: {', '.join(FIGURES)}")
    find(rest[0])
    required(values, "figure", "workdir")
    backend.start()
    for path in write(rest[0], values.workdir):
        print(path)
    return 0
