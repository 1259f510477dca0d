"""The golden table: written, and compared with what this tree does. In this process nothing of JAX is imported.

PYTHONPATH=tests python -m golden.table [--only=START,...]           plays rows and compares them with the table
PYTHONPATH=tests python -m golden.table --write [--only=START,...]   writes rows; those that are no more leave the table
    --xla_flags=FLAGS   compiles otherwise, so that tolerances are compared
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from golden.rows import ROWS, Row

TABLE = Path(__file__).with_name("table.json")
ROOT = TABLE.parents[2]
FLAGS = "--xla_backend_optimization_level=0"  # as `make test` compiles; all rows take half as long
# What has another name now: {pattern: replacement}, as for re.sub, of the table's names of leaves and of numbers.
RENAMED: dict[str, str] = {r"^hyper/update\.": "hyper/rule."}
PARTS = ("initial", "state", "samples")
SHOWN = 8  # differences of a row that are printed

# Where bits cannot be compared: of a leaf's norm.
TOLERANCE, TOLERANCE_OF_MANY_STEPS, MANY_STEPS = 1e-5, 3e-5, 20
OF_NUMBERS = 1e-3  # of a record's number
# Adam makes whole steps of a gradient that is zero but for rounding: that of the last bias where only differences of
# logits count.
UNDETERMINED = re.compile(r"discriminator/(output/bias|(real|fake)_logits)$")

Entry = Mapping[str, Any]


def read() -> dict[str, Any]:
    """The table: "origin", "rows", and "arrays", which rows share."""
    return json.loads(TABLE.read_text())


def entry_of(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A row of the table as ``runs.play`` returns it, the arrays that never changed among those of the state."""
    row = dict(table["rows"][name])
    for part in PARTS:
        if part in row:
            row[part] = {leaf: [sha, *table["arrays"][sha]] for leaf, sha in row[part].items()}
    return {**row, "state": {**row.get("initial", {}), **row["state"]}}


def write(origin: Mapping[str, str], entries: Mapping[str, Entry]) -> None:
    """Write the table: in rows the start of each leaf's sha256, once for all rows what it stands for."""
    rows, arrays = {}, {}
    for name, entry in entries.items():
        row = {**entry, "state": _changed(entry["state"], entry.get("initial", {}))}
        for part in PARTS:
            if part in row:
                arrays.update({found[0]: found[1:] for found in row[part].values()})
                row[part] = {leaf: found[0] for leaf, found in row[part].items()}
        rows[name] = "{\n" + ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in row.items()) + "}"
    own = ",\n".join(f" {json.dumps(name)}: {text}" for name, text in rows.items())
    shared = ",\n".join(f" {json.dumps(sha)}: {json.dumps(arrays[sha])}" for sha in sorted(arrays))
    TABLE.write_text(f'{{"origin": {json.dumps(origin)},\n"rows": {{\n{own}}},\n"arrays": {{\n{shared}}}}}\n')


def played(names: Sequence[str], flags: str = FLAGS) -> Iterator[tuple[dict[str, str], str, Entry, str]]:
    """Play rows in processes of their own, which compile as the table's did.

    Yields:
      (origin, row, entry, "" or what went wrong), as rows end.
    """
    for devices in sorted({ROWS[name].devices for name in names}):
        environment = {
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count={devices}",
            "PYTHONPATH": os.pathsep.join([str(TABLE.parents[1]), str(ROOT)]),
            # Of its own: programs that are compiled for several threads may have other bits.
            "JAX_COMPILATION_CACHE_DIR": str(ROOT / "runs" / "golden"),
        }
        own = [name for name in names if ROWS[name].devices == devices]
        command = [sys.executable, "-m", "golden.runs", *own]
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(
                command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
            ) as process,
        ):
            assert process.stdout is not None
            origin, *_ = json.loads(process.stdout.readline() or "[null]")
            for line in process.stdout:
                yield origin, *json.loads(line)
            if process.wait():
                errors.seek(0)
                raise SystemExit(f"golden.runs ended with {process.returncode}:\n{errors.read()[-2000:]}")


def differences(name: str, expected: Entry, found: Entry, exact: bool) -> list[str]:
    """What of a row is not as in the table, in words.

    Args:
      name: of the row.
      expected: as the table has it.
      found: as it is now.
      exact: whether bits are compared; else sums and norms, by tolerance.
    """
    lines = [
        f"{what} in the table {expected.get(what)}, now {found.get(what)}"
        for what in ("steps", "fields")
        if expected.get(what) != found.get(what)
    ]
    tolerance = 0.0 if exact else tolerance_of(ROWS[name])
    for part in PARTS:
        before, after = renamed(expected.get(part, {})), found.get(part, {})
        lines += [f"{part} {line}" for line in _names_differ(before, after)]
        for leaf in (leaf for leaf in before if leaf in after):
            if exact or not _undetermined(ROWS[name], leaf):
                why = arrays_differ(before[leaf], after[leaf], tolerance)
                lines += [f"{part} {leaf}: {why}"] if why else []
    before, after = renamed(expected["record"]), found["record"]
    lines += [f"record {line}" for line in _names_differ(before, after)]
    if set(before) == set(after) and list(before) != list(after):
        lines.append(f"the order of a record's fields was {', '.join(before)}, and is {', '.join(after)}")
    for field in (field for field in before if field in after):
        old, new = before[field], after[field]
        close = math.isclose(old, new, rel_tol=max(tolerance, OF_NUMBERS), abs_tol=OF_NUMBERS / 10)
        loose = not exact and (close or _undetermined(ROWS[name], field))
        if old != new and not loose:
            lines.append(f"record {field}: {old!r} in the table, {new!r} now")
    return lines


