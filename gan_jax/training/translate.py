"""``gan-jax translate``: images of a file or a folder through a run's output that is made from an image."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan_jax import files
from gan_jax.data import images
from gan_jax.data.folder import find_images
from gan_jax.data.source import to_float
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.paths import expanded
from gan_jax.training.grids import to_uint8, write_png
from gan_jax.training.run import Run
from gan_jax.training.sampling import CHUNK, find_output


def translate(run: Run, inputs: str | Path, out: str | Path, *, output: str = "", seed: int = 0) -> list[Path]:
    """Translate images, and write the results.

    Args:
      run: from ``load_run``.
      inputs: an image file, or a folder of images, its subfolders included; they are cropped and resized as a folder
        that is trained on.
      out: for a file, a file .png; for a folder, a folder, in which the same paths are made, with .png; for either a
        file .npy, float32 [N, H, W, C] in [-1, 1] in the order of the paths.
      output: of the game; the first that is made from an image where none is given.
      seed: of what else it is made from.

    Returns:
      The files that were written; those that were there are replaced.

    Raises:
      ConfigError: the game has no such output, or ``inputs`` and ``out`` do not go together.
      DataError: an image cannot be read.
      WorkdirError: a file cannot be written.
    """
    name, feature = _reading(run, output)
    source, target = expanded("input", inputs), expanded("out", out)
    paths = find_images(source) if source.is_dir() else [source]
    if not source.exists():
        raise ConfigError(
            f"input={str(inputs)!r}: there is no such file or folder; allowed: an image, or a folder of images"
        )
    targets = _targets(source, paths, target)
    made = np.concatenate(
        [_translated(run, name, feature, paths[i : i + CHUNK], seed) for i in range(0, len(paths), CHUNK)]
    )
    try:
        if target.suffix == ".npy":
            buffer = io.BytesIO()
            np.save(buffer, made)
            files.replace({target: buffer.getbuffer()})
            return [target]
        for path, image in zip(targets, to_uint8(made), strict=True):
            write_png(path, np.broadcast_to(image, (*image.shape[:2], max(3, image.shape[2]))))
    except OSError as error:
        raise WorkdirError(
            f"{str(target)!r} cannot be written: {error.strerror or error}; choose another --out"
        ) from error
    return targets


def _reading(run: Run, output: str) -> tuple[str, str]:
    """The output and the feature of images that it is made from."""

    def read(name: str) -> list[str]:
        return [feature for feature in run.game.outputs[name].reads if len(run.source.features[feature].shape) == 3]

    found = [name for name in run.game.outputs if read(name)]
    if not found or (output and find_output(run.game, output) not in found):
        said = f"output {output!r} is" if found else "no output of this game is"
        raise ConfigError(
            f"{said} made from an image; allowed: {', '.join(found) or 'a run of a game that translates'}"
        )
    name = output or found[0]
    return name, read(name)[0]


def _targets(source: Path, paths: Sequence[Path], out: Path) -> list[Path]:
    """Where each result goes; [] for an array."""
    files.probe(out.parent, "choose another --out")
    if out.suffix == ".npy":
        return []
    if not source.is_dir():
        if out.suffix != ".png" or out.is_dir():
            raise ConfigError(f"out={str(out)!r} for one image; allowed: a file .png or .npy")
        return [out]
    if out.suffix == ".png" or out.is_file():
        raise ConfigError(f"out={str(out)!r} for a folder of images; allowed: a folder, or a file .npy")
    if out.resolve().is_relative_to(source.resolve()):
        raise ConfigError(f"out={str(out)!r} lies in input={str(source)!r}; allowed: a folder beside it")
    inside = [path.relative_to(source) for path in paths]
    return [out / (path if path.suffix == ".png" else path.with_name(f"{path.name}.png")) for path in inside]


def _translated(run: Run, name: str, feature: str, paths: Sequence[Path], seed: int) -> np.ndarray:
    height, width, channels = shape = run.source.features[feature].shape
    read = []
    for path in paths:
        image = images.read(path, height if height == width else 0, channels)
        if image.shape != shape:
            raise ConfigError(
                f"{path} is {image.shape[1]}x{image.shape[0]} pixels; allowed: {width}x{height}, as trained on"
            )
        read.append(image)
    x = np.asarray(to_float(np.stack(read)))
    return run.sample(len(x), seed, output=name, given={feature: x})
