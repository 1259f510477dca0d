"""Every command's flags, each stated once: they are read, refused and shown by ``--help`` from here."""

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from gan_jax.errors import ConfigError, nearest
from gan_jax.figures import FIGURES, find
from gan_jax.paths import from_home

STATUSES = """\
Exit status: 0 done, 1 data, files, space or a property that fails, 2 a wrong flag or configuration, 3 a loss that is
not finite, 4 hopeless and stopped by health.stop, 129, 130 and 143 saved and stopped by a hang-up, Ctrl-C and SIGTERM
(a second Ctrl-C ends at once), 141 nobody reads what it prints."""


Reader = Callable[[str, str], Any]  # (flag, text) -> value; raises ConfigError


class Flags(argparse.ArgumentParser):
    """A command's flags; ``words`` is how its other arguments are written, and ``check`` refuses wrong ones."""

    def __init__(self, words: str = "", check: Callable[[list[str]], None] | None = None, **options: Any) -> None:
        layout = partial(argparse.RawDescriptionHelpFormatter, width=120, max_help_position=36)
        super().__init__(allow_abbrev=False, formatter_class=layout, **options)
        self.command = self.prog.split()[-1]
        self._check = check or self._no_words
        self._needed = {"": words} if words else {}

    def flag(
        self, name: str, metavar: str, help: str, read: Reader | None = None, *, needed: bool = False, **options: Any
    ) -> None:
        """Add ``--name=metavar``; ``read`` makes a value of the flag and its text."""
        reader = partial(read, f"--{name}") if read else str
        self.add_argument(f"--{name}", metavar=metavar, help=help, type=reader, **options)
        if needed:
            self._needed[name] = f"--{name}={metavar}"
        self.usage = " ".join([self.prog, *self._needed.values(), "[--flag=VALUE ...]"])

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The flags' values, and the other arguments as ``words``."""
        values, rest = self.parse_known_args(arguments)
        own = [option[2:] for option in self._option_string_actions if option not in ("-h", "--help")]
        for one in rest:
            if re.match("--?[a-zA-Z]", one):
                flag, allowed = one.split("=", 1)[0], ", ".join(f"--{name}" for name in own)
                close = nearest(flag.lstrip("-"), own)
                raise ConfigError(f"{flag} is not a flag of `{self.command}`{close}; allowed: {allowed}")
        values.words = [one for one in rest if one != "--"]
        self._check(values.words)
        for name in self._needed:
            if name and not getattr(values, name):
                raise ConfigError(f"--{name} is missing; `{self.command}` needs {' '.join(self._needed.values())}")
        return values

    def error(self, message: str) -> Any:
        """What argparse itself refuses, in one line."""
        raise ConfigError(re.sub(r"argument (--\w+): expected one argument", r"Missing value for flag \1", message))

    def _no_words(self, words: list[str]) -> None:
        if words:
            raise ConfigError(f"{words[0]!r} is not understood; `{self.command}` takes only --flag=value")


def _whole(low: int, high: int | None, allowed: str, flag: str, text: str) -> int:
    number = int(text) if re.fullmatch(r"[+-]?\d+", text.strip()) else low - 1
    if number < low or (high is not None and number > high):
        raise ConfigError(f"{flag}={text} is not possible; allowed: {allowed}")
    return number


def _one_of(allowed: Mapping[str, Any], flag: str, text: str) -> Any:
    if text.lower() not in allowed:
        raise ConfigError(f"{flag}={text} is not possible; allowed: {', '.join(allowed)}")
    return allowed[text.lower()]


def _json_object(flag: str, text: str) -> dict[str, Any]:
    try:
        made = json.loads(text)
    except ValueError:
        made = None
    if not isinstance(made, dict):
        raise ConfigError(f"""{flag}={text} is not possible; allowed: a JSON object such as '{{"c": 0.0}}'""")
    return made


def _with_commas(flag: str, text: str) -> list[str]:
    return [one.strip() for one in text.split(",")] if text else []


def _classes(flag: str, text: str) -> list[int]:
    return [_whole(0, 2**31 - 1, "classes, whole numbers from 0 on, with commas", flag, one) for one in text.split(",")]


_POSITIVE = partial(_whole, 1, None, "a positive integer")
_NOT_NEGATIVE = partial(_whole, 0, None, "a non-negative integer")
_SEED = partial(_whole, 0, 2**32 - 1, "an integer in the range [0, 4294967295]")
_truth = partial(_one_of, {"true": True, "false": False})
SWITCH: Mapping[str, Any] = {"nargs": "?", "const": True, "default": False}


def _data_words(words: list[str]) -> None:
    if words != ["list"] and not (len(words) == 2 and words[0] == "prepare"):
        raise ConfigError(f"`{' '.join(['data', *words])}` is not understood; allowed: data list, data prepare NAME")


def _verify_words(words: list[str]) -> None:
    if len(words) > 1:
        raise ConfigError(f"{words[1]!r} is not understood; `verify` takes one name, or none for everything")


def _figure_words(words: list[str]) -> None:
    if len(words) != 1:
        said = f"{words[1]!r} is not understood" if words else "the figure's name is missing"
        raise ConfigError(f"{said}; `figure` needs NAME --workdir=DIR; names: {', '.join(FIGURES)}")
    find(words[0])


CONFIG = "--config=FILE.py[:VARIANT]"  # which config.parse_config_flags reads, with --config.FIELD=VALUE


