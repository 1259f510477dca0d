"""The command line: ``gan-jax COMMAND --flag=value ...``."""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from absl import app, flags, logging

from gan_jax import __version__
from gan_jax.errors import ConfigError, GanJaxError
from gan_jax.registry import nearest

USAGE = """gan-jax: generative adversarial networks in JAX.

  gan-jax train  --config=FILE.py[:VARIANT] --workdir=DIR [--config.FIELD=VALUE ...]   continues if DIR holds the run
  gan-jax sample --workdir=DIR --out=FILE.png|FILE.npy [--num=64] [--seed=0] [--checkpoint=latest|STEP]
  gan-jax evaluate --workdir=DIR[,DIR...] [--metrics=frechet_lenet,...] [--checkpoint=latest|best|all|STEP,...]
                 [--num=10000] [--repeats=1] [--seed=0] [--split=test]   appends to evaluation.jsonl, prints a table
  gan-jax data   list [--data_dir=DIR]
  gan-jax data   prepare NAME [--data_dir=DIR] [--source_dir=DIR]
  gan-jax verify [NAME | package.module:attribute] [--options='{"OPTION": VALUE}']   checks its mathematics
  gan-jax figure costs|dirac|frechet_bias --workdir=DIR   figures of the literature; dirac takes a minute or two

Several processes train one run when each is given --coordinator_address, --num_processes and --process_id.
Exit status: 0 done, 1 data, files, space or a property that fails, 2 a wrong flag or configuration, 3 a loss that is
not finite, 4 hopeless and stopped by health.stop, 130 and 143 saved and stopped by Ctrl-C and SIGTERM."""

REQUIRED: Mapping[str, str] = {
    "train": "--config=FILE.py[:VARIANT] --workdir=DIR",
    "sample": "--workdir=DIR --out=FILE.png|FILE.npy",
    "evaluate": "--workdir=DIR[,DIR...]",
    "figure": "NAME --workdir=DIR",
}

FLAGS_OF: Mapping[str, tuple[str, ...]] = {
    "train": ("workdir", "coordinator_address", "num_processes", "process_id"),
    "sample": ("workdir", "checkpoint", "num", "seed", "out"),
    "evaluate": (
        "workdir",
        "metrics",
        "checkpoint",
        "num",
        "repeats",
        "seed",
        "split",
        "validation",
        "weights",
        "extractor",
    ),
    "data": ("data_dir", "source_dir"),
    "verify": ("options",),
    "figure": ("workdir",),
}


def define_flags(values: flags.FlagValues) -> None:
    """The flags of all commands."""
    flags.DEFINE_string("workdir", None, "work directory of the run", flag_values=values)
    flags.DEFINE_string("checkpoint", "latest", "'latest', 'best' or a step", flag_values=values)
    flags.DEFINE_integer("num", None, "examples to generate", lower_bound=1, flag_values=values)
    flags.DEFINE_list("metrics", None, "metrics, such as frechet_lenet", flag_values=values)
    flags.DEFINE_integer("repeats", 1, "generated sets to measure", lower_bound=1, flag_values=values)
    flags.DEFINE_string("split", "test", "split of the real examples", flag_values=values)
    flags.DEFINE_string("validation", "", "split on which parzen chooses sigma", flag_values=values)
    flags.DEFINE_string("weights", "", "file of an extractor's weights", flag_values=values)
    flags.DEFINE_string("extractor", "", "package.module:attribute that _own stands for", flag_values=values)
    flags.DEFINE_integer(
        "seed", 0, "seed of the latent variables", lower_bound=0, upper_bound=2**32 - 1, flag_values=values
    )
    flags.DEFINE_string("out", None, "file to write: .png or .npy", flag_values=values)
    flags.DEFINE_string("data_dir", None, "where data sets lie (default: TFDS's)", flag_values=values)
    flags.DEFINE_string("source_dir", None, "folder with a data set's original files", flag_values=values)
    flags.DEFINE_string("options", None, "options of what is verified, as JSON", flag_values=values)
    flags.DEFINE_string("coordinator_address", None, "HOST:PORT of process 0 of several", flag_values=values)
    flags.DEFINE_integer("num_processes", None, "how many processes train this run", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("process_id", None, "which of them this is", lower_bound=0, flag_values=values)


def main(argv: Sequence[str] | None = None) -> None:
    """Entry of the console script; ends the process with the exit status in ``USAGE``."""
    command_line = list(sys.argv if argv is None else argv)
    sys.path.append(os.getcwd())  # so that package.module:attribute finds a user's file beside the command
    app.run(_run, argv=command_line, flags_parser=_leave_flags)


def _leave_flags(argv: list[str]) -> list[str]:
    # absl would answer a wrong flag with a page of help and exit status 1; each command reads its own flags instead.
    flags.FLAGS(argv[:1])
    logging.set_verbosity(logging.ERROR)  # libraries report every step of their work
    return argv


def _run(argv: list[str]) -> int:
    try:
        return _command(argv[1:])
    except GanJaxError as error:
        print(f"gan-jax: {error}", file=sys.stderr)
        return error.exit_status
    except Exception as error:
        if not (isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)):
            raise
        said = " ".join(str(error).split())[:200]
        print(f"gan-jax: not enough memory ({said}); a smaller batch_size or network may fit", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _command(arguments: list[str]) -> int:
    words = [a for a in arguments[:1] if not a.startswith("-")]
    if not words:
        asked = any(a in ("--help", "-h", "-help", "--helpfull", "--helpshort") for a in arguments)
        if "--version" in arguments:
            print(f"gan-jax {__version__}")
            return 0
        if not asked:
            raise ConfigError(f"there is no command; allowed: {', '.join(COMMANDS)}; `gan-jax --help` says more")
        print(USAGE)
        return 0
    name = words[0]
    if name not in COMMANDS:
        raise ConfigError(f"there is no command {name!r}{nearest(name, COMMANDS)}; allowed: {', '.join(COMMANDS)}")
    if any(a in ("--help", "-h") for a in arguments[1:]):
        print(USAGE)
        return 0
    return COMMANDS[name](arguments[1:])


def _parse(command: str, arguments: Sequence[str]) -> tuple[flags.FlagValues, list[str]]:
    values = flags.FlagValues()
    define_flags(values)
    own = FLAGS_OF[command]
    try:
        rest = values(["gan-jax", *arguments])[1:]
    except flags.UnrecognizedFlagError as error:
        raise ConfigError(
            f"--{error.flagname} is not a flag of `{command}`{nearest(error.flagname, own)}; allowed: {_listed(own)}"
        ) from error
    except flags.IllegalFlagValueError as error:
        flag, value = re.match(r"flag --(\w+)=(.*?): ", str(error)).groups()  # type: ignore[union-attr]
        allowed = values[flag].parser.syntactic_help
        raise ConfigError(f"--{flag}={value} is not possible; allowed: {allowed}") from error
    except flags.Error as error:
        raise ConfigError(" ".join(str(error).split())) from error
    for flag in values:
        if values[flag].present and flag not in own:
            raise ConfigError(f"--{flag} is not a flag of `{command}`; allowed: {_listed(own)}")
    return values, rest


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"--{name}" for name in names)


