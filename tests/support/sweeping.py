"""Small sweeps: their configuration, files of theirs, and what they left behind."""

import functools
import json
from pathlib import Path
from unittest import mock

import numpy as np

import gan_jax
from gan_jax.sweeps import Sweep, grid
from gan_jax.sweeps.driver import sweep
from gan_jax.sweeps.executors import Executor
from gan_jax.sweeps.train import run_group
from gan_jax.training import sampling
from gan_jax.training.checkpoints import leaves_of
from support.commands import TINY, result
from support.states import error

# Nearly all tests train this with three runs at once: to compile a program takes longer than all that they do with it.
# Groups have at least as many runs, since a smaller group would take a program of its own.
WIDTH = 3
SHORT = (
    "steps=20", "log_every=5", "sample_every=0", "checkpoint_every=10", "generator.mlp.widths=(16,)",
    "discriminator.mlp.widths=(16,)", "ema.decay=0.9", "penalties.lecam.weight=0.1", "evaluation.metrics=('modes',)",
    "evaluation.num=100", "evaluation.every=10", "health.samples=64", "steps_per_call=1",
)  # fmt: skip
RATE = "optimizer.generator.learning_rate"
TOLERANCE = 1e-5


KNOWN = {}  # what runs of a structure share, for all tests


def train_groups(job, known=KNOWN):
    """The executor of one machine, which traces a structure once in a session."""
    groups = [*job.groups]
    while groups:
        group = groups.pop(0)
        run_group(job, group.name, known)
        groups += job.more()


def merged(*fields):
    """Those of ``SHORT`` and these; of a field that is given twice the later counts."""
    found = dict(field.split("=", 1) for field in (*SHORT, *fields))
    return [f"{field}={value}" for field, value in found.items()]


def base(*fields, variant="ring"):
    """The configuration that points of a sweep change: 20 steps."""
    return gan_jax.load_config(f"{TINY}:{variant}", merged(*fields))


def train_sweep(
    workdir, values, *fields, seeds=1, config=None, width=WIDTH, executor=train_groups, asynchronous=False,
    pictures=False, **options,
):  # fmt: skip
    """Train a grid (or a space) in this process; {status: runs}. Plots of points, half of the work, may be left out."""
    names = ("metric", "halving", "question")
    space = grid(values) if isinstance(values, dict) else values
    wanted = Sweep(space, seeds=seeds, **{name: options.pop(name) for name in names if name in options})
    config = base(*fields) if config is None else config
    plot = sampling.point_plot if pictures else lambda points, real: np.zeros((8, 8, 3), np.uint8)
    with mock.patch.object(sampling, "point_plot", plot):
        return sweep(wanted, config, workdir, Executor(executor, asynchronous), width=width, progress=False, **options)


def sweep_json(workdir):
    """sweep.json."""
    return json.loads((workdir / "sweep.json").read_text())


def folders(workdir, *fields):
    """{(values of the fields ..., seed): a run's work directory}, in the order of sweep.json."""
    runs = sweep_json(workdir)["runs"]
    names = fields or [name for name in next(iter(runs.values())) if name != "seed"]
    return {
        (*(point[name] for name in names if name in point), point["seed"]): workdir / "runs" / run
        for run, point in runs.items()
    }


def groups(workdir):
    """{group: (group.json, result.json or None)}."""
    found = {}
    for folder in sorted((workdir / "groups").iterdir()):
        ended = folder / "result.json"
        found[folder.name] = (
            json.loads((folder / "group.json").read_text()), json.loads(ended.read_text()) if ended.exists() else None,
        )  # fmt: skip
    return found


def statuses(workdir):
    """{run's point: status}."""
    return {point: result(folder)["status"] for point, folder in folders(workdir).items()}


def digests(workdir):
    """{run's point: params_sha256}."""
    return {point: result(folder)["params_sha256"] for point, folder in folders(workdir).items()}


@functools.cache
def stored(run):
    """{leaf: array} of the newest checkpoint of a run that has ended, but its numbers."""
    leaves = leaves_of(gan_jax.load_run(run).state)
    return {name: leaf for name, leaf in leaves.items() if not name.startswith("hyper/")}


def params(run):
    """{leaf: array} of the parameters that a run ended with."""
    return {name: leaf for name, leaf in stored(run).items() if name.startswith("params/")}


def assert_same_params(run, other, tolerance=TOLERANCE):
    """Two runs ended with the same parameters up to rounding."""
    worst, leaf = error(params(run), params(other))
    assert worst <= tolerance, (leaf, worst)


class Interrupting:
    """Stops a sweep as a kill would, once the runs of a call have done so many steps, one at a time."""

    def __init__(self, steps):
        self.left = steps

    def advance(self, steps):
        self.left -= 0 < steps <= WIDTH  # more are those of a run that ended early
        if not self.left:
            raise KeyboardInterrupt

    def ended(self, status):
        pass

    def say(self, line):
        pass


def interrupted(steps, known=KNOWN):
    """An executor that trains until then."""
    show = Interrupting(steps)
    return lambda job: train_groups(job._replace(show=show), known)


def write_sweep(path, values, seeds=1, **options):
    """A sweep's file."""
    arguments = ", ".join([f"grid({values!r})", f"seeds={seeds!r}", *(f"{k}={v!r}" for k, v in options.items())])
    imports = "from gan_jax.sweeps import Halving, Resources, Sweep, grid"
    Path(path).write_text(f"{imports}\n\n\ndef get_sweep():\n    return Sweep({arguments})\n")
    return path


def sweep_flags(workdir, file, *flags, width=WIDTH, fields=()):
    """``sweep`` of the small configuration; flags are further ones, fields further ``FIELD=VALUE``."""
    own = [f"--config.{field}" for field in merged(*fields)]
    return ["sweep", f"--config={TINY}", f"--workdir={workdir}", f"--sweep={file}", f"--width={width}", *own, *flags]
