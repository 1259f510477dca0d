"""Checkpoints: the complete state in Orbax, with a sha256 of every leaf that is verified on restore.

What a checkpoint is made of, leaves by name, and how it is written is known here alone.
"""

import glob
import hashlib
import logging
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from gan_jax.errors import ConfigError, WorkdirError

Leaves = dict[str, np.ndarray]


def _named(tree: Any) -> list[tuple[str, Any]]:
    """[("params/generator/hidden_0/kernel", leaf), ...]."""
    flat = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [(jax.tree_util.keystr(path, simple=True, separator="/"), leaf) for path, leaf in flat]


def leaves_of(tree: Any) -> Leaves:
    """{"params/generator/hidden_0/kernel": host array, ...}; typed keys as their uint32 data."""

    def copied(leaf: Any) -> np.ndarray:
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        return np.array(leaf)  # on CPUs np.asarray may view a buffer that the next step is going to reuse

    return {name: copied(leaf) for name, leaf in _named(tree)}


def restored_like(template: Any, leaves: Leaves, but: tuple[str, ...] = ()) -> Any:
    """A tree of ``template``'s structure from what was stored of one; leaves whose names begin with ``but`` stay.

    Raises:
      WorkdirError: a leaf is missing, superfluous, or of another shape or dtype.
    """
    named = _named(template)
    for name in sorted({name for name, _ in named} ^ {*leaves}):
        if not name.startswith(but):
            raise WorkdirError(f"the checkpoint and this configuration disagree on {name!r}: it is in one of them only")
    restored = []
    for name, leaf in named:
        value = leaf if name.startswith(but) else leaves[name]
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            restored.append(jax.random.wrap_key_data(jax.numpy.asarray(value), impl=jax.random.key_impl(leaf)))
            continue
        if value.shape != leaf.shape or value.dtype != leaf.dtype:
            raise WorkdirError(
                f"checkpoint leaf {name!r} is {value.dtype}{value.shape}; "
                f"this configuration has {leaf.dtype}{leaf.shape}"
            )
        restored.append(value)
    return jax.tree.unflatten(jax.tree.structure(template), restored)


def first_not_finite(state: Any) -> tuple[str, str] | None:
    """(network, leaf) of the first parameter or statistic that is NaN or infinite, None where all are finite."""
    own = {"params": state.params, "stats": state.stats, "ema": state.ema}
    found = (name for name, leaf in _named(own) if not np.isfinite(leaf).all())
    return next(((name.split("/")[1], name) for name in found), None)


def digest(array: np.ndarray) -> str:
    """sha256 of an array's dtype, shape and bytes."""
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


def params_sha256(params: Any) -> str:
    """One sha256 over the names and contents of all parameters, in sorted order."""
    total = hashlib.sha256()
    for name, array in sorted(leaves_of(params).items()):
        total.update(f"{name} {digest(array)}\n".encode())
    return total.hexdigest()


