"""The number of devices, and the primitive that maps over them, change nothing but the rounding.

A process has its devices from its start, so each count is one process, which trains every case in turn. Virtual devices
of the CPU can hang; every process has a hard limit.
"""

import signal

import jax
import numpy as np
import pytest
from PIL import Image
from support.commands import (
    TINY,
    assert_same_run,
    elsewhere,
    finish,
    kill,
    records,
    result,
    start,
    train_flags,
    wait_until,
)
from support.device_runs import CASES, config_of

from gan_jax.build import build_game, build_hyper, build_source, local_batch_size
from gan_jax.errors import ConfigError
from gan_jax.networks import DISCRIMINATORS, GENERATORS
from gan_jax.training.checkpoints import leaves_of
from gan_jax.training.step import init_state

TOLERANCE = 1e-5
SMALL = ("mlp", "mlp_shard_map")
# What one process trains: number of devices -> cases.
FAST = {1: SMALL, 2: SMALL, 4: ()}
SLOW = {devices: tuple(case for case in CASES if case not in FAST[devices]) for devices in FAST}


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
    """Parameters and statistics that a case ended with; when first asked, trains all cases of its process."""
    path = folder / f"{case}_{devices}.npz"
    if not path.exists():
        cases = FAST[devices] if case in FAST[devices] else SLOW[devices]
        ended = elsewhere(TINY.with_name("device_runs.py"), folder, *cases, python=True, devices=devices, limit=600)
        assert ended.status == 0, ended.err
        assert ended.out.splitlines() == [f"{case}: {devices} devices" for case in cases]
    with np.load(path) as arrays:
        return dict(arrays)


def error(a, b):
    """The largest over leaves of max|a - b| / max|b|, and which leaf it is."""
    assert sorted(a) == sorted(b)
    worst = {}
    for name in b:
        scale = np.max(np.abs(b[name]))
        difference = np.max(np.abs(a[name] - b[name]))
        worst[name] = difference / scale if scale else difference
    name = max(worst, key=worst.get)
    return worst[name], name


ALL = [
    pytest.param(case, devices, marks=[] if case in FAST[devices] else pytest.mark.slow)
    for case in CASES
    for devices in (2, 4)
]


@pytest.mark.parametrize(("case", "devices"), ALL)
def test_devices_agree(folder, case, devices):
    worst, leaf = error(stored(folder, case, devices), stored(folder, case, 1))
    assert worst <= TOLERANCE, leaf


def test_every_registered_network_is_among_the_cases(folder):
    used = {
        section: {config_of(case, folder)[section].name for case in CASES} for section in ("generator", "discriminator")
    }
    assert used == {"generator": set(GENERATORS), "discriminator": set(DISCRIMINATORS)}


@pytest.mark.parametrize("case", [c if c in FAST[1] else pytest.param(c, marks=pytest.mark.slow) for c in CASES])
def test_every_leaf_is_trained(folder, case):
    # If a case trained nothing, the agreement above would say nothing.
    config = config_of(case, folder)
    game = build_game(config, build_source(config))
    state = init_state(game, jax.random.key(config.seed), build_hyper(config))
    before = leaves_of({"params": state.params, "stats": state.stats})
    after = stored(folder, case, 1)
    for name in before:
        assert not np.array_equal(before[name], after[name]), name


@pytest.mark.parametrize("devices", [1, 2])
def test_pmap_equals_shard_map(folder, devices):
    worst, leaf = error(stored(folder, "mlp_shard_map", devices), stored(folder, "mlp", devices))
    assert worst <= TOLERANCE, leaf


@pytest.mark.slow
def test_a_streamed_source_equals_a_resident_one(folder):
    worst, leaf = error(stored(folder, "dcgan_streamed", 2), stored(folder, "dcgan", 2))
    assert worst <= TOLERANCE, leaf


@pytest.mark.parametrize("case", SMALL)
def test_records_agree(folder, case):
    for devices in (1, 2):
        stored(folder, case, devices)
    one, two = records(folder / f"{case}_1"), records(folder / f"{case}_2")
    assert [r["step"] for r in one] == [r["step"] for r in two] == [10, 20]
    for a, b in zip(one, two, strict=True):
        assert a["images_seen"] == b["images_seen"]
        for name in ("discriminator/loss", "generator/loss", "discriminator/gradient_norm"):
            assert a[name] == pytest.approx(b[name], rel=1e-4)


def test_a_batch_that_does_not_divide_is_refused(tmp_path):
    workdir = tmp_path / "run"
    ended = elsewhere(*train_flags(workdir, "batch_size=30"), devices=4)
    assert ended.status == 2
    assert ended.err == (
        "gan-jax: batch_size=30 does not divide over 4 devices; allowed: a multiple of 4, such as 28 or 32\n"
    )
    assert not workdir.exists()


@pytest.mark.parametrize(("size", "devices", "near"), [(30, 4, "28 or 32"), (3, 4, "such as 4"), (9, 2, "8 or 10")])
def test_the_sizes_nearby_are_named(size, devices, near):
    with pytest.raises(ConfigError, match=near):
        local_batch_size(size, devices)
    assert local_batch_size(32, 4) == 8
    assert local_batch_size(32, 4, packing=2) == 8
    with pytest.raises(
        ConfigError, match=r"in packs of game.gan.packing=3; allowed: a multiple of 6, such as 30 or 36"
    ):
        local_batch_size(32, 2, packing=3)


@pytest.mark.slow
def test_killed_on_two_devices(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert elsewhere(*train_flags(whole), devices=2).status == 0
    process = start(*train_flags(broken), devices=2)
    try:
        wait_until(lambda: len(records(broken)) >= 5, process)
    finally:
        kill(process)
    assert finish(process).status == -signal.SIGKILL
    ended = elsewhere(*train_flags(broken), devices=2)
    assert ended.status == 0, ended.err
    assert_same_run(broken, whole)


@pytest.mark.slow
def test_a_run_continues_on_another_number_of_devices(tmp_path):
    workdir = tmp_path / "run"
    assert elsewhere(*train_flags(workdir, "steps=20"), devices=2).status == 0
    ended = elsewhere(*train_flags(workdir, "steps=40"), devices=1)
    assert ended.status == 0, ended.err
    assert result(workdir)["step"] == 40
    assert [r["step"] for r in records(workdir)] == list(range(5, 41, 5))
