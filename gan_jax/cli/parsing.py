"""The flags of every command."""

import re
from collections.abc import Mapping, Sequence

from absl import flags

from gan_jax.errors import ConfigError
from gan_jax.paths import from_home
from gan_jax.registry import nearest

REQUIRED: Mapping[str, str] = {
    "train": "--config=FILE.py[:VARIANT] --workdir=DIR",
    "sample": "--workdir=DIR --out=FILE.png|FILE.npy",
    "evaluate": "--workdir=DIR[,DIR...] [--workdir=DIR ...]",
    "figure": "NAME --workdir=DIR",
    "sweep": "--config=FILE.py[:VARIANT] --workdir=DIR",
    "report": "--workdir=DIR",
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
    "sweep": (
        "workdir",
        "sweep",
        "executor",
        "dry_run",
        "width",
        "address",
        "retry_failed",
        "coordinator_address",
        "num_processes",
        "process_id",
    ),
    "report": ("workdir", "out", "figures"),
}

PATHS = ("workdir", "out", "figures", "data_dir", "source_dir", "weights", "sweep")  # flags in which ~ is a home


def define_flags(values: flags.FlagValues, *, several: bool = False) -> None:
    """The flags of all commands; ``several``: of work directories."""
    workdir = flags.DEFINE_multi_string if several else flags.DEFINE_string
    workdir("workdir", None, "work directory of the run", flag_values=values)
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
    flags.DEFINE_string("out", None, "file to write", flag_values=values)
    flags.DEFINE_string("data_dir", None, "where data sets lie (default: TFDS's)", flag_values=values)
    flags.DEFINE_string("source_dir", None, "folder with a data set's original files", flag_values=values)
    flags.DEFINE_string("options", None, "options of what is verified, as JSON", flag_values=values)
    flags.DEFINE_string("sweep", "", "file whose get_sweep() says which runs", flag_values=values)
    flags.DEFINE_enum("executor", "local", ["local", "ray", "slurm"], "who trains the runs", flag_values=values)
    flags.DEFINE_bool("dry_run", False, "only say which runs there are and how long they take", flag_values=values)
    flags.DEFINE_integer("width", 0, "most runs on a device; 0 measures", lower_bound=0, flag_values=values)
    flags.DEFINE_string("address", "", "of a Ray cluster; '' starts one here", flag_values=values)
    flags.DEFINE_bool("retry_failed", False, "try runs again that ended by an exception", flag_values=values)
    flags.DEFINE_string("figures", "", "folder for figures as PNG and PDF", flag_values=values)
    flags.DEFINE_string("coordinator_address", None, "HOST:PORT of process 0 of several", flag_values=values)
    flags.DEFINE_integer("num_processes", None, "how many processes train this run", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("process_id", None, "which of them this is", lower_bound=0, flag_values=values)


def parse(command: str, arguments: Sequence[str]) -> tuple[flags.FlagValues, list[str]]:
    """A command's flags, and its other arguments.

    Raises:
      ConfigError: a flag that it does not take, a value that is not possible, or a home directory that is not there.
    """
    values = flags.FlagValues()
    define_flags(values, several=command == "evaluate")
    own = FLAGS_OF[command]
    try:
        rest = values(["gan-jax", *arguments])[1:]
    except flags.UnrecognizedFlagError as error:
        raise ConfigError(
            f"--{error.flagname} is not a flag of `{command}`{nearest(error.flagname, own)}; allowed: {_listed(own)}"
        ) from error
    except flags.IllegalFlagValueError as error:
        flag, value = re.match(r"flag --(\w+)=(.*?): ", str(error)).groups()  # type: ignore[union-attr]
        parser = values[flag].parser
        allowed = ", ".join(getattr(parser, "enum_values", ())) or parser.syntactic_help
        raise ConfigError(f"--{flag}={value} is not possible; allowed: {allowed}") from error
    except flags.Error as error:
        raise ConfigError(" ".join(str(error).split())) from error
    for flag in values:
        if values[flag].present and flag not in own:
            raise ConfigError(f"--{flag} is not a flag of `{command}`; allowed: {_listed(own)}")
    for flag in PATHS:
        if isinstance(given := values[flag].value, str):
            values[flag].value = from_home(f"--{flag}", given)
    return values, rest


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"--{name}" for name in names)


def required(values: flags.FlagValues, command: str, *names: str) -> None:
    """Refuse missing flags.

    Raises:
      ConfigError: names the first.
    """
    for name in names:
        if not getattr(values, name):
            raise ConfigError(f"--{name} is missing; `{command}` needs {REQUIRED[command]}")


def no_words(rest: Sequence[str], command: str) -> None:
    """Refuse arguments that are not flags.

    Raises:
      ConfigError: names the first.
    """
    if rest:
        raise ConfigError(f"{rest[0]!r} is not understood; `{command}` takes only --flag=value")
