"""A game's outputs drawn from a state, and their pictures."""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import files
from gan_jax.data import Source
from gan_jax.errors import ConfigError
from gan_jax.game import STREAMS, Game, example_keys, image_of
from gan_jax.metrics.table import SCORE
from gan_jax.move import to_draw
from gan_jax.registry import nearest
from gan_jax.threefry import fast
from gan_jax.training.state import State, Weights, estimated_anew, make_weights

NOTHING: Mapping[str, Any] = MappingProxyType({})
CHUNK = 500  # examples per call, so that a large request fits in memory


class Sampler(NamedTuple):
    """Draws the outputs of a game, and scores it."""

    game: Game
    source: Source  # for what conditions an output
    sample: Callable[..., Any]  # compiled (params, stats, key, num, output, given); num and output are static
    weights: Callable[[State], Weights]
    score: Callable[..., jax.Array]  # compiled (params, stats, key, name of a score, batch) -> numbers; name is static


def make_sampler(game: Game, source: Source) -> Sampler:
    """The sampler of a game on its data."""

    def sample(params: Any, stats: Any, key: jax.Array, num: int, output: str, given: Any = NOTHING) -> Any:
        return game.outputs[output].draw(to_draw(game, params, stats, fast(key), num, given), num)

    def estimated(num: int, key: jax.Array) -> dict[str, Any]:
        given = {name: conditions(source, made.reads, key, num) for name, made in game.outputs.items()}
        taken = source.take(key, num) if game.scores else {}
        scored = {feature: jnp.resize(value, (num, *value.shape[1:])) for feature, value in taken.items()}
        return given | {f"{SCORE}:{name}": {n: scored[n] for n in made.reads} for name, made in game.scores.items()}

    def score(params: Any, stats: Any, key: jax.Array, name: str, batch: Any) -> jax.Array:
        num = len(next(iter(batch.values())))
        return game.scores[name].of(to_draw(game, params, stats, fast(key), num, batch, train=False))

    weights, scored = make_weights(game, estimated), jax.jit(score, static_argnums=3)
    return Sampler(game, source, jax.jit(sample, static_argnums=(3, 4)), weights, scored)


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


