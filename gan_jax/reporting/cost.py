"""What a sweep cost, by group of runs that share a compiled program, and on what it ran."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from gan_jax.reporting.material import Material
from gan_jax.stored import read_object
from gan_jax.sweeps.layout import folder_of, read_groups


def groups(material: Material) -> "list[Group]":
    """The groups that have begun, in the order of their names."""
    made = []
    for group in read_groups(material.workdir):
        result = read_object(folder_of(material.workdir, group.name) / "result.json") or {}
        made.append(Group(
            group.name, len(group.runs), group.begin, group.until, group.width, group.way, group.why,
            dict(group.seconds_per_step), str(result.get("status", "not ended")), _number(result, "seconds"),
            _number(result, "programs"), _number(result, "compared"), _number(result, "compile_seconds"),
            str(result.get("reason", "")),
        ))  # fmt: skip
    return made


def totals(material: Material, found: "list[Group]") -> dict[str, float]:
    """Seconds of all runs; of the groups: seconds, programs, programs only for comparison, seconds of compiling."""
    return {
        "runs": sum(run.seconds for run in material.runs.values()),
        "seconds": sum(group.seconds or 0.0 for group in found),
        "programs": sum(group.programs or 0 for group in found),
        "compared": sum(group.compared or 0 for group in found),
        "compiling": sum(group.compile_seconds or 0.0 for group in found),
    }


def environments(material: Material) -> "list[Environment]":
    """What runs ran on, by how many; one entry where all are alike."""
    found: dict[str, tuple[Mapping[str, Any], int]] = {}
    for run in material.sweep["runs"]:
        environment = material.json_of(run, "environment.json")
        if environment is not None:
            kept = {key: environment.get(key) for key in ("versions", "git_revision", "backend", "devices",
                                                          "processes", "xla_flags")}  # fmt: skip
            key = json.dumps(kept, sort_keys=True)
            found[key] = (kept, found.get(key, (kept, 0))[1] + 1)
    ranked = sorted(found.values(), key=lambda one: -one[1])
    return [
        Environment(
            count, dict(kept["versions"] or {}), str(kept["git_revision"] or ""), str(kept["backend"] or ""),
            tuple(map(str, kept["devices"] or ())), int(kept["processes"] or 1), str(kept["xla_flags"] or ""),
        )
        for kept, count in ranked
    ]  # fmt: skip


def _number(result: Mapping[str, Any], name: str) -> float | None:
    return None if result.get(name) is None else float(result[name])


class Group(NamedTuple):
    """Runs that share a compiled program; None and "" stand for what is not recorded yet."""

    name: str
    runs: int
    begin: int
    until: int
    width: int
    way: str
    why: str
    seconds_per_step: dict[str, float]
    status: str
    seconds: float | None
    programs: float | None
    compared: float | None
    compile_seconds: float | None
    reason: str


class Environment(NamedTuple):
    """Versions and devices that some runs share.

    Attributes:
      runs: how many.
      versions: {package: version}.
      git_revision: of gan_jax, or "".
      backend: "cpu", "gpu" or "tpu".
      devices: as JAX names them.
      processes: that took part.
      xla_flags: of the environment, or "".
    """

    runs: int
    versions: dict[str, str]
    git_revision: str
    backend: str
    devices: tuple[str, ...]
    processes: int
    xla_flags: str
