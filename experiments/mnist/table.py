"""The table of README.md: three losses on two networks, means and standard deviations over seeds.

    python experiments/mnist/table.py WORKDIR ...

The runs are those of ``table.sh`` beside this file, evaluated by ``gan-jax evaluate``. Of the records with one protocol
the last counts.
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from gan_jax.evaluation import records
from gan_jax.evaluation.protocol import differences, protocol_of
from gan_jax.evaluation.table import markdown

METRICS = ("frechet_lenet", "kid_lenet", "precision_lenet", "recall_lenet", "density_lenet", "coverage_lenet")


def main(workdirs: list[str]) -> None:
    """Print the table."""
    groups: dict[tuple[str, str, str, int], dict[int, dict[str, float]]] = defaultdict(dict)
    protocols: dict[str, dict] = defaultdict(dict)
    for workdir in map(Path, workdirs):
        config = json.loads((workdir / "config.json").read_text(encoding="utf-8"))
        values, batch_norm = {}, "-"
        for record in records.read(workdir):
            if record["by"] == "evaluate" and record["metric"] in METRICS:
                values[record["metric"]], batch_norm = record["value"], record["batch_norm"]
                protocols[record["metric"]][str(workdir)] = protocol_of(record)
        groups[config["generator"]["name"], batch_norm, config["loss"]["name"], config["steps"]][config["seed"]] = (
            values
        )
    # A network without batch norm has no mode of it; in all else the protocols must agree.
    for metric, found in protocols.items():
        if apart := set(differences(found)) - {"batch_norm"}:
            sys.exit(f"{metric} was measured by different protocols: {', '.join(sorted(apart))}")
    body = []
    for (network, batch_norm, loss, steps), runs in sorted(groups.items()):
        cells = []
        for metric in METRICS:
            values = [values[metric] for values in runs.values() if metric in values]
            spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.3g}{spread}" if values else "-")
        body.append([network, batch_norm, loss.replace("_", " "), f"{steps:,}", str(len(runs)), *cells])
    print(markdown(["network", "batch norm", "loss", "steps", "seeds", *METRICS], body))


if __name__ == "__main__":
    main(sys.argv[1:])