class Checkpoints:
    """A folder of checkpoints in a work directory, of which the newest stay. Only process 0 makes one that writes.

    A checkpoint is read back once it is written, and only then are older ones dropped.
    """

    def __init__(self, workdir: Path, keep: int = 3, *, read_only: bool = False, folder: str = "checkpoints") -> None:
        import orbax.checkpoint as ocp

        logging.getLogger("absl").setLevel(logging.CRITICAL)  # Orbax reports its work, and errors that it raises, too
        self._ocp = ocp
        self.folder = (workdir / folder).absolute()
        self.keep = keep
        self._begun: int | None = None  # the step of what was begun and not read back yet
        me = jax.process_index()
        alone = ocp.options.MultiprocessingOptions(
            primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"process{me}"
        )
        # Orbax finds the parts that it puts together by a pattern of the whole path; one file a leaf needs no pattern.
        together = glob.escape(str(self.folder)) == str(self.folder)
        if not read_only:
            self.folder.mkdir(parents=True, exist_ok=True)
        self._manager = ocp.CheckpointManager(
            self.folder,
            options=ocp.CheckpointManagerOptions(
                read_only=read_only,
                create=False,
                cleanup_tmp_directories=not read_only,
                multiprocessing_options=alone,
            ),
            item_handlers={
                "state": ocp.StandardCheckpointHandler(use_ocdbt=together, multiprocessing_options=alone),
                "sha256": ocp.JsonCheckpointHandler(multiprocessing_options=alone),
            },
        )

    def steps(self) -> list[int]:
        """Steps of the checkpoints that are there whole, ascending; Orbax counts the one that it is writing, too."""
        return sorted(step for step in self._manager.all_steps() if (self.folder / str(step)).is_dir())

    def save(self, step: int, state: Any) -> None:
        """Begin to write a checkpoint, where there is none of this step; after ``wait`` it is there, or nothing is.

        Raises:
          WorkdirError: no space, or the one before cannot be read back; what was there before stays.
        """
        if step in self.steps():
            return
        leaves = leaves_of(state)
        self.wait()
        needed = 2 * sum(array.nbytes for array in leaves.values()) + 2**20  # room for what is written beside it
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise WorkdirError(self._full(step, f"{free / 2**20:.0f} MiB free, {needed / 2**20:.0f} MiB needed"))
        args = self._ocp.args
        with self._no_space(step):
            self._manager.save(
                step,
                args=args.Composite(
                    state=args.StandardSave(unflatten_dict(leaves, sep="/")),
                    sha256=args.JsonSave({name: digest(array) for name, array in leaves.items()}),
                ),
            )
        self._begun = step

    def wait(self) -> None:
        """Wait until what was begun is written, read it back, and drop the oldest ones; errors as ``save``."""
        with self._no_space(None):
            self._manager.wait_until_finished()
        if self._begun is None:
            return
        begun, self._begun = self._begun, None
        try:
            self._read(begun)
        except WorkdirError as error:
            raise WorkdirError(f"{error}, although it was just written; {self.kept(but=begun)}") from error
        for step in self.steps()[: -self.keep]:
            self._manager.delete(step)

    def restore(self, step: int, like: Any) -> Any:
        """A state like ``like``; refused if it cannot be read, is not what was saved, or of another structure."""
        return _state_like(like, self._read(step))

    def _read(self, step: int) -> Leaves:
        args = self._ocp.args
        try:
            with _late_reads_unheard():
                found = self._manager.restore(
                    step, args=args.Composite(state=args.StandardRestore(), sha256=args.JsonRestore())
                )
        except Exception as error:  # Orbax and tensorstore raise many types on a damaged folder
            first = (str(error).strip().splitlines() or [""])[0]
            raise WorkdirError(
                f"checkpoint {self.folder / str(step)} cannot be read: {type(error).__name__}: {first[:200]}"
            ) from error
        leaves = {name: np.asarray(value) for name, value in flatten_dict(found["state"], sep="/").items()}
        expected = found["sha256"]
        for name in sorted({*leaves, *expected}):
            if name not in leaves or name not in expected or digest(leaves[name]) != expected[name]:
                raise WorkdirError(
                    f"checkpoint {self.folder / str(step)} is damaged: leaf {name!r} is not what was saved"
                )
        return leaves

    def restore_newest(self, like: Any, say: Callable[[str], None]) -> tuple[int, Any] | None:
        """Step and state of the newest checkpoint that verifies; newer damaged ones are moved to ``damaged/``.

        Raises:
          WorkdirError: there are checkpoints, and every one is damaged.
        """
        damaged: list[tuple[int, WorkdirError]] = []
        for step in reversed(self.steps()):
            try:
                leaves = self._read(step)
            except WorkdirError as error:
                damaged.append((step, error))
                continue
            for bad, why in damaged:
                target = self.folder.parent / "damaged" / str(bad)
                say(f"{why}; moved to {target}, falling back to the one before")
                shutil.rmtree(target, ignore_errors=True)
                target.parent.mkdir(exist_ok=True)
                shutil.move(self.folder / str(bad), target)
            if damaged:
                self._manager.reload()
            return step, _state_like(like, leaves)
        if damaged:  # left where they are, so that nothing starts from nothing over the records of this run
            raise WorkdirError(
                f"every checkpoint in {self.folder} is damaged ({damaged[0][1]}); start again in another --workdir"
            )
        return None

    def close(self) -> None:
        """Finish writing and let go."""
        with self._no_space(None):
            self._manager.close()

    def kept(self, but: int | None = None) -> str:
        """The newest checkpoint that is there, other than the one of step ``but``, in words."""
        last = max((step for step in self.steps() if step != but), default=None)
        return "there is no checkpoint yet" if last is None else f"last good checkpoint: {self.folder / str(last)}"

    def _full(self, step: int | None, why: str) -> str:
        of_step = "" if step is None else f" of step {step}"
        return f"no space for a checkpoint{of_step} in {self.folder} ({why}); {self.kept(but=step)}"

    @contextmanager
    def _no_space(self, step: int | None) -> Iterator[None]:
        """Turn an error of a full disk, which Orbax wraps in several types, into one line."""
        try:
            yield
        except Exception as error:
            signs = ("no space", "enospc", "disk quota", "file too large", "efbig")
            if not any(sign in str(error).lower() for sign in signs):
                raise
            raise WorkdirError(self._full(step, "the disk is full")) from error


