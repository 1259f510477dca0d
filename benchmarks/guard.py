"""Fails where a ratio fell by more than 15% below the committed one; never looks at seconds.

    python -m benchmarks.guard FILE.json... [--baseline=benchmarks/baseline.json] [--update]

Compares medians of every ratio that both sides have; --update writes those of the files into the baseline instead.
"""

import argparse
import json
import sys
from pathlib import Path

MARGIN = 0.15
BASELINE = Path(__file__).with_name("baseline.json")


def worse(new, old):
    """[(name, new median, old median)] of the ratios, all better when higher, that fell by more than the margin."""
    common = sorted(new.keys() & old.keys())
    pairs = [(name, new[name]["median"], old[name]["median"]) for name in common]
    return [pair for pair in pairs if pair[1] < (1.0 - MARGIN) * pair[2]]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--baseline", type=Path, default=BASELINE)
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args(argv)
    new = {}
    for file in arguments.files:
        new |= json.loads(file.read_text(encoding="utf-8"))["ratios"]
    old = json.loads(arguments.baseline.read_text(encoding="utf-8"))["ratios"] if arguments.baseline.exists() else {}
    if arguments.update:
        arguments.baseline.write_text(
            json.dumps({"ratios": {**old, **new}}, indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )
        return 0
    if not new.keys() & old.keys():
        print(f"nothing to compare: {arguments.baseline} has none of these {len(new)} ratios")
        return 1
    fallen = worse(new, old)
    for name, now, before in fallen:
        print(f"{name}: {now:.2f}, more than {MARGIN:.0%} below the {before:.2f} of {arguments.baseline}")
    if not fallen:
        print(f"{len(new.keys() & old.keys())} ratios, none more than {MARGIN:.0%} below {arguments.baseline}")
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main())
