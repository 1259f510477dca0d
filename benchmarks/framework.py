"""What surrounds the training step: records, start-up, data, evaluation, samples, checkpoints, runs, devices, memory.

    python -m benchmarks.framework [--only=overhead,start,...] [--out=FILE.json]

Ratios are made in one run, of things that take turns; seconds and rates belong to the machine.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

import gan_jax
from benchmarks.cases import CASES
from benchmarks.timing import alternate, clocked, program, ratio, runs_side_by_side, spread
from gan_jax.build import build_game, build_hyper, build_source
from gan_jax.config import load_values
from gan_jax.training import process
from gan_jax.training.checkpoints import Checkpoints, leaves_of
from gan_jax.training.measure import material_of, measure, settings_of
from gan_jax.training.sampling import draw, make_sampler, write_png
from gan_jax.training.state import init_state

WIDTHS = (1, 2, 4, 8)
DEVICES = (1, 2, 4)


def overhead(folder):
    """Steady throughput of ``train``, records, grids and checkpoints at their defaults, over the bare program's."""
    ratios = {}
    for name, steps in (("mlp", 6000), ("ring", 6000)):
        fields = CASES[name].fields
        bare = program(load_values(fields))

        def framework(name=name, fields=fields, steps=steps):
            workdir = folder / f"{name}{time.monotonic_ns()}"
            gan_jax.train(load_values({**fields, "steps": steps}), workdir, progress=False)
            records = [
                json.loads(line) for line in (workdir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
            ]
            first, last = records[0], records[-1]  # the first one comes after compilation
            return (last["seconds"] - first["seconds"]) / (last["step"] - first["step"])

        sides = {"bare": lambda bare=bare: clocked(lambda: bare(1000))() / 1000, "train": framework}
        seconds = alternate(sides, 3)
        ratios[f"{name}: train() over its bare program"] = ratio(seconds["bare"], seconds["train"])
    return {"ratios": ratios}


def start(folder):
    """From a command to the record of its first step, with an empty cache of compiled programs and with a full one."""
    found = {}
    for state, rounds in (("cold", 1), ("warm", 3)):
        found[state] = [_first_record(folder / f"{state}{i}", folder / "cache") for i in range(rounds)]
    return {
        "seconds": {state: spread(values) for state, values in found.items()},
        "ratios": {"start: cold over warm": spread([found["cold"][0] / s for s in found["warm"]])},
    }


def _first_record(workdir, cache):
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "gan_jax", "train", "--config=experiments/mnist/config.py", f"--workdir={workdir}",
         "--config.log_every=1", "--config.steps=1000000"],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    records = workdir / "metrics.jsonl"
    try:
        while not (records.exists() and records.stat().st_size):
            if process.poll() is not None:
                raise SystemExit(process.stderr.read().decode())
            time.sleep(0.01)
        return time.perf_counter() - began
    finally:
        process.kill()
        process.communicate()


def compilation(folder):
    """The first call of a training program: with an empty cache of compiled programs, and with a full one."""
    seconds = {}
    for name in ("mlp", "maxout", "dcgan"):
        cold, *warm = (float(_child("compilation", name, XDG_CACHE_HOME=str(folder / name))) for _ in range(4))
        seconds |= {f"{name}, empty cache": spread([cold]), f"{name}, full cache": spread(warm)}
    return {"seconds": seconds}


def data(folder):
    """Streamed images (a folder of PNG files, read in the order of the run) against the same in memory."""
    images = build_source(load_values(CASES["mlp"].fields)).arrays["image"][:4000]
    (folder / "images").mkdir()
    for i, image in enumerate(images):
        write_png(folder / "images" / f"{i:05}.png", image[..., 0])
    name = f"folder:{folder / 'images'}"
    streamed = build_source(load_values({"data.name": name, "data.folder.memory_limit_mb": 0}))
    batches = iter(streamed.stream(0, 0, 100))
    next(batches)
    rate = 100 * 100 / clocked(lambda: [next(batches) for _ in range(100)])()

    def trained(limit):
        fields = {**CASES["mlp"].fields, "data.name": name, "data.folder.memory_limit_mb": limit, "log_every": 100}
        fields |= {"steps": 600, "sample_every": 0, "checkpoint_every": 0}
        workdir = folder / f"data{time.monotonic_ns()}"
        gan_jax.train(load_values(fields), workdir, progress=False)
        records = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
        return (records[-1]["seconds"] - records[0]["seconds"]) / (records[-1]["step"] - records[0]["step"])

    seconds = alternate({"resident": lambda: trained(2048), "streamed": lambda: trained(0)}, 3)
    return {
        "images_per_second": {
            "stream alone": rate,
            "training, in memory": 100 / statistics.median(seconds["resident"]),
        },
        "ratios": {"data: streamed training over resident": ratio(seconds["resident"], seconds["streamed"])},
    }


