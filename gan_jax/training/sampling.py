"""Samples from a state or a stored run."""

import dataclasses
import functools
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import files
from gan_jax.build import build_game, build_hyper
from gan_jax.data import Source
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.game import STREAMS, Game
from gan_jax.paths import expanded
from gan_jax.threefry import fast
from gan_jax.training import compilation_cache
from gan_jax.training.backend import check_settings
from gan_jax.training.checkpoints import state_like
from gan_jax.training.grids import image_grid, point_plot, write_png
from gan_jax.training.known_data import stored_source
from gan_jax.training.start import read_checkpoint, read_config
from gan_jax.training.step import State, init_state
from gan_jax.training.weights import Weights, make_weights

CHUNK = 500  # examples per call, so that a large request fits in memory


class Sampler(NamedTuple):
    """Generates examples of a game.

    Attributes:
      sample: compiled (params, stats, key, num, labels=None) -> [num, ...]; ``num`` is static.
      weights: state -> params and stats to sample with.
    """

    sample: Callable[..., jax.Array]
    weights: Callable[[State], Weights]


def make_sampler(game: Game) -> Sampler:
    """The sampler of a game."""

    def sample(params: Any, stats: Any, key: jax.Array, num: int, labels: Any = None) -> jax.Array:
        return game.sample(game.networks, params, stats, fast(key), num, labels=labels)

    return Sampler(jax.jit(sample, static_argnums=3), make_weights(game))


def fixed_grid(game: Game, source: Source, sampler: Sampler, state: State, count: int) -> np.ndarray:
    """The picture of ``count`` samples at the run's fixed latent variables.

    Returns:
      uint8 [height, width, 3].
    """
    key = jax.random.fold_in(state.key, STREAMS["sample"])
    weights = sampler.weights(state)
    x = np.asarray(sampler.sample(weights.params, weights.stats, key, count))
    return picture(x, source, state.key)


def picture(x: np.ndarray, source: Source, key: jax.Array) -> np.ndarray:
    """A grid of images, or a plot of points beside as many real ones; uint8 [height, width, 3]."""
    if x.ndim == 4:
        return image_grid(x)
    if source.fetch is None:
        raise ConfigError(
            f"data.name={source.name!r} has points but no sampler; pictures need images or a known distribution"
        )
    return point_plot(x, source.take(jax.random.fold_in(key, STREAMS["data"]), 1000)["image"])


def draw(sampler: Sampler, weights: Weights, num: int, seed: int, labels: Any = None) -> np.ndarray:
    """Generate examples, ``CHUNK`` at a time.

    Args:
      sampler: the game's.
      weights: from ``sampler.weights``: averaged parameters if the run keeps them.
      num: how many.
      seed: of the latent variables; with running statistics the first examples do not depend on ``num``.
      labels: int [num], for games that take them.

    Returns:
      float32 [num, H, W, C] in [-1, 1], or [num, D] points.

    Raises:
      ConfigError: ``num`` is below 1, or labels are given to a game that takes none.
    """
    if num < 1:
        raise ConfigError(f"num={num} is not possible; allowed: a whole number of at least 1")
    key, parts = jax.random.key(seed), []
    for chunk, start in enumerate(range(0, num, CHUNK)):
        size = min(CHUNK, num - start)
        own = None if labels is None else jnp.asarray(labels)[start : start + size]
        try:
            made = sampler.sample(weights.params, weights.stats, jax.random.fold_in(key, chunk), size, own)
        except ValueError as error:
            if labels is None:
                raise
            raise ConfigError(f"this run cannot generate by label: {' '.join(str(error).split())}") from error
        parts.append(np.asarray(made))
    return np.concatenate(parts)


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

    def sample(self, num: int, seed: int = 0, labels: Any = None) -> np.ndarray:
        """Examples [num, ...], as ``draw``."""
        return draw(self.sampler, self.weights, num, seed, labels)

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
    compilation_cache.enable()
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
            run = Run(config, state, game, source, make_sampler(game))
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
