"""The command line: ``gan-jax COMMAND --flag=value ...``."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from absl import app, logging
from absl import flags as absl_flags

from gan_jax import __version__
from gan_jax.cli import commands, sweeps
from gan_jax.cli.flags import FLAGS, PROGRAM
from gan_jax.errors import ConfigError, GanJaxError, nearest
from gan_jax.training.process import LEAVING


def main(argv: Sequence[str] | None = None) -> None:
    """Entry of the console script; ends the process with the exit status in ``flags.STATUSES``."""
    command_line = list(sys.argv if argv is None else argv)
    sys.path.append(os.getcwd())  # so that package.module:attribute finds a user's file beside the command
    try:
        app.run(_run, argv=command_line, flags_parser=_leave_flags)
    except SystemExit as end:
        LEAVING.set()
        if end.code == 128 + signal.SIGINT:  # all is written; Python would wait for threads that still compile
            with contextlib.suppress(BrokenPipeError, GanJaxError):
                sys.stdout.flush()
            os._exit(end.code)
        raise


def _leave_flags(argv: list[str]) -> list[str]:
    # absl would answer a wrong flag with a page of help and exit status 1; each command reads its own flags instead.
    absl_flags.FLAGS(argv[:1])
    logging.set_verbosity(logging.ERROR)  # libraries report every step of their work
    return argv


def _run(argv: list[str]) -> int:
    try:
        status = _command(argv[1:])
        with contextlib.suppress(BrokenPipeError):  # the work is done
            sys.stdout.flush()
        return status
    except GanJaxError as error:
        print(f"gan-jax: {error}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:  # as of a program that the signal of a closed pipe ends
        return 128 + signal.SIGPIPE
    except Exception as error:
        if not (isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)):
            raise
        said = " ".join(str(error).split())[:200]
        print(f"gan-jax: not enough memory ({said}); a smaller batch_size or network may fit", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _command(arguments: list[str]) -> int:
    name = next((one for one in arguments[:1] if not one.startswith("-")), "")
    if name and name not in COMMANDS:
        raise ConfigError(f"there is no command {name!r}{nearest(name, COMMANDS)}; allowed: {', '.join(COMMANDS)}")
    if any(one in ("--help", "-h") for one in arguments):
        print((FLAGS[name] if name else PROGRAM).format_help(), end="")
        return 0
    if name:
        _import_jax()
        return COMMANDS[name](arguments[1:])
    if "--version" in arguments:
        print(f"gan-jax {__version__}")
        return 0
    raise ConfigError(f"there is no command; allowed: {', '.join(COMMANDS)}; `gan-jax --help` says more")


def _import_jax() -> None:
    """Import JAX, which reads its environment variables then."""
    try:
        import jax  # noqa: F401
    except ValueError as error:
        raise ConfigError(f"an environment variable of JAX is not possible: {error}") from error


COMMANDS: Mapping[str, Callable[[list[str]], int]] = {
    "train": commands.train,
    "sample": commands.sample,
    "translate": commands.translate,
    "evaluate": commands.evaluate,
    "sweep": sweeps.sweep,
    "report": sweeps.report,
    "data": commands.data,
    "verify": commands.verify,
    "figure": commands.figure,
}