def draw(
    sampler: Sampler, weights: Weights, num: int, seed: int, output: str = "",
    given: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:  # fmt: skip
    """Draw an output, the first where none is named, without its codes; float32 [num, ...].

    What conditions it and is not ``given`` is made by ``conditions``. With running statistics the first examples do not
    depend on ``num``.

    Raises:
      ConfigError: ``num`` is below 1, the game has no such output, or it takes no such condition.
    """
    return np.asarray(image_of(draw_all(sampler, weights, num, seed, output, given)))


def draw_all(
    sampler: Sampler, weights: Weights, num: int, seed: int, output: str = "",
    given: Mapping[str, np.ndarray] | None = None,
) -> Any:  # fmt: skip
    """As ``draw``, with the codes that the output hands beside its examples; ``CHUNK`` examples at a time."""
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
        parts.append(sampler.sample(weights.params, weights.stats, chunk_key, size, name, made))
    return jax.tree.map(lambda *chunks: np.concatenate([np.asarray(chunk) for chunk in chunks]), *parts)


def find_output(game: Game, name: str) -> str:
    """The name of a game's output, the first for ""; refused where it has none, or none of that name."""
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
        wrong = value if not np.issubdtype(value.dtype, np.integer) else value[(value < 0) | (value >= feature.classes)]
        if wrong.size:
            raise ConfigError(
                f"{name}={wrong.flat[0]!s} is not possible; allowed: whole numbers from 0 to {feature.classes - 1}"
            )


def compared(game: Game) -> tuple[str, ...]:
    """The outputs that imitate something."""
    return tuple(name for name, output in game.outputs.items() if output.like is not None)


def estimates_from_data(game: Game, source: Source, state: State) -> bool:
    """Whether statistics of averaged parameters are estimated from examples of the data."""
    reads = {name for output in game.outputs.values() for name in output.reads}
    read = bool(game.scores) or any(source.features[name].classes is None for name in reads)
    return estimated_anew(game, state) and read


def specs_of(source: Source, reads: Sequence[str], num: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes and types of what conditions an output."""
    return {n: jax.ShapeDtypeStruct((num, *source.features[n].shape), source.features[n].dtype) for n in reads}


def drawn_from(sampler: Sampler, state: State) -> set[str]:
    """The networks that the game's outputs go through."""
    used: set[str] = set()
    for output in sampler.game.outputs.values():
        used |= passed_through(sampler, state, output.draw, output.reads, 2)
    return used


def passed_through(sampler: Sampler, state: State, of: Callable[..., Any], reads: Sequence[str], *num: int) -> set[str]:
    """The networks that an output's ``draw``, or a score, applies."""
    used: set[str] = set()

    def trace(params: Any, stats: Any, given: Any) -> None:
        move = to_draw(sampler.game, params, stats, jax.random.key(0), 2, given)
        of(move, *num)
        used.update(move.written()[0])

    jax.eval_shape(trace, state.params, state.stats, specs_of(sampler.source, reads, 2))
    return used


def fixed_grid(sampler: Sampler, state: State, count: int) -> np.ndarray:
    """The picture of every output at the run's fixed latent variables and conditions; uint8 [height, width, 3]."""
    key, weights = jax.random.fold_in(state.key, STREAMS["sample"]), sampler.weights(state)
    pictures = []
    for name, output in sampler.game.outputs.items():
        given, columns = _shown(sampler.source, output.reads, key, count)
        num = len(next(iter(given.values()), range(count)))
        x = np.asarray(image_of(sampler.sample(weights.params, weights.stats, key, num, name, given)))
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


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Images float [B, H, W, C] in [-1, 1] as uint8 [B, H, W, C]; values outside are clipped, for display only."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def image_grid(images: np.ndarray, margin: int = 2, smallest: int = 28, columns: int | None = None) -> np.ndarray:
    """Tile images float [B, H, W, C] in [-1, 1] into one picture uint8 [height, width, 3], row by row.

    Of more channels than 4 the first three are shown; images with a side below ``smallest`` are enlarged by a whole
    factor; without ``columns`` the picture is as square as can be.
    """
    pixels = to_uint8(images)
    if pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    missing = max(0, 3 - pixels.shape[-1])
    pixels = np.pad(pixels, ((0, 0), (0, 0), (0, 0), (0, missing)))[..., :3]
    factor = max(1, math.ceil(smallest / min(pixels.shape[1:3])))
    pixels = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    count, height, width, _ = pixels.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    grid = np.full((margin + rows * (height + margin), margin + columns * (width + margin), 3), 255, np.uint8)
    for i, image in enumerate(pixels):
        y, x = margin + i // columns * (height + margin), margin + i % columns * (width + margin)
        grid[y : y + height, x : x + width] = image
    return grid


def image_pairs(inputs: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Images float [B, H, W, C], each to the right of what it was made from, which is cut or padded to its size."""
    height, width, channels = images.shape[1:]
    fitted = np.full((len(images), height, width, channels), -1.0, np.float32)
    rows, columns = min(height, inputs.shape[1]), min(width, inputs.shape[2])
    fitted[:, :rows, :columns] = _with_channels(inputs[:, :rows, :columns], channels)
    pairs = np.stack([fitted, images], axis=1).reshape(-1, height, width, channels)
    return image_grid(pairs, columns=2 * math.ceil(math.sqrt(len(images) / 2)))


def _with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    if images.shape[-1] == channels:
        return images
    grey = images[..., :3].mean(axis=-1, keepdims=True)
    return np.broadcast_to(grey, (*images.shape[:-1], channels))


def beside(pictures: Sequence[np.ndarray], margin: int = 8) -> np.ndarray:
    """Pictures uint8 [h, w, 3] side by side on white; uint8 [height, width, 3]."""
    height = max(picture.shape[0] for picture in pictures)
    padded = [np.pad(p, ((0, height - len(p)), (0, 0), (0, 0)), constant_values=255) for p in pictures]
    gap = np.full((height, margin, 3), 255, np.uint8)
    return np.concatenate([part for picture in padded for part in (picture, gap)][:-1], axis=1)


def point_plot(points: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Generated points over real ones [B, D]: a scatter plot of the first two coordinates, or two histograms in 1-D."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if points.shape[1] == 1:
        both = np.concatenate([points, real])
        bins = np.linspace(both.min(), both.max() + 1e-6, 60)
        axes.hist(real[:, 0], bins=list(bins), density=True, alpha=0.5, color="gray", label="data")
        axes.hist(points[:, 0], bins=list(bins), density=True, alpha=0.6, color="tab:red", label="generator")
    else:
        axes.scatter(real[:, 0], real[:, 1], s=4, c="gray", alpha=0.4, linewidths=0, label="data")
        axes.scatter(points[:, 0], points[:, 1], s=4, c="tab:red", alpha=0.6, linewidths=0, label="generator")
        axes.set_aspect("equal", adjustable="datalim")
    axes.legend(loc="upper right", fontsize=8)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write uint8 [H, W, 3] as a PNG, whole or not at all."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace({path: buffer.getvalue()})
