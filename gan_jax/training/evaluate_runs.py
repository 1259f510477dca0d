"""``gan-jax evaluate``: metrics of stored checkpoints of any number of runs."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict
from tqdm import tqdm

from gan_jax.build import data_options
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.evaluation import records as files
from gan_jax.evaluation.records import Record
from gan_jax.game import Game
from gan_jax.paths import expanded
from gan_jax.training.evaluator import EVALUATE, Material, Settings, best_of, material_of, measure
from gan_jax.training.run import load_checkpoints
from gan_jax.training.screen import Screen
from gan_jax.training.start import read_config, stored_steps

METRICS = ("frechet_lenet", "kid_lenet", "prdc_lenet")


def evaluate_runs(
    workdirs: Sequence[str | Path], settings: Settings, checkpoints: str = "latest", *, progress: bool = True
) -> dict[str, list[Record]]:
    """Measure, and append what was measured to each run's evaluation.jsonl.

    Args:
      workdirs: of runs.
      settings: what to measure, on what.
      checkpoints: "latest", "best", "all", steps, or several of these with commas.
      progress: whether to show progress on stderr.

    Returns:
      {"WORKDIR step STEP": records}.

    Raises:
      ConfigError: a checkpoint, metric, split or extractor that there is not, or one that does not fit.
      DataError: data or weights are missing or broken.
      WorkdirError: a directory holds no readable run, or cannot be written.
    """
    configs = {path: _config(path) for path in (expanded("workdir", workdir) for workdir in workdirs)}
    wanted = {workdir: _checkpoints(workdir, checkpoints) for workdir in configs}
    materials: dict[str, Material] = {}
    made: dict[str, list[Record]] = {}
    total = sum(len(names) for names in wanted.values()) * settings.repeats * len(settings.metrics)
    screen = Screen(sys.stderr)
    with tqdm(
        total=total, unit="metric", file=screen, disable=not (progress and screen.isatty()), dynamic_ncols=True
    ) as bar:

        def tick(what: str) -> None:
            bar.set_postfix_str(what)
            if what in settings.metrics:
                bar.update()

        for workdir, config in configs.items():
            for checkpoint, run in zip(wanted[workdir], load_checkpoints(workdir, wanted[workdir]), strict=True):
                begun = time.perf_counter()
                material = _material(config, run.game, settings, materials)
                chosen = {"latest": "last", "best": best_of(config)}.get(checkpoint, "step")
                records = measure(
                    config, run.game, run.sampler, run.state, settings, material, by=EVALUATE, chosen=chosen, tick=tick
                )
                _append(workdir, records)
                row = f"{workdir} step {int(run.state.step)}"
                made.setdefault(row, []).extend(records)  # one step may be the best and the last
                if progress and not screen.isatty():
                    seconds = time.perf_counter() - begun
                    print(f"{row}: {len(records)} values in {seconds:.0f} s", file=screen, flush=True)
    return made


def _config(workdir: Path) -> ConfigDict:
    config = read_config(workdir)
    assert config is not None
    return config


def _checkpoints(workdir: Path, checkpoints: str) -> list[str]:
    names: list[str] = []
    for word in checkpoints.split(","):
        names += [str(step) for step in stored_steps(workdir)] if word == "all" else [word]
    steps, best = stored_steps(workdir), stored_steps(workdir, "best")
    allowed = [*(["latest", "all"] if steps else []), *(["best"] if best else []), *map(str, steps)]
    for name in names:
        if steps and name not in allowed:
            raise ConfigError(f"checkpoint={name!r} is not in {str(workdir)!r}; allowed: {', '.join(allowed)}")
    if not steps:
        raise WorkdirError(f"{str(workdir)!r} holds no checkpoints yet; give the --workdir of a run that has saved one")
    return list(dict.fromkeys(names))


def _material(config: ConfigDict, game: Game, settings: Settings, known: dict[str, Material]) -> Material:
    """Real examples and extractors, read once for all runs of a game on the same data."""
    key = json.dumps([config.game.name, config.data.name, config.data.dir, data_options(config)], sort_keys=True)
    if key not in known:
        known[key] = material_of(config, game, settings)
    return known[key]


def _append(workdir: Path, records: Sequence[dict[str, Any]]) -> None:
    try:
        files.append(workdir, records)
    except OSError as error:
        raise WorkdirError(f"{workdir / files.FILE} cannot be written: {error.strerror or error}") from error
