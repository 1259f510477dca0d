"""Asynchronous successive halving: nobody waits, whole settings climb, and in the end every run has ended."""

from unittest import mock

import pytest
from support.commands import result
from support.sweeping import RATE, folders, groups, statuses, train_sweep

from gan_jax.sweeps import Halving, Sweep, grid, zipped
from gan_jax.sweeps.executors import train_groups
from gan_jax.sweeps.halving import scores
from gan_jax.sweeps.layout import Layout

METRIC = "mode_reverse_kl"  # lower is better
RATES, KEPT = [1e-2, 1e-3, 5e-3, 3e-3], [2, 3, 4, 5]  # the second makes a group of every setting


@pytest.fixture(scope="module")
def climbed(tmp_path_factory):
    """Four settings with three seeds each; rungs at steps 5 and 10, the end at 20."""
    workdir = tmp_path_factory.mktemp("climbed") / "sweep"
    space, halving = zipped({RATE: RATES, "checkpoint_keep": KEPT}), Halving(first=5, factor=2)
    options = {"seeds": 3, "metric": METRIC, "halving": halving, "executor": train_groups, "asynchronous": True}
    with mock.patch("gan_jax.sweeps.train.structure_of", return_value="of all"):  # the groups' programs are equal
        counts = train_sweep(workdir, space, "evaluation.every=10", **options)
    assert set(counts) == {"finished", "eliminated"}
    assert sum(counts.values()) == 12
    return workdir


def of_rate(workdir):
    """{rate: folders of its runs}."""
    found = {}
    for point, run in folders(workdir).items():
        found.setdefault(point[0], []).append(run)
    return found


@pytest.mark.slow
def test_whole_settings_climb(climbed):
    for runs in of_rate(climbed).values():
        assert len({(result(run)["status"], result(run)["step"]) for run in runs}) == 1


@pytest.mark.slow
def test_the_best_of_the_first_rung_climbs_and_the_last_ends(climbed):
    runs = {run.name: None for run in folders(climbed).values()}
    layout = Layout(climbed, Sweep(grid({}), metric=METRIC), {}, {})
    value = scores(layout, runs, 5)
    mean = {rate: sum(value[run.name] for run in own) for rate, own in of_rate(climbed).items()}
    ends = {rate: result(own[0])["step"] for rate, own in of_rate(climbed).items()}
    assert ends[min(mean, key=mean.get)] > 5
    assert ends[max(mean, key=mean.get)] <= 10
    assert 20 in ends.values()


@pytest.mark.slow
def test_settings_go_on_before_all_have_reached_their_rung(climbed):
    begins = [group["begin"] for group, _ in groups(climbed).values()]
    assert begins.count(0) == 4
    assert begins.count(5) >= 2
    assert begins.count(10) >= 1


@pytest.mark.slow
def test_eliminated_runs_say_why(climbed):
    for point, status in statuses(climbed).items():
        if status == "eliminated":
            assert "settings" in result(folders(climbed)[point])["reason"]