def arrays_differ(before: Sequence[Any], after: Sequence[Any], tolerance: float) -> str:
    """In what two arrays differ; "" if in nothing, or within a tolerance above 0."""
    (old, shape, *old_sums), (new, shape_now, *new_sums) = before, after
    if old == new:
        return ""
    if shape != shape_now:
        return f"{shape} in the table, {shape_now} now"
    norms = [math.sqrt(sums[1]) for sums in (old_sums, new_sums)]
    scale = max(norms[0], 1e-30)
    size = math.prod(int(side) for side in re.findall(r"\d+", shape.partition("[")[2]))
    # The sum of a difference is at most its norm times the root of how many there are.
    error = max(abs(norms[0] - norms[1]), abs(old_sums[0] - new_sums[0]) / math.sqrt(max(size, 1))) / scale
    if "float" in shape and error <= tolerance:
        return ""
    return f"other bits: sum {old_sums[0]} in the table, {new_sums[0]} now; {error:.1e} of the norm"


def tolerance_of(row: Row) -> float:
    """Of a row's leaves, relative to their norm."""
    return row.tolerance or (TOLERANCE_OF_MANY_STEPS if row.steps >= MANY_STEPS else TOLERANCE)


def renamed(entries: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the table, by the names of today."""
    found = {}
    for name, value in entries.items():
        for pattern, replacement in RENAMED.items():
            name = re.sub(pattern, replacement, name)
        found[name] = value
    return found


def check(names: Sequence[str], flags: str) -> int:
    """Compare rows with the table and say what differs; 1 if anything does."""
    table, wrong = read(), 0
    unknown = sorted(set(table["rows"]) ^ set(ROWS))
    for name in unknown:
        print(f"{name} is in {'the table' if name in table['rows'] else 'golden/rows.py'} only")
    names = [name for name in names if name in table["rows"]]
    begun = time.perf_counter()
    for place, (origin, name, entry, error) in enumerate(played(names, flags), 1):
        if place == 1 and origin != table["origin"]:
            print(f"by tolerance, not by bits: the table is of {table['origin']}, this is {origin}")
        lines = [error] if error else differences(name, entry_of(table, name), entry, origin == table["origin"])
        wrong += bool(lines)
        seconds, begun = time.perf_counter() - begun, time.perf_counter()
        print(f"{place}/{len(names)} {name}: {'DIFFERS' if lines else 'same'} ({seconds:.1f} s)", flush=True)
        more = [f"{len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        for line in lines[:SHOWN] + more:
            print(f"    {line}")
    print(f"{wrong} of {len(names)} rows differ")
    return int(bool(wrong or unknown))


def remake(names: Sequence[str]) -> int:
    """Write rows into the table, the others as they stand there; 1, and nothing written, where a row does not play."""
    table = read() if TABLE.exists() else {"rows": {}}
    kept = {name for name in table["rows"] if name in ROWS and name not in names}
    entries = {name: entry_of(table, name) for name in kept}
    origin = None
    for origin, name, entry, error in played(names):
        if error or (kept and origin != table["origin"]):
            print(f"{name}: " + (error or f"the other rows are of {table['origin']}, not of {origin}"))
            return 1
        entries[name] = entry
        print(name, flush=True)
    write(origin or table["origin"], {name: entries[name] for name in ROWS if name in entries})
    return 0


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--xla_flags", default=FLAGS)
    asked = parser.parse_args()
    names = [name for name in ROWS if name.startswith(tuple(asked.only.split(",")))]
    begun = time.perf_counter()
    status = remake(names) if asked.write else check(names, asked.xla_flags)
    print(f"{time.perf_counter() - begun:.0f} s")
    return status


def _changed(after: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found for name, found in after.items() if before.get(name) != found}


def _undetermined(row: Row, name: str) -> bool:
    """Whether rounding alone decides a leaf or a number."""
    return row.differences_of_logits and bool(UNDETERMINED.search(name))


def _names_differ(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Names that are on one side only; for one that is gone, those that have its bits now."""
    lines = [f"{name} is new" for name in after if name not in before]
    for name in (name for name in before if name not in after):
        like = [new for new, found in after.items() if new not in before and found == before[name]]
        lines.append(f"{name} is gone" + (f"; of the same bits: {', '.join(like)}" if like else ""))
    return lines


if __name__ == "__main__":
    sys.exit(main())
