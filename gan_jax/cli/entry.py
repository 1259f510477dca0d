"""The command line: ``gan-jax COMMAND --flag=value ...``."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from absl import app, flags, logging

from gan_jax import __version__
from gan_jax.cli import commands, sweeps
from gan_jax.errors import ConfigError, GanJaxError
from gan_jax.registry import nearest
from gan_jax.training.process import LEAVING

USAGE = """gan-jax: generative adversarial networks in JAX.

  gan-jax train  --config=FILE.py[:VARIANT] --workdir=DIR [--config.FIELD=VALUE ...]   continues if DIR holds the run
  gan-jax sample --workdir=DIR --out=FILE.png|FILE.npy [--num=64] [--seed=0] [--checkpoint=latest|STEP]
  gan-jax evaluate --workdir=DIR[,DIR...] [--metrics=frechet_lenet,...] [--checkpoint=latest|best|all|STEP,...]
                 [--num=10000] [--repeats=1] [--seed=0] [--split=test]   appends to evaluation.jsonl, prints a table
  gan-jax sweep  --config=FILE.py[:VARIANT] --workdir=DIR [--sweep=FILE.py[:NAME]] [--executor=local|ray|slurm]
                 [--dry_run] [--width=0] [--address=auto] [--retry_failed] [--config.FIELD=VALUE ...]   continues
  gan-jax report --workdir=DIR [--out=FILE.html] [--figures=FOLDER]   of a sweep
  gan-jax data   list [--data_dir=DIR]
  gan-jax data   prepare NAME [--data_dir=DIR] [--source_dir=DIR]
  gan-jax verify [NAME | package.module:attribute] [--options='{"OPTION": VALUE}']   checks its mathematics
  gan-jax figure costs|dirac|frechet_bias --workdir=DIR   figures of the literature; dirac takes a minute or two

Several processes train one run when each is given --coordinator_address, --num_processes and --process_id.
Exit status: 0 done, 1 data, files, space or a property that fails, 2 a wrong flag or configuration, 3 a loss that is
not finite, 4 hopeless and stopped by health.stop, 129, 130 and 143 saved and stopped by a hang-up, Ctrl-C and SIGTERM
(a second Ctrl-C ends at once), 141 nobody reads what it prints."""


def main(argv: Sequence[str] | None = None) -> None:
    """Entry of the console script; ends the process with the exit status in ``USAGE``."""
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
    flags.FLAGS(argv[:1])
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


COMMANDS: Mapping[str, Callable[[list[str]], int]] = {
    "train": commands.train,
    "sample": commands.sample,
    "evaluate": commands.evaluate,
    "sweep": sweeps.sweep,
    "report": sweeps.report,
    "data": commands.data,
    "verify": commands.verify,
    "figure": commands.figure,
}
