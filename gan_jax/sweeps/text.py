"""The ranked settings of a sweep as lines of text."""

import math
from pathlib import Path

from gan_jax.evaluation.table import aligned
from gan_jax.paths import expanded
from gan_jax.stored import read_object
from gan_jax.sweeps.records import read_groups
from gan_jax.sweeps.results import load


def ranking(workdir: str | Path) -> str:
    """The settings, the best first, with 95% bootstrap intervals over seeds; and the programs that were compiled."""
    from gan_jax.sweeps.aggregate import rank, summarize

    workdir = expanded("workdir", workdir)
    frame = load(workdir)
    metric, fields = frame.attrs["metric"], frame.attrs["fields"]
    lines = [programs(workdir)]
    if metric and metric in frame.columns:
        table = summarize(frame, metric)
        table["rank"] = rank(table)
        table = table.sort_values("mean", ascending=table.attrs["better"] == "lower", na_position="last")
        rows = [["rank", *fields, metric, "95% interval", "n", "of"]]
        for row in table.to_dict("records"):
            place = "-" if math.isnan(row["rank"]) else str(int(row["rank"]))
            interval = f"{row['low']:.4g} to {row['high']:.4g}" if row["enough"] else "fewer than 3 seeds: not enough"
            values = [str(row[field]) for field in fields]
            rows.append([place, *values, f"{row['mean']:.4g}", interval, str(row["n"]), str(row["runs"])])
        lines.insert(0, aligned(rows))
    return "\n".join(lines)


def programs(workdir: Path) -> str:
    """How many programs the groups of a sweep compiled for training, by their records."""
    found = [read_object(workdir / "groups" / group.name / "result.json") or {} for group in read_groups(workdir)]
    trained = sum(one.get("programs", 0) for one in found)
    compared = sum(one.get("compared", 0) for one in found)
    also = f", and {compared} to compare with" if compared else ""
    seconds = sum(one.get("compile_seconds", 0.0) for one in found)
    return f"{trained} training programs compiled{also}, in {seconds:.0f} s"
