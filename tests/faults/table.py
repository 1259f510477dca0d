"""Prints results of run.py as a Markdown table: python tests/faults/table.py FILE.jsonl."""

import json
import sys
from pathlib import Path

from faults import FAULTS


def table(rows: dict[str, dict]) -> str:
    """One line a fault, in the order of the list."""
    lines = ["| fault | file | breaks | found by | seconds |", "| --- | --- | --- | --- | ---: |"]
    for fault in FAULTS:
        row = rows.get(fault.name, {"found": False, "seconds": 0.0})
        by = f"`{row['by']}`" if row["found"] else "**not found**"
        cells = (fault.name, f"`{fault.file}`", fault.breaks, by, f"{row['seconds']:.0f}")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table({row["name"]: row for row in map(json.loads, Path(sys.argv[1]).read_text().splitlines())}))
