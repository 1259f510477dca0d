"""Training steps: the loop against its bare program, float32 against bfloat16, one run against eight.

    python -m benchmarks.steps [--out=FILE.json]

Every ratio comes from alternating rounds in one process; the table shows medians and the spread (min to max).
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import gan_jax
from gan_jax.build import build_game, build_hyper, build_source
from gan_jax.config import default_config, validate
from gan_jax.game import data_rounds
from gan_jax.training import compilation_cache, parallel
from gan_jax.training.loop import compile_program
from gan_jax.training.step import init_state, make_step

ROUNDS = 5
CASES = {
    # name: (fields, steps of one measurement)
    "mlp, batch 100": ({"data.name": "mnist", "batch_size": 100}, 300),
    "ring mlp 2x128, batch 512, z 256": (
        {"data.name": "ring", "batch_size": 512, "latent_dim": 256, "generator.mlp.output": "linear",
         "generator.mlp.widths": (128, 128), "discriminator.mlp.widths": (128, 128)}, 200,
    ),
    "dcgan 32x32x1, batch 128": (
        {"data.name": "mnist", "data.mnist.resolution": 32, "latent_dim": 100,
         "generator.name": "dcgan", "discriminator.name": "dcgan"}, 5,
    ),
}  # fmt: skip


def configuration(fields):
    config = default_config()
    with config.unlocked():
        for path, value in fields.items():
            *parents, leaf = path.split(".")
            inner = config
            for parent in parents:
                inner = inner[parent]
            inner[leaf] = value
    return validate(config)


def prepared(config):
    """A function that runs n steps of the bare program and waits."""
    source = build_source(config)
    game = build_game(config, source)
    program, mesh = compile_program(config, game, source)
    box = [parallel.replicate(init_state(game, jax.random.key(0), build_hyper(config)), mesh)]
    arrays = parallel.replicate(dict(source.arrays), mesh)

    def run(steps):
        box[0], metrics = program(box[0], arrays, {}, parallel.replicate(np.int32(steps), mesh))
        jax.block_until_ready(metrics)

    return run


def several(config, runs):
    """The same for ``runs`` runs in one program."""
    source = build_source(config)
    game = build_game(config, source)
    sizes = {"rounds": len(data_rounds(game)), "local_batch": config.batch_size, "batch_size": config.batch_size}
    mesh = parallel.device_mesh(jax.devices()[:1])
    step = make_step(game, local_batch=config.batch_size)
    program = parallel.make_program(parallel.make_loop(step, source.fetch, axis_name=None, **sizes), mesh, runs=runs)
    states = [init_state(game, jax.random.key(seed), build_hyper(config)) for seed in range(runs)]
    box = [parallel.replicate(jax.tree.map(lambda *x: jnp.stack(x), *states), mesh)]

    def run(steps):
        box[0], metrics = program(box[0], {}, {}, parallel.replicate(np.int32(steps), mesh))
        jax.block_until_ready(metrics)

    return run


def alternate(functions, rounds=ROUNDS):
    """{name: seconds of each round}; the functions take turns, after one warm-up each."""
    for function in functions.values():
        function()
    seconds = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            begun = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - begun)
    return seconds


def ratio(a, b):
    """Median, smallest and largest of a / b, pair by pair."""
    pairs = [x / y for x, y in zip(a, b, strict=True)]
    return {"median": statistics.median(pairs), "min": min(pairs), "max": max(pairs)}


def framework_overhead(config, steps):
    """Steady throughput that ``train`` reports (records, grids, checkpoints as configured) over the bare program's."""
    bare = prepared(config)
    bare(steps)
    ratios = []
    for _ in range(3):
        begun = time.perf_counter()
        bare(steps)
        alone = steps / (time.perf_counter() - begun)
        folder = Path(tempfile.mkdtemp())
        long = configuration({**FRAMEWORK, "steps": 10 * steps})
        gan_jax.train(long, folder, progress=False)
        records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        first, last = records[1], records[-1]
        ratios.append((last["step"] - first["step"]) / (last["seconds"] - first["seconds"]) / alone)
        shutil.rmtree(folder)
    return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}


FRAMEWORK = {"data.name": "mnist", "batch_size": 100}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    compilation_cache.enable()
    rows, rates = {}, {}
    for name, (fields, steps) in CASES.items():
        full = prepared(configuration(fields))
        half = prepared(configuration({**fields, "precision": "bfloat16"}))
        seconds = alternate({"float32": lambda: full(steps), "bfloat16": lambda: half(steps)})  # noqa: B023
        rates[name] = steps / statistics.median(seconds["float32"])
        rows[f"{name}: bfloat16 time / float32 time"] = ratio(seconds["bfloat16"], seconds["float32"])
    fields, steps = CASES["ring mlp 2x128, batch 512, z 256"]
    one, eight = several(configuration(fields), 1), several(configuration(fields), 8)
    seconds = alternate({"one": lambda: one(steps), "eight": lambda: eight(steps)})
    after_another = [8 * s for s in seconds["one"]]
    rows["ring mlp: 8 runs one after another / 8 runs in one program"] = ratio(after_another, seconds["eight"])
    rows["train() steady throughput / bare program (mlp, batch 100)"] = framework_overhead(
        configuration(FRAMEWORK), 1000
    )
    for name, rate in rates.items():
        print(f"{name:70} {rate:8.1f} steps/s", file=sys.stderr)
    for name, values in rows.items():
        print(f"{name:70} {values['median']:6.2f}  ({values['min']:.2f} to {values['max']:.2f})")
    if out:
        out.write_text(
            json.dumps({"ratios": rows, "steps_per_second_here": rates, "jax": jax.__version__}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
