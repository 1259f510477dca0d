"""evaluation.jsonl: one object a value, appended by training and by ``gan-jax evaluate``."""

import dataclasses
import functools
import importlib.metadata
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_jax import files
from gan_jax.evaluation.protocol import Protocol
from gan_jax.metrics.metric import Value
from gan_jax.stored import read_lines

FILE = "evaluation.jsonl"
PACKAGES = ("gan_jax", "jax", "jaxlib", "flax", "numpy", "scipy", "scikit-learn")
NEEDED = ("metric", "step", "by", "value")  # of a record, by whoever reads one
Record = dict[str, Any]


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of Python and of packages."""
    return {"python": sys.version.split()[0], **{package: _version(package) for package in packages}}


@functools.cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed as a package"


def make_records(values: Sequence[tuple[Value, Protocol]], about: Mapping[str, Any]) -> list[Record]:
    """Lines of evaluation.jsonl: flat dicts with the protocol's fields, its hash as "protocol", and versions.

    ``about`` is what does not make values incomparable: "by" ("train" or "evaluate"), "step", "seed", "repeats".
    """
    return [
        {
            "metric": protocol.metric,
            "value": value.value if math.isfinite(value.value) else str(value.value),  # JSON has no infinity
            "spread": value.spread,
            "spread_over": value.spread_over,
            **about,
            **dataclasses.asdict(protocol),
            "protocol": protocol.sha256(),
            "versions": versions(),
        }
        for value, protocol in values
    ]


def read(workdir: Path, needs: Sequence[str] = ()) -> list[Record]:
    """The complete records of a work directory, with the fields ``needs`` beside metric, step, by and value.

    A last line that a kill cut short is left out; another that is no such record is a WorkdirError.
    """
    return read_lines(workdir / FILE, (*NEEDED, *needs))


def append(workdir: Path, records: Sequence[Record]) -> None:
    """Add records, after the last whole line."""
    path = workdir / FILE
    with open(path, "ab+") as file:
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        file.write("".join(json.dumps(record) + "\n" for record in records).encode())


def keep(workdir: Path, wanted: Callable[[Record], bool]) -> list[Record]:
    """Drop the records that are not wanted; the others, which stay."""
    found = read(workdir)
    kept = [record for record in found if wanted(record)]
    if len(kept) < len(found) or (workdir / FILE).exists():
        files.replace({workdir / FILE: "".join(json.dumps(record) + "\n" for record in kept).encode()})
    return kept
