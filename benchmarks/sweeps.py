"""A sweep against the same runs one after another, each by a command of its own.

    python -m benchmarks.sweeps [--only=eight,sixty] [--commands=6] [--out=FILE.json]

eight: one loss with eight seeds; sixty: the sweep of experiments/ring, six losses with ten seeds; 2,000 steps each. The
whole command of a sweep is timed, from an empty work directory to its report, and so are ``--commands`` of its runs,
evenly spaced and scaled up to all. Both find compiled programs in the cache, which a first run of each loss fills.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import spread
from gan_jax.config import load_config
from gan_jax.sweeps.runs import expand
from gan_jax.sweeps.sweep import load_sweep

CONFIG = "experiments/ring/config.py:short"
EIGHT = """from gan_jax.sweeps import Sweep, grid


def get_sweep():
    return Sweep(grid({"loss.name": ["non_saturating"]}), seeds=8, metric="modes_held")
"""


def seconds_of(*arguments):
    """Wall-clock seconds of a command, which must succeed."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "gan_jax", *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def compare(file, commands, folder):
    """Seconds of a sweep's command and of some of its runs as commands."""
    runs = [point for point, _ in expand(load_sweep(file), load_config(CONFIG))]
    flags = [[f"--config.{field}={value}" for field, value in point.items()] for point in runs]
    sweep = ["sweep", f"--config={CONFIG}", f"--sweep={file}"]
    for own in {own[0]: own for own in flags}.values():  # fills the cache of compiled programs
        seconds_of("train", f"--config={CONFIG}", f"--workdir={folder}/fill", *own, "--config.steps=1")
        shutil.rmtree(folder / "fill")
    seconds_of(*sweep, f"--workdir={folder}/fill", "--config.steps=1")
    swept = seconds_of(*sweep, f"--workdir={folder}/sweep")
    chosen = [flags[i * len(flags) // commands] for i in range(commands)]
    alone = [seconds_of("train", f"--config={CONFIG}", f"--workdir={folder}/{i}", *own) for i, own in enumerate(chosen)]
    return {
        "runs": len(runs),
        "sweep_seconds": swept,
        "commands_timed": len(alone),
        "command_seconds": spread(alone),
        "ratio": spread([len(runs) * s / swept for s in alone]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="eight,sixty")
    parser.add_argument("--commands", type=int, default=6, help="how many of the runs are timed as commands")
    parser.add_argument("--out", type=Path, help="where to write the numbers as JSON")
    arguments = parser.parse_args()
    found = {}
    for name in arguments.only.split(","):
        folder = Path(tempfile.mkdtemp())
        file = CONFIG.split(":")[0]
        if name == "eight":
            (folder / "eight.py").write_text(EIGHT, encoding="utf-8")
            file = str(folder / "eight.py")
        found[name] = compare(file, arguments.commands, folder)
        shutil.rmtree(folder)
        one, each = found[name], found[name]["command_seconds"]
        timed = f"as commands ({one['commands_timed']} timed):"
        print(f"{one['runs']} runs by one sweep: {one['sweep_seconds']:.0f} s; {timed}")
        print(f"    {each['median']:.1f} s each ({each['min']:.1f} to {each['max']:.1f})")
        print(
            f"    ratio {one['ratio']['median']:.2f} ({one['ratio']['min']:.2f} to {one['ratio']['max']:.2f})",
            flush=True,
        )
    if arguments.out:
        ratios = {f"sweeps: {one['runs']} runs as commands over one sweep": one["ratio"] for one in found.values()}
        arguments.out.write_text(json.dumps({"sweeps": found, "ratios": ratios}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
