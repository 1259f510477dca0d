"""The rows that need two devices, all of a test in one process."""

import json
import os
import subprocess
import sys

import pytest
from support import matrix

# What is compiled runs for ten steps.
FLAGS = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"


def on_two_devices(what, numbers):
    """{row: (its choices, what is wrong)}, of those where something is."""
    environment = {**os.environ, "XLA_FLAGS": FLAGS, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-m", "support.play", what, json.dumps(numbers)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said = dict(json.loads(line) for line in done.stdout.splitlines())
    assert sorted(said) == sorted(numbers)
    return {i: (matrix.rows()[i], line) for i, line in said.items() if line}


@pytest.mark.slow
def test_the_first_rows():
    assert not on_two_devices("play", matrix.on("two", range(matrix.FIRST)))


OTHERS = matrix.on("two", range(matrix.FIRST, len(matrix.rows())))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(4))
def test_the_other_rows(part):
    assert not on_two_devices("play", OTHERS[part::4])


@pytest.mark.slow
def test_two_devices_equal_one():
    """For each network that mixes the examples of a minibatch."""
    mixing = ("batch norm", "virtual", "minibatch")
    rows = [(row["network"], number) for number, row in enumerate(matrix.rows()) if row["rule"] != "Runge-Kutta"]
    assert not on_two_devices("compare", [next(n for network, n in rows if network == one) for one in mixing])