def _processes(flags: Flags) -> None:
    flags.flag("coordinator_address", "HOST:PORT", "of process 0, where several processes work together")
    flags.flag("num_processes", "N", "how many there are", _POSITIVE)
    flags.flag("process_id", "I", "which of them this is, from 0", _NOT_NEGATIVE)


def _table() -> tuple[Flags, Mapping[str, Flags]]:
    """The program's own parser, and that of each command."""
    program = Flags(
        prog="gan-jax", usage="gan-jax COMMAND [--flag=VALUE ...]", epilog=STATUSES,
        description="Generative adversarial networks in JAX. `gan-jax COMMAND --help` lists a command's flags.",
    )  # fmt: skip
    program.add_argument("--version", action="store_true", help="say which version this is")
    commands = program.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, help: str, **options: Any) -> Flags:
        return commands.add_parser(
            name, help=help, description=help, epilog=STATUSES, prog=f"gan-jax {name}", **options
        )

    train = command("train", "train one run, or continue it; --config.FIELD=VALUE changes a field", words=CONFIG)
    train.flag("workdir", "DIR", "of the run", from_home, needed=True)
    _processes(train)

    sample = command("sample", "write samples of a run")
    sample.flag("workdir", "DIR", "of the run", from_home, needed=True)
    sample.flag("out", "FILE.png|FILE.npy", "to write", from_home, needed=True)
    sample.flag("checkpoint", "latest|best|STEP", "of the run (default: latest)", default="latest")
    sample.flag("num", "64", "how many", _POSITIVE, default=64)
    sample.flag("seed", "0", "of the latent variables", _SEED, default=0)
    sample.flag("output", "NAME", "of the game, where it has several (default: its first)", default="")
    sample.flag("label", "0,1,...", "classes of the samples, in turn (default: as in the data)", _classes)

    translate = command("translate", "write what a run makes of images: of one file, or of a folder")
    translate.flag("workdir", "DIR", "of the run", from_home, needed=True)
    translate.flag("input", "FILE|FOLDER", "the images", from_home, needed=True)
    translate.flag("out", "FILE.png|FOLDER|FILE.npy", "to write", from_home, needed=True)
    translate.flag("output", "NAME", "of the game (default: the first that is made from an image)", default="")
    translate.flag("checkpoint", "latest|best|STEP", "of the run (default: latest)", default="latest")
    translate.flag("seed", "0", "of what else it is made from", _SEED, default=0)

    evaluate = command("evaluate", "measure runs; appends to evaluation.jsonl, prints a table")
    evaluate.flag("workdir", "DIR[,DIR...]", "of the runs; may be repeated", needed=True, action="append")
    evaluate.flag("metrics", "frechet_lenet,...", "what to measure", _with_commas)
    evaluate.flag("checkpoint", "latest|best|all|STEP,...", "of each run (default: latest)", default="latest")
    evaluate.flag("num", "10000", "generated examples", _POSITIVE, default=10_000)
    evaluate.flag("repeats", "1", "generated sets to measure", _POSITIVE, default=1)
    evaluate.flag("seed", "0", "of the latent variables", _SEED, default=0)
    evaluate.flag("split", "test", "of the real examples", default="test")
    evaluate.flag("validation", "SPLIT", "on which parzen chooses sigma", default="")
    evaluate.flag("weights", "FILE", "of an extractor", from_home, default="")
    evaluate.flag("extractor", "MODULE:NAME", "that `_own` stands for in a metric's name", default="")

    sweep = command(
        "sweep", "train and report many runs, or continue; --config.FIELD=VALUE changes a field", words=CONFIG
    )
    sweep.flag("workdir", "DIR", "of the sweep", from_home, needed=True)
    sweep.flag("sweep", "FILE.py[:NAME]", "says which runs (default: the file of --config)", from_home, default="")
    executors = ("local", "ray", "slurm")
    sweep.flag("executor", "|".join(executors), "who trains the runs (default: local)",
               partial(_one_of, {name: name for name in executors}), default="local")  # fmt: skip
    sweep.flag("dry_run", "true|false", "only say which runs there are and how long they take", _truth, **SWITCH)
    sweep.flag("width", "0", "most runs that share a device at a time; 0 measures", _NOT_NEGATIVE, default=0)
    sweep.flag("address", "auto", "of a Ray cluster; without it one is started here", default="")
    sweep.flag("retry_failed", "true|false", "try runs again that ended by an exception", _truth, **SWITCH)
    _processes(sweep)

    report = command("report", "write the page of a sweep")
    report.flag("workdir", "DIR", "of the sweep", from_home, needed=True)
    report.flag("out", "FILE.html", "to write (default: report.html in DIR)", from_home)
    report.flag("figures", "FOLDER", "for figures as PNG and PDF", from_home, default="")

    data = command("data", "list data sets, or prepare one", words="list|prepare NAME", check=_data_words)
    data.flag("data_dir", "DIR", "where data sets lie (default: that of TFDS)", from_home)
    data.flag("source_dir", "DIR", "with the original files of the set to prepare", from_home)

    verify = command("verify", "check the mathematics of losses, penalties and rules",
                     words="[NAME|MODULE:NAME]", check=_verify_words)  # fmt: skip
    verify.flag("options", """'{"OPTION": VALUE}'""", "of what is verified, as JSON", _json_object, default={})

    figure = command("figure", "write a figure of the literature; dirac takes a minute or two",
                     words="|".join(FIGURES), check=_figure_words)  # fmt: skip
    figure.flag("workdir", "DIR", "for the files", from_home, needed=True)
    return program, commands.choices


PROGRAM, FLAGS = _table()
