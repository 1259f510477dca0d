"""The number of devices, and the primitive that maps over them, change nothing but the rounding.

A process has its devices from its start: this one trains on one device, another with four on two and on four of them,
which in float64 give ten digits (test_float64.py). Virtual devices of the CPU can hang; every process has a hard limit.
"""

import shutil

import jax
import numpy as np
import pytest
from PIL import Image
from support.commands import TINY, elsewhere, records, refused, train_flags
from support.device_runs import CASES, config_of, train
from support.states import error

import gan_jax
from gan_jax.build import build_game, build_hyper, build_source, local_batch_size
from gan_jax.errors import ConfigError
from gan_jax.training.checkpoints import leaves_of
from gan_jax.training.state import init_state

TOLERANCE = 1e-5
# What is trained on several devices, by the process that does so.
FAST = (("mlp", 2), ("mlp_shard_map", 2))
SLOW = (
    *((case, 2) for case in CASES if case not in ("mlp", "mlp_shard_map", "dcgan")),
    ("dcgan_streamed", 4),
)  # fmt: skip
# Where the primitive or the source is another, too, which changes nothing either.
ON_ONE = {"mlp_shard_map": "mlp", "dcgan_streamed": "dcgan"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with images of 16x16 pixels, where the processes work."""
    folder = tmp_path_factory.mktemp("devices")
    (folder / "images").mkdir()
    pixels = np.random.default_rng(0)
    for i in range(48):
        coarse = pixels.integers(0, 256, (4, 4), np.uint8)
        Image.fromarray(coarse.repeat(4, 0).repeat(4, 1)).save(folder / "images" / f"{i:02}.png")
    return folder


def stored(folder, case, devices):
    """Parameters and statistics that a case ended with; several devices train all cases of their process."""
    path = folder / f"{case}_{devices}.npz"
    if not path.exists() and devices == 1:
        train(case, folder, 1)
    elif not path.exists():
        pairs = [f"{case}:{devices}" for case, devices in (FAST if (case, devices) in FAST else SLOW)]
        ended = elsewhere(TINY.with_name("device_runs.py"), folder, *pairs, python=True, devices=4, limit=600)
        assert ended.status == 0, ended.err
        assert ended.out.splitlines() == pairs
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.mark.parametrize(("case", "devices"), [*FAST, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in SLOW)])
def test_devices_agree(folder, case, devices):
    worst, leaf = error(stored(folder, case, devices), stored(folder, ON_ONE.get(case, case), 1))
    assert worst <= TOLERANCE, leaf


@pytest.mark.parametrize(
    "case", [c if c == "mlp" else pytest.param(c, marks=pytest.mark.slow) for c in CASES if c not in ON_ONE]
)
def test_every_leaf_is_trained(folder, case):
    # If a case trained nothing, the agreement above would say nothing.
    config = config_of(case, folder)
    game = build_game(config, build_source(config))
    state = init_state(game, jax.random.key(config.seed), build_hyper(config))
    before = leaves_of({"params": state.params, "stats": state.stats})
    after = stored(folder, case, 1)
    for name in before:
        assert not np.array_equal(before[name], after[name]), name


@pytest.mark.parametrize("case", ["mlp", "mlp_shard_map"])
def test_records_agree(folder, case):
    stored(folder, "mlp", 1), stored(folder, case, 2)
    one, two = records(folder / "mlp_1"), records(folder / f"{case}_2")
    assert [r["step"] for r in one] == [r["step"] for r in two] == [10, 20]
    for a, b in zip(one, two, strict=True):
        assert a["images_seen"] == b["images_seen"]
        for name in ("discriminator/loss", "generator/loss", "discriminator/gradient_norm"):
            assert a[name] == pytest.approx(b[name], rel=1e-4)


def test_a_batch_that_does_not_divide_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 4)
    line = refused(*train_flags(tmp_path / "run", "batch_size=30"))
    assert line == "gan-jax: batch_size=30 does not divide over 4 devices; allowed: a multiple of 4, such as 28 or 32"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("size", "devices", "near"), [(30, 4, "28 or 32"), (3, 4, "such as 4"), (9, 2, "8 or 10")])
def test_the_sizes_nearby_are_named(size, devices, near):
    with pytest.raises(ConfigError, match=near):
        local_batch_size(size, devices)
    assert local_batch_size(32, 4) == 8
    assert local_batch_size(32, 4, packing=2) == 8
    with pytest.raises(ConfigError, match=r"in packs of packing=3; allowed: a multiple of 6, such as 30 or 36"):
        local_batch_size(32, 2, packing=3)


def test_a_run_continues_on_another_number_of_devices(folder, tmp_path):
    stored(folder, "mlp", 2)
    workdir, config = shutil.copytree(folder / "mlp_2", tmp_path / "run"), config_of("mlp", folder)
    with config.unlocked():
        config.steps = 30
    assert gan_jax.train(config, workdir, progress=False).step == 30
    assert [r["step"] for r in records(workdir)] == [10, 20, 30]
