"""One measurement in a process of its own, for `framework.py`: prints a number."""

import statistics
import sys
from pathlib import Path

from benchmarks.cases import CASES
from benchmarks.timing import clocked, program
from gan_jax.config import load_values
from gan_jax.training import process


def main():
    what, value = sys.argv[1:]
    process.keep_programs()
    case = CASES["ring" if what == "devices" else value]
    run = program(load_values(case.fields))
    first = clocked(lambda: run(1))()
    if what == "compilation":  # traced, compiled or read from the cache, and one step
        print(first)
        return
    run(case.steps)
    if what == "memory":
        status = Path("/proc/self/status").read_text(encoding="utf-8")  # getrusage counts what the parent had, too
        print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
    else:
        print(case.steps / statistics.median(clocked(lambda: run(case.steps))() for _ in range(3)))


if __name__ == "__main__":
    main()