@contextmanager
def _late_reads_unheard() -> Iterator[None]:
    """Keep quiet about reads that end after one of them has failed; Python would print a traceback of each."""
    before = sys.unraisablehook

    def hear(late: Any) -> None:
        if not any(sign in str(late.exc_value) for sign in ("Event loop is closed", "tensorstore_spec")):
            before(late)

    sys.unraisablehook = hear
    yield
    sys.unraisablehook = before  # not after a failure: they end when they end


def _state_like(template: Any, leaves: Leaves) -> Any:
    # Numbers stay the template's: they follow from the configuration, and a later version may have more of them.
    return restored_like(template, leaves, but=("hyper/",))


def stored_steps(workdir: Path, folder: str = "checkpoints") -> list[int]:
    """Steps of a run's checkpoints, ascending; [] where there are none."""
    there = (workdir / folder).is_dir()
    return Checkpoints(workdir, read_only=True, folder=folder).steps() if there else []


def find_checkpoint(workdir: Path, checkpoint: str, words: Sequence[str] = ("latest",)) -> tuple[str, int]:
    """Folder and step of a run's checkpoint, "latest", "best" or a step; an error names those that there are."""
    steps, best = stored_steps(workdir), stored_steps(workdir, "best")
    if not steps:
        raise WorkdirError(f"{str(workdir)!r} holds no checkpoints yet; give the --workdir of a run that has saved one")
    if checkpoint == "best" and best:
        return "best", best[-1]
    wanted = str(steps[-1]) if checkpoint == "latest" else checkpoint
    if not wanted.isdigit() or int(wanted) not in steps:
        allowed = (*words, *(["best"] if best else []), *map(str, steps))
        raise ConfigError(f"checkpoint={checkpoint!r} is not in {str(workdir)!r}; allowed: {', '.join(allowed)}")
    return "checkpoints", int(wanted)


def read_checkpoint(workdir: Path, checkpoint: str, like: Any) -> Any:
    """The state at a run's checkpoint; errors as ``find_checkpoint`` and ``Checkpoints.restore``."""
    folder, step = find_checkpoint(workdir, checkpoint)
    return Checkpoints(workdir, read_only=True, folder=folder).restore(step, like)


def read_networks(workdir: Path, checkpoint: str) -> tuple[int, dict[str, dict[str, Leaves]]]:
    """Step of a checkpoint, and what it has of each network, {network: {"params" and "stats": for restored_like}}."""
    folder, step = find_checkpoint(workdir, checkpoint)
    stored: dict[str, dict[str, Leaves]] = {}
    for name, value in Checkpoints(workdir, read_only=True, folder=folder)._read(step).items():
        part, _, rest = name.partition("/")
        if part in ("params", "stats"):
            network, _, leaf = rest.partition("/")
            stored.setdefault(network, {"params": {}, "stats": {}})[part][leaf] = value
    return step, {network: parts for network, parts in stored.items() if parts["params"]}
