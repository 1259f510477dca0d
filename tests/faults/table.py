"""Prints results of run.py side by side as Markdown: python tests/faults/table.py FILE.jsonl ..."""

import json
import sys
from pathlib import Path

from faults import FAULTS


def found(row: dict | None) -> str:
    """Which test found a fault, and in how many seconds."""
    if row is None:
        return "not tried"
    return f"`{row['by'].removeprefix('tests/')}` ({row['seconds']:.0f} s)" if row["found"] else "**not found**"


def table(files: list[Path]) -> str:
    """One line a fault, in the order of the list."""
    results = [{row["name"]: row for row in map(json.loads, file.read_text().splitlines())} for file in files]
    lines = [["fault", "file", "breaks", *(file.stem for file in files)], ["---"] * (3 + len(files))]
    for fault in FAULTS:
        told = [found(rows.get(fault.name)) for rows in results]
        lines.append([fault.name, f"`{fault.file}`", fault.breaks, *told])
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in lines)


if __name__ == "__main__":
    print(table([Path(name) for name in sys.argv[1:]]))
