"""Samples from a state or a stored run."""

import dataclasses
import functools
import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import files
from gan_jax.build import build_game, build_hyper, build_source
from gan_jax.data import Source
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.game import STREAMS, Game, example_keys
from gan_jax.move import to_draw
from gan_jax.paths import expanded
from gan_jax.registry import nearest
from gan_jax.threefry import fast
from gan_jax.training import compilation_cache
from gan_jax.training.backend import check_settings
from gan_jax.training.checkpoints import state_like
from gan_jax.training.grids import beside, image_grid, image_pairs, point_plot, write_png
from gan_jax.training.known_data import stored_source
from gan_jax.training.start import read_checkpoint, read_config
from gan_jax.training.step import State, init_state
from gan_jax.training.weights import Weights, make_weights

NOTHING: Mapping[str, Any] = MappingProxyType({})
CHUNK = 500  # examples per call, so that a large request fits in memory


class Sampler(NamedTuple):
    """Draws the outputs of a game.

    Attributes:
      game: the game.
      source: its data, for what conditions an output.
      sample: compiled (params, stats, key, num, output, given) -> [num, ...]; ``num`` and ``output`` are static.
      weights: state -> params and stats to sample with.
    """

    game: Game
    source: Source
    sample: Callable[..., jax.Array]
    weights: Callable[[State], Weights]


def make_sampler(game: Game, source: Source) -> Sampler:
    """The sampler of a game on its data."""

    def sample(params: Any, stats: Any, key: jax.Array, num: int, output: str, given: Any = NOTHING) -> Any:
        return game.outputs[output].draw(to_draw(game, params, stats, fast(key), num, given), num)

    def estimated(num: int, key: jax.Array) -> dict[str, Any]:
        return {name: conditions(source, made.reads, key, num) for name, made in game.outputs.items()}

    return Sampler(game, source, jax.jit(sample, static_argnums=(3, 4)), make_weights(game, estimated))


def conditions(source: Source, reads: Sequence[str], key: jax.Array, num: int) -> dict[str, jax.Array]:
    """What conditions an output where nobody says otherwise, {feature: [num, ...]}.

    A class comes from each example's own key, as frequent as in the data; all else is taken from the data.
    """
    index = jnp.arange(num, dtype=jnp.int32)
    taken = source.take(key, num) if any(source.features[name].classes is None for name in reads) else {}
    given = {}
    for name in reads:
        feature = source.features[name]
        if feature.classes is None:
            given[name] = jnp.resize(taken[name], (num, *feature.shape))  # where there are fewer, from the first on
            continue
        shares = jnp.asarray(feature.frequencies or [1.0 / feature.classes] * feature.classes, jnp.float32)
        keys = example_keys(key, name, index)
        given[name] = jax.vmap(jax.random.categorical, (0, None))(keys, jnp.log(shares))
    return given


def fixed_grid(sampler: Sampler, state: State, count: int) -> np.ndarray:
    """The picture of every output at the run's fixed latent variables and conditions; uint8 [height, width, 3]."""
    key, weights = jax.random.fold_in(state.key, STREAMS["sample"]), sampler.weights(state)
    pictures = []
    for name, output in sampler.game.outputs.items():
        given, columns = _shown(sampler.source, output.reads, key, count)
        num = len(next(iter(given.values()), range(count)))
        x = np.asarray(sampler.sample(weights.params, weights.stats, key, num, name, given))
        inputs = next((np.asarray(value) for value in given.values() if value.ndim == 4), None)
        pictures.append(picture(x, sampler.source, state.key, columns=columns, inputs=inputs))
    return beside(pictures)


