"""Metrics of 10,000 against 10,000 rows of 2048 features: seconds here and in NumPy, SciPy and scikit-learn.

    python -m benchmarks.metrics [--rows=N] [--columns=D] [--rounds=R] [--out=FILE.json]
    python -m benchmarks.metrics --memory=frechet,kernel,prdc    peak memory instead, of 50,000 rows unless told

The two of a pair take turns in one process, after our programs are compiled; the table shows medians, and the ratio is
the reference's seconds over ours. It stops with an error where the two disagree.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import scipy.linalg
import sklearn.metrics

from gan_jax.metrics.frechet import frechet_distance, moments
from gan_jax.metrics.kernel_distance import kernel_distance, subset_rows
from gan_jax.metrics.prdc import prdc
from gan_jax.metrics.rows import ROWS, blocks

KEY = jax.random.key(0)
SUBSETS, SIZE = 100, 1000
OURS = {
    "frechet": lambda real, fake: frechet_distance(moments(real), moments(fake)),
    "kernel": lambda real, fake: kernel_distance(real, fake, KEY, subsets=SUBSETS, subset_size=SIZE)["kid"][:2],
    "prdc": lambda real, fake: [value.value for value in prdc(real, fake, k=5).values()],
}


def features(rows, columns):
    """Two sets that look like features after a ReLU: not negative, correlated, of unequal scales."""
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((64, columns), np.float32) / 8
    scale = np.logspace(-1, 0, columns, dtype=np.float32)

    def draw(width):
        values = np.empty((rows, columns), np.float32)
        for block in blocks(rows):  # so that --memory measures the metric and not this
            rng.standard_normal(dtype=np.float32, out=values[block])
            values[block] += rng.standard_normal((len(values[block]), 64), np.float32) @ mix
            values[block] = np.maximum(values[block] * (np.float32(width) * scale), 0)
        return values

    return draw(1.0), draw(1.03)


def reference_frechet(real, fake):
    (mean1, cov1), (mean2, cov2) = ((x.mean(0, dtype=np.float64), np.cov(x, rowvar=False)) for x in (real, fake))
    root = scipy.linalg.sqrtm(cov1 @ cov2).real
    return np.sum((mean1 - mean2) ** 2) + np.trace(cov1) + np.trace(cov2) - 2 * np.trace(root)


def reference_kernel(dtype):
    def run(real, fake):
        values = []
        for subset in range(SUBSETS):
            i, j = subset_rows(KEY, subset, len(real), len(fake), SIZE)
            x, y = real[i].astype(dtype), fake[j].astype(dtype)
            xx, yy, xy = ((a @ b.T / x.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
            own = sum(k.sum(dtype=np.float64) - np.trace(k, dtype=np.float64) for k in (xx, yy)) / (SIZE * (SIZE - 1))
            values.append(own - 2 * xy.mean(dtype=np.float64))
        return np.mean(values), np.std(values)

    return run


def reference_prdc(real, fake, k=5):
    def radii(x):
        distances = sklearn.metrics.pairwise_distances(x, metric="euclidean", n_jobs=2)
        return np.partition(distances, k, axis=1)[:, k]

    real_radii, fake_radii = radii(real), radii(fake)
    across = sklearn.metrics.pairwise_distances(real, fake, metric="euclidean", n_jobs=2)
    inside = across < real_radii[:, None]
    recall = (across < fake_radii[None, :]).any(1).mean()
    return inside.any(0).mean(), recall, inside.sum(0).mean() / k, (across.min(1) < real_radii).mean()


PAIRS = {
    # name: (ours, reference, how far they may be apart relatively)
    "Frechet distance, NumPy and SciPy sqrtm": ("frechet", reference_frechet, 1e-6),
    "kernel distance, 100 subsets of 1000, NumPy float64": ("kernel", reference_kernel(np.float64), 1e-5),
    "kernel distance, 100 subsets of 1000, NumPy float32": ("kernel", reference_kernel(np.float32), 1e-2),
    "precision, recall, density, coverage, scikit-learn": ("prdc", reference_prdc, 1e-4),
}


def timed(function, *arguments):
    begun = time.perf_counter()
    value = function(*arguments)
    return time.perf_counter() - begun, value


def compare(real, fake, rounds):
    few = max(2 * ROWS + len(real) % ROWS, SIZE)  # all shapes of blocks that the whole has
    rows = {}
    for title, (name, reference, tolerance) in PAIRS.items():
        if name != "frechet":
            OURS[name](real[:few], fake[:few])
        here, there = [], []
        for _ in range(rounds):
            seconds, ours = timed(OURS[name], real, fake)
            here.append(seconds)
            seconds, theirs = timed(reference, real, fake)
            there.append(seconds)
        apart = np.max(np.abs(np.subtract(ours, theirs)) / np.max(np.abs(theirs)))
        if apart > tolerance:
            sys.exit(f"{title}: {ours} here, {theirs} there")
        ratio = statistics.median(b / a for a, b in zip(here, there, strict=True))
        rows[title] = {"here": statistics.median(here), "reference": statistics.median(there), "ratio": ratio}
        line = f"{title:55} {rows[title]['here']:8.2f} {rows[title]['reference']:9.2f} {ratio:7.2f}   {apart:.1e}"
        print(line, flush=True)
    return rows


def peak_memory(name, rows, columns):
    """MiB over what the features and the imports take, in this process."""
    real, fake = features(rows, columns)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, _ = timed(OURS[name], real, fake)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    both = 2 * real.nbytes / 2**20
    print(
        f"{name:14} features {both:6.0f} MiB, before {before / 1024:6.0f}, peak {after / 1024:6.0f}, {seconds:7.1f} s"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--columns", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--memory", default="", help=f"some of {', '.join(OURS)}, with commas between")
    parser.add_argument("--memory-here", choices=OURS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.memory_here:
        peak_memory(given.memory_here, given.rows, given.columns)
        return
    for name in filter(None, given.memory.split(",")):
        sizes = [f"--rows={given.rows or 50_000}", f"--columns={given.columns}"]
        subprocess.run([sys.executable, "-m", "benchmarks.metrics", f"--memory-here={name}", *sizes], check=True)
    if given.memory:
        return
    print(f"{'':55} {'here, s':>8} {'there, s':>9} {'ratio':>7}   apart")
    rows = compare(*features(given.rows or 10_000, given.columns), given.rounds)
    if given.out:
        given.out.write_text(json.dumps({"ratios": rows, "jax": jax.__version__}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
