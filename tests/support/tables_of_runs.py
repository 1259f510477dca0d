"""Tables of made-up runs, as ``gan_jax.sweeps.load`` makes them."""

import math

import pandas
import pytest
from hypothesis import strategies as st

from gan_jax.errors import ConfigError

METRIC, PROTOCOL = "frechet_lenet", "frechet_lenet:protocol"
NAN, INF = math.nan, math.inf
numbers = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=1, max_size=7)


def row(loss, seed, value, protocol="p", **other):
    """One row of a table, as ``gan_jax.sweeps.load`` makes it."""
    columns = {
        "run": f"{loss}-{other.get('batch_size', 8)}-{seed}", "group": "", "status": "finished", "reason": "",
        "health": "", "step": 100, "steps": 100, "last": True, "seconds": 1.0, "by": "train", "loss.name": loss,
        "batch_size": 8, "seed": seed, METRIC: float(value), PROTOCOL: "" if math.isnan(value) else protocol,
        "train:generator/loss": float(seed),
    }  # fmt: skip
    return {**columns, **other}


def table(rows, fields=("loss.name",)):
    frame = pandas.DataFrame(rows, columns=list(row("", 0, 0.0)))
    frame.attrs = {"fields": list(fields), "metric": METRIC}
    return frame


def of_values(**values):
    """{loss: values by seed}."""
    return table([row(loss, seed, v) for loss, own in values.items() for seed, v in enumerate(own)])


def error_of(function, kind=ConfigError):
    with pytest.raises(kind) as caught:
        function()
    assert "\n" not in str(caught.value)
    return str(caught.value)
