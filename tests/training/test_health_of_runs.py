"""What a run says of its health: in its records, in result.json, on stderr; and the end of a hopeless one."""

import json
import shutil

import pytest
from support.commands import checkpoints, events, here, records, result, tiny_run, train_flags

LOST = (  # a generator that never moves, against a discriminator that learns fast
    "loss.name=minimax", "optimizer.generator.learning_rate=0.0", "optimizer.discriminator.learning_rate=0.02",
    "discriminator.mlp.widths=(64,64)", "steps=400", "data.ring.radius=3.0", "checkpoint_every=200",
    "sample_every=0", "log_every=10",
)  # fmt: skip


@pytest.fixture(scope="module")
def lost(tmp_path_factory):
    """A hopeless run that goes on to its end."""
    workdir = tmp_path_factory.mktemp("runs") / "lost"
    ended = here(*train_flags(workdir, *LOST))
    assert ended.status == 0, ended.err
    return workdir, ended


def test_samples_are_watched(lost):
    rows = records(lost[0])
    assert all({"samples/diversity", "samples/modes", "samples/heaviest_mode"} <= set(row) for row in rows)
    _, scalars = events(lost[0])
    assert scalars["samples/diversity", rows[-1]["step"]] == pytest.approx(rows[-1]["samples/diversity"], rel=1e-6)


def test_what_is_wrong_stands_in_the_result_and_on_the_screen(lost):
    workdir, ended = lost
    found = {finding["name"]: finding for finding in result(workdir)["health"]}
    assert "discriminator_won" in found
    assert found["discriminator_won"]["hopeless"] is True
    assert "discriminator/loss is" in found["discriminator_won"]["evidence"]
    assert f"discriminator_won: {found['discriminator_won']['evidence'].split(' is ')[0]}" in ended.err
    assert result(workdir)["status"] == "finished"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The same run, stopped where it is hopeless."""
    workdir = tmp_path_factory.mktemp("runs") / "stopped"
    return workdir, here(*train_flags(workdir, *LOST, "health.stop=True"))


def test_a_hopeless_run_is_stopped_where_that_is_asked_for(lost, stopped):
    workdir, ended = stopped
    assert ended.status == 4, ended
    step = result(workdir)["step"]
    assert result(workdir)["status"] == "stopped"
    assert any(finding["hopeless"] for finding in result(workdir)["health"])
    assert 100 < step < 400, "not before it has lasted for a third of the run"
    assert f"stopped at step {step}" in ended.err
    assert checkpoints(workdir)[-1] == step
    # What it did until then is what the run that goes on did.
    both = zip(records(workdir), records(lost[0]))
    assert all(a["discriminator/loss"] == b["discriminator/loss"] for a, b in both)


def test_a_stopped_run_goes_on_when_it_shall(lost, stopped, tmp_path):
    workdir = shutil.copytree(stopped[0], tmp_path / "run")
    assert here(*train_flags(workdir, *LOST)).status == 0
    assert result(workdir)["params_sha256"] == result(lost[0])["params_sha256"]
    assert result(workdir)["health"] == result(lost[0])["health"]


def test_a_short_run_is_healthy(tmp_path_factory):
    assert result(tiny_run(tmp_path_factory))["health"] == []


def test_a_run_that_is_not_finite_says_so(tmp_path):
    workdir = tmp_path / "run"
    ended = here(*train_flags(workdir, "optimizer.discriminator.learning_rate=1e30", "steps=20"))
    assert ended.status == 3
    [finding] = [finding for finding in result(workdir)["health"] if finding["name"] == "non_finite"]
    assert finding["hopeless"] is True


def test_nothing_is_drawn_where_nothing_shall_be(tmp_path):
    workdir = tmp_path / "run"
    assert here(*train_flags(workdir, "health.samples=0", "sample_every=0", "steps=10")).status == 0
    assert not any(name.startswith("samples/") for name in records(workdir)[0])
    json.loads((workdir / "result.json").read_text(), parse_constant=pytest.fail)
