"""Plants each fault of faults.py in a copy of a tree, and tells which test finds it.

python tests/faults/run.py [--only=WORD[,WORD]] [--out=FILE.jsonl] [--tree=FOLDER]   skips what stands in FILE already
python tests/faults/run.py --clean [--only=...] [--tree=FOLDER]   runs the named tests without faults: all must pass
"""

import argparse
import dataclasses
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from faults import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("gan_jax", "tests", "experiments", "docs", "benchmarks", "pyproject.toml", "README.md", "CHANGELOG.md",
          "LICENSE", "Makefile", "constraints.txt")  # fmt: skip
SHARED = Path(tempfile.gettempdir()) / "gan_jax_faults"  # compiled programs and fonts, which no fault can spoil
SECONDS = 900


def main() -> int:
    """Do what the command line asks for; 1 where a fault is not found or a row is wrong."""
    parser = argparse.ArgumentParser()
    for name, kind, default in (("only", str, ""), ("out", Path, Path(os.devnull)), ("tree", Path, ROOT)):
        parser.add_argument(f"--{name}", type=kind, default=default)
    parser.add_argument("--clean", action="store_true")
    asked = parser.parse_args()
    faults = [fault for fault in FAULTS if any(word in fault.name for word in asked.only.split(","))]
    lines = asked.out.read_text().splitlines() if asked.out.exists() else []
    known = {row["name"]: row for row in map(json.loads, lines)}
    with tempfile.TemporaryDirectory(prefix="faults_") as scratch:
        copy = copied(asked.tree.resolve(), Path(scratch) / "tree")
        if asked.clean:
            return run_clean(faults, copy)
        rows = []
        for place, fault in enumerate(faults, 1):
            row = known.get(fault.name, {})
            if row.get("row") != digest(fault) or row["error"]:
                row = {"name": fault.name, **plant(fault, copy), "row": digest(fault)}
                with asked.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                said = row["by"] or row["error"] or "NOT FOUND"
                print(f"{place}/{len(faults)} {fault.name}: {said} ({row['seconds']} s)", flush=True)
            rows.append(row)
    found = sum(row["found"] for row in rows)
    print(f"{found} of {len(rows)} faults found, in {sum(row['seconds'] for row in rows):.0f} s")
    return int(found < len(rows))


def copied(tree: Path, copy: Path) -> Path:
    """A copy of what tests need of a tree, which other processes import, too."""
    copy.mkdir()
    for name in COPIED:
        if (tree / name).is_dir():
            shutil.copytree(tree / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "faults"))
        elif (tree / name).exists():
            shutil.copy(tree / name, copy / name)
    code = "import gan_jax; print(gan_jax.__file__)"  # an installed gan_jax must not come first
    told = subprocess.check_output([sys.executable, "-c", code], cwd="/", env=environment(copy, copy.parent), text=True)
    assert Path(told.strip()).resolve().is_relative_to(copy.resolve()), told
    return copy


def plant(fault: Fault, copy: Path) -> dict:
    """Run a fault's tests with it in the copy, and take it out again."""
    path = copy / "gan_jax" / fault.file
    text = path.read_text()
    if text.count(fault.old) != 1:
        error = f"{fault.old!r} occurs {text.count(fault.old)} times in {fault.file}"
        return {"found": False, "by": "", "seconds": 0.0, "error": error}
    compiled = Path(importlib.util.cache_from_source(str(path)))
    try:
        compiled.unlink(missing_ok=True)  # Python tells it from another by size and second only
        path.write_text(text.replace(fault.old, fault.new))
        marked = "slow" if fault.slow else "not slow"
        if fault.first and (row := run_tests(fault.tests, copy, marked, "-x", "-k", fault.first))["found"]:
            return row
        return run_tests(fault.tests, copy, marked, "-x")
    finally:
        path.write_text(text)
        compiled.unlink(missing_ok=True)


def run_tests(tests: tuple[str, ...], copy: Path, marked: str, *flags: str) -> dict:
    """Run test files of a copy; which test failed first, or the error where pytest could not run them."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rfE", "-m", marked, *flags, *tests]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=copy.parent) as own:
        process = subprocess.Popen(
            [*command, f"--basetemp={own}/tmp"], cwd=copy, env=environment(copy, Path(own)), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            out, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            out = f"did not end within {SECONDS} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+?::.*?)(?: - .*)?$", out, re.MULTILINE)
    found = process.returncode == 1 and bool(failed)  # with -x a file that cannot be imported ends with 1, too
    error = "" if found or process.returncode == 0 else f"pytest ended with {process.returncode}: {out[-1500:]}"
    seconds = round(time.monotonic() - began, 1)
    return {"found": found, "by": failed[0] if found else "", "seconds": seconds, "error": error}


def environment(copy: Path, own: Path) -> dict[str, str]:
    """Variables by which all processes import the copy, and nothing faulty gets into the user's caches."""
    data = Path(os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets")
    if data.is_dir():  # a link for each file: what tests write replaces the links, not the files
        shutil.copytree(data, own / "data", copy_function=os.symlink)
    return os.environ | {
        "PYTHONPATH": str(copy), "TFDS_DATA_DIR": str(own / "data"), "XDG_CACHE_HOME": str(own / "cache"),
        "JAX_COMPILATION_CACHE_DIR": str(SHARED / "compiled"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "MPLCONFIGDIR": str(SHARED / "matplotlib"),
    }  # fmt: skip


def digest(fault: Fault) -> str:
    """A short hash of a row, by which a result knows what it is of."""
    return hashlib.sha256(json.dumps(dataclasses.asdict(fault)).encode()).hexdigest()[:12]


def run_clean(faults: list[Fault], copy: Path) -> int:
    """Run every named file once without a fault."""
    named = {(test, "slow" if fault.slow else "not slow"): None for fault in faults for test in fault.tests}
    bad = 0
    for test, marked in sorted(named):
        row = run_tests((test,), copy, marked)
        wrong = row["by"] or row["error"]
        bad += bool(wrong)
        print(f"{test} ({marked}): {wrong or 'passes'} ({row['seconds']} s)", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