def _shown(source: Source, reads: Sequence[str], key: jax.Array, count: int) -> tuple[dict[str, Any], int | None]:
    """What conditions the examples of a sample grid, and its columns: a row for each class where one is asked for."""
    given = conditions(source, reads, key, count)
    for name in reads:
        classes = source.features[name].classes
        if classes is not None:
            columns = max(1, count // classes)
            given = {n: jnp.resize(value, (classes * columns, *value.shape[1:])) for n, value in given.items()}
            return {**given, name: jnp.repeat(jnp.arange(classes, dtype=jnp.int32), columns)}, columns
    return given, None


def picture(
    x: np.ndarray, source: Source, key: jax.Array, *, columns: int | None = None, inputs: np.ndarray | None = None
) -> np.ndarray:
    """A grid of images, each behind its input; or a plot of points over real ones; uint8 [height, width, 3]."""
    if x.ndim == 4:
        return image_grid(x, columns=columns) if inputs is None else image_pairs(inputs, x)
    if source.fetch is None:
        raise ConfigError(
            f"data.name={source.name!r} has points but no sampler; pictures need images or a known distribution"
        )
    return point_plot(x, source.take(jax.random.fold_in(key, STREAMS["data"]), 1000)["image"])


def draw(
    sampler: Sampler, weights: Weights, num: int, seed: int, output: str = "",
    given: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:  # fmt: skip
    """Draw an output, ``CHUNK`` examples at a time.

    Args:
      sampler: the game's.
      weights: from ``sampler.weights``: averaged parameters if the run keeps them.
      num: how many.
      seed: of the latent variables; with running statistics the first examples do not depend on ``num``.
      output: its name; the game's first where none is given.
      given: what conditions it, {feature: [num, ...]}; what is missing is as ``conditions`` makes it.

    Returns:
      float32 [num, H, W, C] in [-1, 1], or [num, D] points.

    Raises:
      ConfigError: ``num`` is below 1, the game has no such output, or it takes no such condition.
    """
    if num < 1:
        raise ConfigError(f"num={num} is not possible; allowed: a whole number of at least 1")
    name, own = find_output(sampler.game, output), given or {}
    reads = sampler.game.outputs[name].reads
    check_given(sampler.source, name, reads, own, num)
    key, parts = jax.random.key(seed), []
    for chunk, start in enumerate(range(0, num, CHUNK)):
        size = min(CHUNK, num - start)
        chunk_key = jax.random.fold_in(key, chunk)
        made = conditions(sampler.source, [feature for feature in reads if feature not in own], chunk_key, size)
        made |= {feature: jnp.asarray(value)[start : start + size] for feature, value in own.items()}
        parts.append(np.asarray(sampler.sample(weights.params, weights.stats, chunk_key, size, name, made)))
    return np.concatenate(parts)


def find_output(game: Game, name: str) -> str:
    """The name of a game's output, the first for "".

    Raises:
      ConfigError: it has none, or none of that name.
    """
    if not game.outputs:
        raise ConfigError("this game has nothing to draw: it has no outputs")
    if name and name not in game.outputs:
        raise ConfigError(
            f"the game has no output {name!r}{nearest(name, game.outputs)}; allowed: {', '.join(game.outputs)}"
        )
    return name or next(iter(game.outputs))


def check_given(source: Source, output: str, reads: Sequence[str], given: Mapping[str, np.ndarray], num: int) -> None:
    """Refuse conditions that an output does not take, or that are not like the data's."""
    for name, value in given.items():
        if name not in reads:
            raise ConfigError(
                f"output {output!r} takes no {name!r}; allowed: {', '.join(map(repr, reads)) or 'nothing'}"
            )
        feature, value = source.features[name], np.asarray(value)
        if value.shape != (num, *feature.shape):
            raise ConfigError(f"{name} has the shape {value.shape}; allowed: {(num, *feature.shape)}")
        if feature.classes is None:
            continue
        if not np.issubdtype(value.dtype, np.integer) or (
            len(value) and not 0 <= value.min() <= value.max() < feature.classes
        ):
            raise ConfigError(
                f"{name} holds {value.dtype} from {value.min()} to {value.max()}; "
                f"allowed: whole numbers from 0 to {feature.classes - 1}"
            )


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
        return dataclasses.replace(self, source=source, sampler=self.sampler._replace(source=source))

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
