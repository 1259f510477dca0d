"""What tests cost, by test and by program compiled: a plugin of pytest that measures, and a table of what it wrote.

PYTHONPATH=tests pytest -p support.costs --costs=FILE      then: PYTHONPATH=tests python -m support.costs FILE*
"""

import collections
import json
import os
import resource
import sys
import time
from pathlib import Path

import pytest

COMPILED = "/jax/core/compile/backend_compile_duration"
counts = collections.Counter()  # since the current test began
programs = collections.Counter()


def pytest_addoption(parser):
    parser.addoption("--costs", help="a line of JSON for every test goes to this name and the worker's")


def pytest_configure(config):
    import jax

    jax.monitoring.register_event_duration_secs_listener(hear)


def hear(event, seconds, **about):
    """A duration that JAX reports; reading a program from the cache counts as compiling it."""
    if event == COMPILED:
        counts["programs"] += 1
        counts["compiling"] += seconds
        programs[str(about.get("fun_name"))] += seconds


def clocks():
    """CPU seconds of this process, of those that it started and that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    counts.clear()
    programs.clear()
    begun, before = time.monotonic(), clocks()
    result = yield
    cpu, children = (round(after - start, 2) for after, start in zip(clocks(), before, strict=True))
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    line = {
        "test": item.nodeid, "wall": round(time.monotonic() - begun, 2), "cpu": cpu, "children": children,
        "programs": counts["programs"], "compiling": round(counts["compiling"], 2),
        "mib": pages * resource.getpagesize() // 2**20, "longest": programs.most_common(3),
    }  # fmt: skip
    with open(f"{item.config.getoption('costs')}.{os.environ.get('PYTEST_XDIST_WORKER', 'main')}", "a") as out:
        out.write(json.dumps(line) + "\n")
    return result


def table(lines, by):
    """Rows of Markdown, the most expensive first."""
    sums = collections.defaultdict(collections.Counter)
    for line in lines:
        sums[by(line)].update({name: line[name] for name in ("wall", "cpu", "children", "programs", "compiling")}, n=1)
    yield "| | tests | wall s | CPU s | of children | programs | compiling s |\n|---|---|---|---|---|---|---|"
    for name, sum_ in sorted(sums.items(), key=lambda item: -item[1]["cpu"] - item[1]["children"]):
        numbers = (sum_[key] for key in ("n", "wall", "cpu", "children", "programs", "compiling"))
        yield f"| {name} | " + " | ".join(f"{number:.0f}" for number in numbers) + " |"


if __name__ == "__main__":
    lines = [json.loads(line) for name in sys.argv[1:] for line in Path(name).read_text().splitlines()]
    print(*table(lines, lambda line: "all"), sep="\n")
    print(f"\nLargest worker: {max(line['mib'] for line in lines)} MiB\n")
    print(*table(lines, lambda line: line["test"].split("::")[0].rpartition("/")[0]), sep="\n")
    print("\n", *list(table(lines, lambda line: line["test"].split("::")[0]))[:42], sep="\n")
    print("\n", *list(table(lines, lambda line: line["test"]))[:42], sep="\n")