def afterwards(folder):
    """Evaluation, sampling and checkpoints of the maxout networks, whose state is the largest."""
    del folder
    config = load_values({**CASES["maxout"].fields, "evaluation.metrics": ("frechet_lenet", "prdc_lenet")})
    source = build_source(config)
    game = build_game(config, source)
    sampler, material = make_sampler(game, source), material_of(config, game, settings_of(config))
    state = init_state(game, jax.random.key(0), build_hyper(config))
    leaves = leaves_of(state)
    megabytes = sum(leaf.nbytes for leaf in leaves.values()) / 1e6
    workdir = Path(tempfile.mkdtemp())
    steps = iter(range(1, 100))
    checkpoints = Checkpoints(workdir)

    def save():
        checkpoints.save(next(steps), state)
        checkpoints.wait()

    sides = {
        "evaluate": clocked(lambda: measure(config, sampler, state, settings_of(config), material)),
        "sample": clocked(lambda: draw(sampler, sampler.weights(state), 5000, 0)),
        "save": clocked(save),
        "restore": clocked(lambda: checkpoints.restore(checkpoints.steps()[-1], state)),
    }
    seconds = {name: spread(values) for name, values in alternate(sides, 3).items()}
    checkpoints.close()
    shutil.rmtree(workdir)
    return {
        "seconds": {f"evaluation, {config.evaluation.num:,} images, Fréchet and PRDC of LeNet": seconds["evaluate"]},
        "images_per_second": {"sampling": 5000 / seconds["sample"]["median"]},
        "megabytes_per_second": {
            f"checkpoint of {megabytes:.0f} MB, saved": megabytes / seconds["save"]["median"],
            "the same, restored and verified": megabytes / seconds["restore"]["median"],
        },
    }


def runs(folder):
    """Steps a second over all runs of the ring, by how many share a call under ``vmap`` on one device."""
    del folder
    config = load_values(CASES["ring"].fields)
    calls = {width: runs_side_by_side(config, width) for width in WIDTHS}
    sides = {width: clocked(lambda call=call: call(100)) for width, call in calls.items()}
    seconds = alternate(sides, 5)
    one = seconds[1]
    return {
        "run_steps_per_second": {
            f"{width} at once": spread([100 * width / s for s in seconds[width]]) for width in WIDTHS
        },
        "ratios": {
            f"runs: {width} at once over one after another": ratio([width * s for s in one], seconds[width])
            for width in WIDTHS[1:]
        },
    }


def devices(folder):
    """The same global minibatch on virtual devices of the same cores: what the parallel program itself costs."""
    del folder
    rates = {number: [] for number in DEVICES}
    for _ in range(3):
        for number in DEVICES:
            rates[number].append(float(_child("devices", number)))
    return {
        "steps_per_second": {f"{number} devices": spread(values) for number, values in rates.items()},
        "ratios": {f"devices: {n} over 1": ratio(rates[n], rates[1]) for n in DEVICES[1:]},
    }


def memory(folder):
    """Peak memory of a process that trains, MiB."""
    del folder
    return {"mebibytes": {CASES[name].title: float(_child("memory", name)) for name in CASES}}


def _child(what, value, **environment):
    own = f"--xla_force_host_platform_device_count={value if what == 'devices' else 1}"
    flags = f"{os.environ.get('XLA_FLAGS', '')} {own}"
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.child", what, str(value)],
        env={**os.environ, "XLA_FLAGS": flags, **environment},
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return ended.stdout.strip().splitlines()[-1]


PARTS = {f.__name__: f for f in (overhead, start, compilation, data, afterwards, runs, devices, memory)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    process.keep_programs()
    found, ratios = {}, {}
    for name in arguments.only.split(","):
        folder = Path(tempfile.mkdtemp())
        found[name] = PARTS[name](folder)
        shutil.rmtree(folder)
        ratios |= found[name].get("ratios", {})
        for unit, values in found[name].items():
            for what, value in values.items():
                print(f"{name:11} {what:62} {_text(value)} {unit.replace('_', ' ')}", flush=True)
    if arguments.out:
        arguments.out.write_text(
            json.dumps({"parts": found, "ratios": ratios}, indent=2, default=float) + "\n", encoding="utf-8"
        )


def _text(value):
    if isinstance(value, dict):
        return f"{value['median']:8.2f} ({value['min']:.2f} to {value['max']:.2f})"
    return f"{np.float64(value):8.1f}"


if __name__ == "__main__":
    main()
