"""A sweep against the same runs one after another, each by a command of its own.

    python -m benchmarks.sweeps [--commands=6] [--out=FILE.json]

The sweep is that of experiments/ring: six losses, ten seeds, 2,000 steps. Its whole command is timed, from an empty
work directory, and so are ``--commands`` of its runs, evenly spaced: 60 are all of them, fewer are scaled up. Both
find the compiled programs in the cache, which a first run of each loss fills.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIG = "experiments/ring/config.py:short"


def seconds_of(*arguments):
    """Wall-clock seconds of a command, which must succeed."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "gan_jax", *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commands", type=int, default=6, help="how many of the runs are timed as commands")
    parser.add_argument("--out", type=Path, help="where to write the numbers as JSON")
    arguments = parser.parse_args()
    from gan_jax.config import load_config
    from gan_jax.sweeps.space import expand, load_sweep

    runs = [point for point, _ in expand(load_sweep(CONFIG.split(":")[0]), load_config(CONFIG))]
    folder = Path(tempfile.mkdtemp())
    try:
        flags = [[f"--config.{field}={value}" for field, value in point.items()] for point in runs]
        for own in flags[:: len(flags) // 6]:  # fills the cache of compiled programs
            seconds_of("train", f"--config={CONFIG}", f"--workdir={folder}/fill", *own, "--config.steps=1")
            shutil.rmtree(folder / "fill")
        seconds_of("sweep", f"--config={CONFIG}", f"--workdir={folder}/fill", "--config.steps=1")
        swept = seconds_of("sweep", f"--config={CONFIG}", f"--workdir={folder}/sweep")
        chosen = [flags[i * len(flags) // arguments.commands] for i in range(arguments.commands)]
        alone = [
            seconds_of("train", f"--config={CONFIG}", f"--workdir={folder}/{i}", *own) for i, own in enumerate(chosen)
        ]
    finally:
        shutil.rmtree(folder)
    result = {
        "runs": len(runs),
        "sweep_seconds": swept,
        "commands_timed": len(alone),
        "command_seconds": {"median": statistics.median(alone), "min": min(alone), "max": max(alone)},
        "ratio": statistics.mean(alone) * len(runs) / swept,
    }
    spread = result["command_seconds"]
    print(f"{len(runs)} runs by one sweep: {swept:.0f} s")
    each = f"{spread['median']:.1f} s each ({spread['min']:.1f} to {spread['max']:.1f})"
    total = statistics.mean(alone) * len(runs)
    print(f"{len(alone)} of them by commands: {each}, {total:.0f} s for all {len(runs)}")
    print(f"ratio {result['ratio']:.2f}")
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
