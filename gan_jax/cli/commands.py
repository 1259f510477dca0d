"""The commands on single runs, data and mathematics."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path

from gan_jax.cli.flags import FLAGS
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.paths import expanded


def train(arguments: list[str]) -> int:
    """Train one run; 4 where health.stop ended it."""
    from gan_jax.config import parse_config_flags

    config, others = parse_config_flags(arguments)
    values = FLAGS["train"].read(others)
    from gan_jax.training import process

    process.initialize(values.coordinator_address, values.num_processes, values.process_id)
    process.start()
    from gan_jax.training.loop import train

    result = train(config, values.workdir, command=["gan-jax", "train", *arguments])
    with contextlib.suppress(BrokenPipeError):  # who no longer reads does not make it a failure
        print(result.sample_grid or values.workdir)
    return 4 if result.status == "stopped" else 0


def sample(arguments: list[str]) -> int:
    """Write samples of a stored run."""
    values = FLAGS["sample"].read(arguments)
    from gan_jax.training import process
    from gan_jax.training.run import check_out, load_run, write_samples

    out = check_out(values.out)
    process.start()
    run = load_run(values.workdir, values.checkpoint)
    labels = None if values.label is None else [*islice(cycle(values.label), values.num)]
    write_samples(out, run, run.sample(values.num, values.seed, labels, output=values.output))
    print(out)
    return 0


def translate(arguments: list[str]) -> int:
    """Write what a stored run makes of images."""
    values = FLAGS["translate"].read(arguments)
    from gan_jax.training import process
    from gan_jax.training.run import load_run, translate

    process.start()
    run = load_run(values.workdir, values.checkpoint)
    written = translate(run, values.input, values.out, output=values.output, seed=values.seed)
    print(values.out if len(written) > 1 else written[0])
    return 0


def evaluate(arguments: list[str]) -> int:
    """Measure stored checkpoints and print a table."""
    values = FLAGS["evaluate"].read(arguments)
    from gan_jax.evaluation.table import table
    from gan_jax.metrics.table import METRIC_NAMES
    from gan_jax.metrics.table import parse as parse_metric
    from gan_jax.training import process
    from gan_jax.training.measure import Settings
    from gan_jax.training.run import METRICS, evaluate_runs

    if values.metrics == []:
        raise ConfigError(f"--metrics= is not possible; allowed: {METRIC_NAMES}, with commas")
    settings = Settings(
        metrics=tuple(METRICS if values.metrics is None else values.metrics),
        num=values.num,
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
    process.start()
    print(table(evaluate_runs(_runs(values.workdir), settings, values.checkpoint)))
    return 0


def _runs(given: Sequence[str]) -> list[Path]:
    """The work directories of ``--workdir``: commas separate them, but not in the name of a folder that is there."""
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
    values = FLAGS["data"].read(arguments)
    data_dir = Path(values.data_dir) if values.data_dir else None
    from gan_jax import data

    if values.words == ["list"]:
        print(_table(data.describe(data_dir)))
    else:
        print(data.prepare(values.words[1], data_dir=data_dir, source_dir=values.source_dir))
    return 0


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    from gan_jax.evaluation.table import aligned

    head = ("name", "shape", "examples", "classes", "prepared", "note")
    words = {"True": "yes", "False": "no", "None": "-"}
    return aligned([head, *([words.get(str(row[k]), str(row[k])) for k in head] for row in rows)])


def verify(arguments: list[str]) -> int:
    """Check the mathematics of components; 1 where a property fails."""
    values = FLAGS["verify"].read(arguments)
    from gan_jax.training import process
    from gan_jax.verification.checks import failures, table
    from gan_jax.verification.run import verify

    process.start()
    status = 0
    for title, checks in verify(values.words[0] if values.words else None, values.options):
        print(table(title, checks), flush=True)
        status = 1 if failures(checks) else status
    return status


def figure(arguments: list[str]) -> int:
    """Write a figure of the literature."""
    values = FLAGS["figure"].read(arguments)
    from gan_jax.figures import write
    from gan_jax.training import process

    process.start()
    for path in write(values.words[0], values.workdir):
        print(path)
    return 0
