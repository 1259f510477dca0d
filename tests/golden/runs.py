"""Plays rows of the golden table; as a script, prints ``[name, entry]`` in JSON for each row that it is given."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jaxlib
import numpy as np
from golden.rows import ROWS, Row
from PIL import Image

import gan_jax
from gan_jax.build import build_game, build_source
from gan_jax.config import load_config, load_values
from gan_jax.sweeps import Sweep, grid
from gan_jax.sweeps.driver import sweep
from gan_jax.sweeps.executors import LOCAL
from gan_jax.training import parallel
from gan_jax.training.checkpoints import digest, leaves_of
from gan_jax.training.loop import compile_program
from gan_jax.training.parallel import Stream
from gan_jax.training.process import processor
from gan_jax.training.sampling import draw, make_sampler
from gan_jax.training.state import init_state, initial_state

SAMPLES, SEED = 16, 5
TIMED = ("seconds", "images_per_second")  # numbers of a record that depend on the clock
ROOT = Path(__file__).resolve().parents[2]


def origin() -> dict[str, str]:
    """What bits depend on beside the program."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    return {
        "processor": processor(),
        "jax": jax.__version__,
        "jaxlib": jaxlib.__version__,
        # How many virtual devices there are changes the runs that use them, which say so themselves.
        "xla_flags": " ".join(flag for flag in flags if "device_count" not in flag),
    }


def play(name: str) -> dict[str, Any]:
    """The entry of a row."""
    row = ROWS[name]
    with tempfile.TemporaryDirectory() as scratch:
        fields = dict(row.fields)
        if fields.get("data.name") == "folder":
            fields["data.name"] = f"folder:{pictures(Path(scratch) / 'pictures')}"
        config = load_config(ROOT / row.file, fields) if row.file else load_values(fields)
        entry = {"program": program, "train": train, "sweep": sweep_of_two}[row.how](row, config, Path(scratch))
    return {**({"note": row.note} if row.note else {}), "steps": row.steps, **entry}


def program(row: Row, config: Any, scratch: Path) -> dict[str, Any]:
    """Some steps in one call of the compiled program."""
    source = build_source(config)
    game = build_game(config, source)
    state = initial_state(config, game, print, partial(init_state, game, ema=config.ema.decay > 0))
    initial = leaves_of(state)
    call, mesh = compile_program(config, game, source)
    stream = Stream(config, game, source, 0, mesh).take(row.steps) if source.stream else {}
    state, metrics = call(
        parallel.replicate(state, mesh), parallel.replicate(dict(source.arrays), mesh), stream,
        parallel.replicate(np.int32(row.steps), mesh),
    )  # fmt: skip
    state = parallel.local(state)
    sampler = make_sampler(game, source)
    samples = draw(sampler, sampler.weights(state), SAMPLES, SEED) if game.outputs else np.zeros(0, np.float32)
    record = {name: float(np.asarray(value.addressable_data(0))) for name, value in metrics.items()}
    return {
        "initial": described(initial),
        "state": described(leaves_of(state)),
        "samples": described({"samples": samples}),
        "record": record,
    }


def train(row: Row, config: Any, scratch: Path) -> dict[str, Any]:
    """A whole run: what its work directory holds at the end."""
    gan_jax.train(config, scratch / "run", progress=False, command=[])
    return whole(scratch / "run")


def sweep_of_two(row: Row, config: Any, scratch: Path) -> dict[str, Any]:
    """Two runs in one program: what the second one's work directory holds."""
    rates = grid({"optimizer.generator.learning_rate": [1e-3, 3e-3]})
    sweep(Sweep(rates), config, scratch / "sweep", LOCAL, width=2, progress=False)
    return whole(sorted((scratch / "sweep" / "runs").iterdir())[1])


def whole(workdir: Path) -> dict[str, Any]:
    """Newest checkpoint, samples, last record and last sample grid of a run."""
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    names = list(json.loads(lines[-1]))
    records = {
        f"{record['step']}:{name}": float(value)
        for record in map(json.loads, lines)
        for name, value in record.items()
        if name not in TIMED
    }
    run = gan_jax.load_run(workdir)
    return {
        "state": described(leaves_of(run.state)),
        "samples": described({
            "samples": run.sample(SAMPLES, SEED),
            "picture": np.asarray(Image.open(workdir / "samples" / f"{run.state.step}.png")),
        }),
        "fields": names,
        "record": records,
    }  # fmt: skip


def pictures(folder: Path) -> Path:
    """A folder of small images in two classes, the same bits every time."""
    dice = np.random.default_rng(0)
    for number in range(50):
        file = folder / ("a", "b")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(dice.integers(0, 256, (8, 8, 3), np.uint8)).save(file)
    return folder


def described(leaves: Mapping[str, np.ndarray]) -> dict[str, list[Any]]:
    """{leaf: [start of its sha256, dtype and shape, sum, sum of squares]}."""
    return {name: describe(leaf) for name, leaf in sorted(leaves.items())}


def describe(leaf: np.ndarray) -> list[Any]:
    """The same of one leaf; sums in float64."""
    values = np.asarray(leaf, np.float64)
    sums = (float(np.sum(values)), float(np.sum(values * values)))
    shape = ",".join(map(str, leaf.shape))
    return [digest(leaf)[:16], f"{leaf.dtype.name}[{shape}]", *(float(f"{value:.9g}") for value in sums)]


def use_one_core() -> None:
    """Large matrix products are split over the threads that there are, and their bits depend on it."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[os.getpid() % len(allowed)]})


def main(names: list[str]) -> None:
    """Play rows; the first line is ``[origin]``, in the others an error or "" comes last."""
    use_one_core()
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    print(json.dumps([origin()]), flush=True)
    for name in names:
        try:
            print(json.dumps([name, play(name), ""]), flush=True)
        except Exception as error:
            print(json.dumps([name, {}, f"{type(error).__name__}: {error}"]), flush=True)
        jax.clear_caches()


if __name__ == "__main__":
    main(sys.argv[1:])
