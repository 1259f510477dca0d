"""The rows that need two devices, all of a test in one process."""

import json
import os
import subprocess
import sys

import pytest
from support import matrix


def on_two_devices(what, numbers):
    """{row: (its choices, what is wrong)}, of those where something is."""
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-m", "support.play", what, json.dumps(numbers)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said = dict(json.loads(line) for line in done.stdout.splitlines())
    assert sorted(said) == sorted(numbers)
    return {i: (matrix.rows()[i], line) for i, line in said.items() if line}


@pytest.mark.timeout(1800)
def test_the_first_rows():
    assert not on_two_devices("play", matrix.on("two", range(matrix.FIRST)))


OTHERS = matrix.on("two", range(matrix.FIRST, len(matrix.rows())))


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("part", range(4))
def test_the_other_rows(part):
    assert not on_two_devices("play", OTHERS[part::4])


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("first", [0, 6])
def test_two_devices_equal_one(first):
    """In the first twelve rows, whichever devices they are for."""
    assert not on_two_devices("compare", list(range(first, first + 6)))
