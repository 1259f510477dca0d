"""Stored runs: loaded, drawn from, and their examples written."""

import dataclasses
import functools
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import files
from gan_jax.build import build_game, build_hyper, build_source
from gan_jax.data import Source
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.game import Game
from gan_jax.paths import expanded
from gan_jax.training import process
from gan_jax.training.checkpoints import read_checkpoint, state_like
from gan_jax.training.grids import write_png
from gan_jax.training.known_data import stored_source
from gan_jax.training.process import check_settings
from gan_jax.training.sampling import Sampler, draw, estimates_from_data, find_output, make_sampler, picture
from gan_jax.training.start import read_config
from gan_jax.training.step import State, init_state
from gan_jax.training.weights import Weights


@dataclasses.dataclass(frozen=True)
class Run:
    """A stored run.

    Attributes:
      config: its configuration.
      state: the complete state at one of its checkpoints, on the default device.
      game: its game.
      source: its data, of images without the examples: ``gan_jax.data.load`` reads them.
      sampler: of its game.
    """

    config: ConfigDict
    state: State
    game: Game
    source: Source
    sampler: Sampler

    def sample(
        self, num: int, seed: int = 0, labels: Any = None, *, output: str = "", given: Mapping[str, Any] | None = None
    ) -> np.ndarray:
        """Examples of an output.

        Args:
          num: how many.
          seed: of the latent variables, and of conditions that are not given.
          labels: classes that the examples shall have, int [num] or one for all: the same as given={"label": labels}.
          output: its name; the game's first where none is given.
          given: what conditions it, {feature: [num, ...]}: images in [-1, 1], classes.

        Returns:
          float32 [num, H, W, C] in [-1, 1], or [num, D] points.

        Raises:
          ConfigError: as ``draw``.
          DataError: what conditions the output is taken from the data, and these cannot be read.
        """
        own = {name: np.asarray(value) for name, value in (given or {}).items()}
        if labels is not None:
            own["label"] = np.resize(np.asarray(labels), num) if np.ndim(labels) == 0 else np.asarray(labels)
        return draw(self.with_data(output, own).sampler, self.weights, num, seed, output, own)

    def with_data(self, output: str, given: Collection[str] = ()) -> "Run":
        """The same with its data read, where an output is conditioned by examples of them that are not given."""
        reads = self.game.outputs[find_output(self.game, output)].reads
        if all(name in given or self.source.features[name].classes is not None for name in reads):
            return self
        source = build_source(self.config)
        return dataclasses.replace(self, source=source, sampler=make_sampler(self.game, source))

    @functools.cached_property
    def weights(self) -> Weights:
        """Averaged parameters if the run keeps them, and their statistics."""
        return self.sampler.weights(self.state)


def load_run(workdir: str | Path, checkpoint: str | int = "latest") -> Run:
    """A run from its work directory.

    Args:
      workdir: of a ``gan_jax.train``.
      checkpoint: "latest", "best" or a step.

    Returns:
      Run.

    Raises:
      WorkdirError: the directory holds no readable run, or the checkpoint is damaged.
      ConfigError: there is no such checkpoint.
    """
    return next(load_checkpoints(workdir, [str(checkpoint)]))


def load_checkpoints(workdir: str | Path, checkpoints: Sequence[str]) -> Iterator[Run]:
    """A run at several of its checkpoints in turn, which share compiled programs; errors as ``load_run``."""
    workdir = expanded("workdir", workdir)
    process.keep_programs()
    check_settings()
    config = read_config(workdir)
    assert config is not None
    run: Run | None = None
    for checkpoint in checkpoints:
        _, leaves = read_checkpoint(workdir, checkpoint)
        if run is None:
            source = stored_source(workdir, config)
            game = build_game(config, source)
            state = init_state(game, jax.random.key(config.seed), build_hyper(config), ema=config.ema.decay > 0)
            if estimates_from_data(game, source, state):
                source = build_source(config)
            run = Run(config, state, game, source, make_sampler(game, source))
        run = dataclasses.replace(run, state=jax.tree.map(jnp.asarray, state_like(run.state, leaves)))
        yield run


def check_out(out: str) -> Path:
    """The file to write samples to.

    Raises:
      ConfigError: its suffix is neither .png nor .npy, its folder does not exist, or it is a folder or a device itself.
      WorkdirError: nothing can be written there.
    """
    path = expanded("out", out)
    if path.suffix not in (".png", ".npy"):
        raise ConfigError(f"out={out!r} has the suffix {path.suffix!r}; allowed: .png, .npy")
    if not path.parent.is_dir():
        raise ConfigError(
            f"out={out!r}: the folder {str(path.parent)!r} does not exist; allowed: a file in an existing folder"
        )
    if path.exists() and not path.is_file():
        raise ConfigError(f"out={out!r} is a folder or a device; allowed: a file, which is replaced if it is there")
    files.probe(path.parent, "choose another --out")
    return path


def write_samples(path: Path, run: Run, x: np.ndarray) -> None:
    """Write samples as a picture (.png) or as an array (.npy), whole or not at all.

    Raises:
      WorkdirError: it cannot be written; a file that was there stays.
    """
    try:
        if path.suffix == ".png":
            write_png(path, picture(x, run.source, run.state.key))
        else:
            buffer = io.BytesIO()
            np.save(buffer, x)
            files.replace({path: buffer.getbuffer()})
    except OSError as error:
        raise WorkdirError(
            f"{str(path)!r} cannot be written: {error.strerror or error}; choose another --out"
        ) from error
