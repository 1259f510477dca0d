"""Checkpoints by themselves: whatever the path, and never trusted before they are read back."""

import json
import os
import sys

import numpy as np
import pytest

from gan_jax.errors import WorkdirError
from gan_jax.training.checkpoints import Checkpoints
from gan_jax.training.records import locked

LEAVES = {"params/a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "step": np.int32(3)}


@pytest.mark.parametrize("name", ["a[1]", "[!b]", "a*b?", "ä {b} %20 #c", "a\nb"])
def test_any_name_of_a_directory(tmp_path, name):
    checkpoints = Checkpoints(tmp_path / name / "below", keep=2)
    for step in (1, 2, 3):
        checkpoints.save(step, {**LEAVES, "step": np.int32(step)})
    checkpoints.close()
    found = Checkpoints(tmp_path / name / "below", read_only=True)
    leaves = found.restore(3, LEAVES)
    found.close()
    assert leaves["step"] == 3
    np.testing.assert_array_equal(leaves["params/a/kernel"], LEAVES["params/a/kernel"])


@pytest.mark.parametrize("name", ["a**b", "a\\b", "gs:", "s3:", os.fsdecode(b"\xff")])
def test_names_that_checkpoints_cannot_have_are_refused_before_anything_is_made(tmp_path, name):
    with pytest.raises(WorkdirError, match="in its path, which checkpoints cannot have"), locked(tmp_path / name / "r"):
        pass
    assert not list(tmp_path.iterdir())


def test_older_ones_stay_until_the_newest_was_read_back(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(1, LEAVES)
    checkpoints.save(2, LEAVES)
    checkpoints._manager.wait_until_finished()
    assert checkpoints.steps() == [1, 2]
    damaged = next(p for p in (tmp_path / "checkpoints/2/sha256").iterdir() if "params" in p.read_text())
    damaged.write_text(json.dumps({**json.loads(damaged.read_text()), "step": "0"}))
    with pytest.raises(WorkdirError, match=r"2 is damaged: leaf 'step' .*just written; last good .*checkpoints/1"):
        checkpoints.save(3, LEAVES)
    assert checkpoints.steps() == [1, 2]
    checkpoints.save(3, LEAVES)
    checkpoints.wait()
    assert checkpoints.steps() == [3]
    checkpoints.close()


def test_a_checkpoint_that_cannot_be_read_says_so_and_nothing_else(tmp_path, monkeypatch):
    heard = []  # what Python would print, of other threads too
    monkeypatch.setattr(sys, "unraisablehook", heard.append)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {f"params/{i}": np.full((50, 50), i, np.float32) for i in range(40)})
    checkpoints.wait()
    for path in (tmp_path / "checkpoints/1/state").rglob("d/*"):
        path.write_bytes(b"")
    with pytest.raises(WorkdirError, match="1 cannot be read"):
        checkpoints.restore(1, {})
    checkpoints.close()
    assert [(type(h.exc_value), str(h.exc_value)[:60]) for h in heard] == []