def _required(values: flags.FlagValues, command: str, *names: str) -> None:
    for name in names:
        if not getattr(values, name):
            raise ConfigError(f"--{name} is missing; `{command}` needs {REQUIRED[command]}")


def _no_words(rest: Sequence[str], command: str) -> None:
    if rest:
        raise ConfigError(f"{rest[0]!r} is not understood; `{command}` takes only --flag=value")


def _train(arguments: list[str]) -> int:
    from gan_jax.config import parse_config_flags

    config, others = parse_config_flags(arguments)
    values, rest = _parse("train", others)
    _no_words(rest, "train")
    _required(values, "train", "workdir")
    from gan_jax.training import distributed

    distributed.initialize(values.coordinator_address, values.num_processes, values.process_id)
    from gan_jax.training.loop import train

    result = train(config, values.workdir, command=["gan-jax", "train", *arguments])
    print(result.sample_grid or values.workdir)
    return 4 if result.status == "stopped" else 0


def _sample(arguments: list[str]) -> int:
    values, rest = _parse("sample", arguments)
    _no_words(rest, "sample")
    _required(values, "sample", "workdir", "out")
    from gan_jax.training.sampling import check_out, load_run, write_samples

    out = check_out(values.out)
    run = load_run(values.workdir, values.checkpoint)
    write_samples(out, run, run.sample(values.num or 64, values.seed))
    print(out)
    return 0


def _evaluate(arguments: list[str]) -> int:
    values, rest = _parse("evaluate", arguments)
    _no_words(rest, "evaluate")
    _required(values, "evaluate", "workdir")
    from gan_jax.evaluation.table import table
    from gan_jax.metric_names import METRIC_NAMES, parse
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
        parse(name)
    print(table(evaluate_runs(values.workdir.split(","), settings, values.checkpoint)))
    return 0


def _data(arguments: list[str]) -> int:
    values, rest = _parse("data", arguments)
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


def _verify(arguments: list[str]) -> int:
    values, rest = _parse("verify", arguments)
    if len(rest) > 1:
        raise ConfigError(f"{rest[1]!r} is not understood; `verify` takes one name, or none for everything")
    options = _json_object(values.options)
    from gan_jax.verification.checks import failures, table
    from gan_jax.verification.run import verify

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


def _figure(arguments: list[str]) -> int:
    values, rest = _parse("figure", arguments)
    from gan_jax.figures import FIGURES, find, write

    if len(rest) != 1:
        said = f"{rest[1]!r} is not understood" if rest else "the figure's name is missing"
        raise ConfigError(f"{said}; `figure` needs {REQUIRED['figure']}; names: {', '.join(FIGURES)}")
    find(rest[0])
    _required(values, "figure", "workdir")
    for path in write(rest[0], values.workdir):
        print(path)
    return 0


COMMANDS: Mapping[str, Callable[[list[str]], int]] = {
    "train": _train,
    "sample": _sample,
    "evaluate": _evaluate,
    "data": _data,
    "verify": _verify,
    "figure": _figure,
}
