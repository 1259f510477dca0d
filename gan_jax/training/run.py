"""Stored runs: loaded, drawn from, translated with, evaluated, and what comes of it written."""

import dataclasses
import functools
import io
import json
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from gan_jax import files
from gan_jax.build import build_game, build_hyper, build_source, data_options
from gan_jax.data import Source, images
from gan_jax.data.folder import find_images
from gan_jax.data.source import to_float
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.evaluation import records as evaluations
from gan_jax.game import Game
from gan_jax.paths import expanded
from gan_jax.training import sampling
from gan_jax.training.checkpoints import find_checkpoint, read_checkpoint, stored_steps
from gan_jax.training.checks import stored_source
from gan_jax.training.measure import EVALUATE, Material, Settings, best_of, material_of, measure
from gan_jax.training.process import check_settings, keep_programs
from gan_jax.training.progress import Screen
from gan_jax.training.records import read_config
from gan_jax.training.sampling import CHUNK, Sampler, find_output, make_sampler, to_uint8, write_png
from gan_jax.training.state import State, Weights, init_state

METRICS = ("frechet_lenet", "kid_lenet", "prdc_lenet")  # of `gan-jax evaluate`, where none are named


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
        return sampling.draw(self.with_data(output, own).sampler, self.weights, num, seed, output, own)

    def with_data(self, output: str, given: Collection[str] = ()) -> "Run":
        """The same with its data read, where they condition an output by examples that are not given."""
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
    keep_programs()
    check_settings()
    config = read_config(workdir)
    find_checkpoint(workdir, checkpoints[0])  # before data is read
    source = stored_source(workdir, config)
    game = build_game(config, source)
    state = init_state(game, jax.random.key(config.seed), build_hyper(config), ema=config.ema.decay > 0)
    if sampling.estimates_from_data(game, source, state):
        source = build_source(config)
    run = Run(config, state, game, source, make_sampler(game, source))
    for checkpoint in checkpoints:
        stored = read_checkpoint(workdir, checkpoint, state)
        yield dataclasses.replace(run, state=jax.tree.map(jnp.asarray, stored))


def check_out(out: str) -> Path:
    """The file to write samples to; refused if it is no .png or .npy, or nothing can be written there."""
    path = expanded("out", out)
    if path.suffix not in (".png", ".npy"):
        raise ConfigError(f"out={out!r} has the suffix {path.suffix!r}; allowed: .png, .npy")
    if not path.parent.is_dir():
        folder = str(path.parent)
        raise ConfigError(f"out={out!r}: the folder {folder!r} does not exist; allowed: a file in an existing folder")
    if path.exists() and not path.is_file():
        raise ConfigError(f"out={out!r} is a folder or a device; allowed: a file, which is replaced if it is there")
    files.probe(path.parent, "choose another --out")
    return path


def write_samples(path: Path, run: Run, x: np.ndarray) -> None:
    """Write samples as a picture (.png) or as an array (.npy), whole or not at all."""
    if path.suffix == ".npy":
        _write_array(path, x)
    else:
        with _writing(path):
            write_png(path, sampling.picture(x, run.source, run.state.key))


def _write_array(path: Path, x: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, x)
    with _writing(path):
        files.replace({path: buffer.getbuffer()})


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorkdirError(
            f"{str(path)!r} cannot be written: {error.strerror or error}; choose another --out"
        ) from error


def translate(run: Run, inputs: str | Path, out: str | Path, *, output: str = "", seed: int = 0) -> list[Path]:
    """Translate an image file, or all images below a folder, and write the results; returns the files.

    Images are cropped and resized as those of a folder that is trained on. Of a file ``out`` is a file .png; of a
    folder, a folder in which the same paths are made, with .png; of either a file .npy, float32 [N, H, W, C] in [-1, 1]
    in the order of the paths. Without ``output`` it is the game's first that is made from an image.
    """
    name, feature = _reading(run, output)
    source, target = expanded("input", inputs), expanded("out", out)
    paths = find_images(source) if source.is_dir() else [source]
    if not source.exists():
        said = "there is no such file or folder; allowed: an image, or a folder of images"
        raise ConfigError(f"input={str(inputs)!r}: {said}")
    targets = _targets(source, paths, target)
    made = np.concatenate(
        [_translated(run, name, feature, paths[i : i + CHUNK], seed) for i in range(0, len(paths), CHUNK)]
    )
    if target.suffix == ".npy":
        _write_array(target, made)
        return [target]
    with _writing(target):
        for path, image in zip(targets, to_uint8(made), strict=True):
            write_png(path, np.broadcast_to(image, (*image.shape[:2], max(3, image.shape[2]))))
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


def evaluate_runs(
    workdirs: Sequence[str | Path], settings: Settings, checkpoints: str = "latest", *, progress: bool = True
) -> dict[str, list[evaluations.Record]]:
    """Measure, and append what was measured to each run's evaluation.jsonl; {"WORKDIR step STEP": records}.

    Checkpoints are "latest", "best", "all", steps, or several of these with commas.
    """
    configs = {path: read_config(path) for path in (expanded("workdir", workdir) for workdir in workdirs)}
    wanted = {workdir: _checkpoints(workdir, checkpoints) for workdir in configs}
    materials: dict[str, Material] = {}
    made: dict[str, list[evaluations.Record]] = {}
    total = sum(len(names) for names in wanted.values()) * settings.repeats * len(settings.metrics)
    screen = Screen(sys.stderr)
    moving = progress and screen.isatty()
    with tqdm(total=total, unit="metric", file=screen, disable=not moving, dynamic_ncols=True) as bar:

        def tick(what: str) -> None:
            bar.set_postfix_str(what)
            if what in settings.metrics:
                bar.update()

        for workdir, config in configs.items():
            for checkpoint, run in zip(wanted[workdir], load_checkpoints(workdir, wanted[workdir]), strict=True):
                begun = time.perf_counter()
                # Real examples and extractors are read once for all runs of a game on the same data.
                data = [config.data.name, config.data.dir, data_options(config)]
                key = json.dumps([config.game.name, *data], sort_keys=True)
                material = materials.get(key) or material_of(config, run.game, settings)
                materials[key] = material
                chosen = {"latest": "last", "best": best_of(config)}.get(checkpoint, "step")
                records = measure(
                    config, run.sampler, run.state, settings, material, by=EVALUATE, chosen=chosen, tick=tick
                )
                try:
                    evaluations.append(workdir, records)
                except OSError as error:
                    where = workdir / evaluations.FILE
                    raise WorkdirError(f"{where} cannot be written: {error.strerror or error}") from error
                row = f"{workdir} step {int(run.state.step)}"
                made.setdefault(row, []).extend(records)  # one step may be the best and the last
                if progress and not moving:
                    seconds = time.perf_counter() - begun
                    print(f"{row}: {len(records)} values in {seconds:.0f} s", file=screen, flush=True)
    return made


def _checkpoints(workdir: Path, checkpoints: str) -> list[str]:
    """Their names one by one; refuses those that there are not."""
    find_checkpoint(workdir, "latest")
    names: list[str] = []
    for word in checkpoints.split(","):
        names += [str(step) for step in stored_steps(workdir)] if word == "all" else [word]
    for name in names:
        find_checkpoint(workdir, name, ("latest", "all"))
    return list(dict.fromkeys(names))
