"""The tables of docs/performance.md from the files that the benchmarks wrote.

python -m benchmarks.table runs/bench/steps.json runs/bench/framework.json runs/bench/sweeps.json
"""

import json
import sys
from pathlib import Path

SIDES = ("eager", "frozen", "published", "compile", "without a loop")


def steps(found):
    """A row for each case: our rate, PyTorch's, and the ratios."""
    sides = [side for side in SIDES if any(side in one["ratios"] for one in found["cases"].values())]
    yield "| step | here, steps/s | GFLOP/s, share of the product's | " + " | ".join(f"over {s}" for s in sides) + " |"
    yield "|---" * (3 + len(sides)) + "|"
    for one in found["cases"].values():
        rate, share = one["steps_per_second"]["gan_jax"], one["gflops"] / one["matrix_product_gflops"]
        cells = [one["title"], _spread(rate), f"{one['gflops']:.0f}, {share:.2f}"]
        cells += [_spread(one["ratios"][side]) if side in one["ratios"] else "" for side in sides]
        yield "| " + " | ".join(cells) + " |"


def parts(found):
    """A row for each number of what surrounds the step."""
    yield "| what | median (smallest to largest) | |"
    yield "|---|---|---|"
    for name, part in found["parts"].items():
        for unit, values in part.items():
            for what, value in values.items():
                title = f"{name}: {what.removeprefix(f'{name}: ')}"
                yield f"| {title} | {_spread(value)} | {unit.replace('_', ' ').replace('ratios', 'ratio')} |"


def sweeps(found):
    """A row for each sweep."""
    yield "| runs of 2,000 steps | by one sweep, s | each as a command, s | all of them so, over the sweep |"
    yield "|---|---|---|---|"
    for one in found["sweeps"].values():
        timed = f"{_spread(one['command_seconds'])}, {one['commands_timed']} timed"
        yield f"| {one['runs']} | {one['sweep_seconds']:.0f} | {timed} | {_spread(one['ratio'])} |"


def _spread(value):
    if not isinstance(value, dict):
        return f"{value:,.0f}"
    digits = 0 if value["median"] >= 1000 else 2 if value["median"] < 10 else 1
    return f"{value['median']:,.{digits}f} ({value['min']:,.{digits}f} to {value['max']:,.{digits}f})"


def main():
    kinds = {"cases": steps, "parts": parts, "sweeps": sweeps}
    for file in sys.argv[1:]:
        found = json.loads(Path(file).read_text(encoding="utf-8"))
        kind = next(kind for kind in kinds if kind in found)
        print("\n".join(kinds[kind](found)) + "\n")


if __name__ == "__main__":
    main()
