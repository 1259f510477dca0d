"""Training steps against PyTorch's: the same networks, optimizers and updates, in turns, on the same cores.

    python -m benchmarks.steps [--torch=PYTHON] [--cases=mlp,ring,...] [--rounds=5] [--compile] [--out=FILE.json]

PyTorch is measured where it is installed, or with the interpreter that --torch names, in a process beside this one;
"without a loop" calls a program of one step of our own (elsewhere steps are a loop inside the program); of PyTorch,
"eager" is a step as PyTorch's own examples write it, "frozen" one that forms no gradients of the discriminator in the
generator's move, "compile" puts both losses through `torch.compile`, "published" is the tutorial's own step (`mlp`
only). A ratio above 1 means that this framework is faster.
"""

import argparse
import json
import os
import platform
import statistics
import sys
from pathlib import Path

import jax

from benchmarks.cases import CASES
from benchmarks.timing import alternate, clocked, find_peer, matrix_product, program, ratio, single_step, spread
from gan_jax.config import load_values
from gan_jax.training import process


def measure(name, peer, modes, rounds):
    """The seconds of each side's rounds, as rates and ratios."""
    case = CASES[name]
    run = program(load_values(case.fields))
    sides = {"gan_jax": clocked(lambda: run(case.steps))}
    if name.startswith("dcgan"):
        alone = single_step(load_values(case.fields))
        sides["without a loop"] = clocked(lambda: alone(case.steps))
    for mode in (*modes, *(["published"] if name == "mlp" else [])) if peer else ():
        asked = {"case": name, "mode": mode, "batch": case.fields["batch_size"], "steps": case.steps}
        sides[mode] = lambda asked=asked: peer.seconds(**asked)
    product = matrix_product()
    seconds = alternate(sides, rounds)
    product = statistics.median([product, matrix_product()])
    rates = {side: spread([case.steps / s for s in measured]) for side, measured in seconds.items()}
    ours = rates["gan_jax"]["median"] * case.flops() / 1e9
    return {
        "title": case.title,
        "steps_per_second": rates,
        "gflops": ours,
        "matrix_product_gflops": product,
        "ratios": {mode: ratio(seconds[mode], seconds["gan_jax"]) for mode in seconds if mode != "gan_jax"},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", default=sys.executable, help="an interpreter that has PyTorch")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="torch.compile too, which needs a C++ compiler")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    names = arguments.cases.split(",")
    unknown = [name for name in names if name not in CASES]
    if unknown:
        parser.error(f"--cases: {unknown[0]!r} is unknown; allowed: {', '.join(CASES)}")
    process.keep_programs()
    peer = find_peer(arguments.torch)
    modes = ("eager", "frozen", "compile") if arguments.compile else ("eager", "frozen")
    found, products = {}, {}
    if peer:
        size = 2048
        theirs = [2e-9 * size**3 / peer.seconds(case="matrix product", size=size) for _ in range(3)]
        products = {
            "gan_jax": statistics.median(matrix_product(size) for _ in range(3)),
            "torch": statistics.median(theirs),
        }
        ours = products["gan_jax"]
        print(f"a {size} x {size} product: {ours:.0f} GFLOP/s through XLA, {products['torch']:.0f} in PyTorch")
    for name in names:
        found[name] = measure(name, peer, modes, arguments.rounds)
        show(found[name])
    if peer:
        peer.close()
    if arguments.out:
        about = {"jax": jax.__version__, "torch": peer.version if peer else None, "cores": len(os.sched_getaffinity(0))}
        about |= {"machine": platform.machine(), "matrix_product_gflops": products}
        ratios = {f"{name}: {mode}": r for name, one in found.items() for mode, r in one["ratios"].items()}
        arguments.out.write_text(
            json.dumps({"about": about, "cases": found, "ratios": ratios}, indent=2) + "\n", encoding="utf-8"
        )


def show(one):
    """Print a case."""
    rate = one["steps_per_second"]["gan_jax"]
    share = one["gflops"] / one["matrix_product_gflops"]
    print(
        f"{one['title']:42} {rate['median']:8.2f} steps/s ({rate['min']:.2f} to {rate['max']:.2f})  "
        f"{one['gflops']:.0f} GFLOP/s, {share:.2f} of the matrix product's"
    )
    for mode, r in one["ratios"].items():
        theirs = one["steps_per_second"][mode]["median"]
        print(f"    {mode:16} {theirs:8.2f} steps/s   ratio {r['median']:.2f} ({r['min']:.2f} to {r['max']:.2f})")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
