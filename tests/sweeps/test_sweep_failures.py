"""What goes wrong with a run is that run's result; the others go on, and end as if it had not been there."""

import importlib
import sys

import pytest
from support.commands import environment, here, records, result
from support.sweeping import (
    RATE,
    WIDTH,
    assert_same_params,
    base,
    digests,
    folders,
    groups,
    interrupted,
    statuses,
    stored,
    sweep_flags,
    sweep_json,
    train_sweep,
    write_sweep,
)

from gan_jax.config import load_values
from gan_jax.errors import ConfigError
from gan_jax.sweeps.driver import sweep
from gan_jax.sweeps.executors import LOCAL, train_groups
from gan_jax.sweeps.space import grid
from gan_jax.sweeps.sweep import Sweep
from gan_jax.training import loop as loop_module
from gan_jax.training.records import locked

DISCRIMINATOR = "optimizer.discriminator.learning_rate"
WATCHED = ("health.stop=True", "log_every=1")
TOO_LARGE = 1e9  # the gradient of the second step overflows

# A run that is not finite and a hopeless one, among healthy ones in one call.


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """A rate that is too large by far and one of 1e3 between two that are usual, and one in the next call."""
    workdir = tmp_path_factory.mktemp("failures") / "bad"
    rates = {DISCRIMINATOR: [1e-3, TOO_LARGE, 1e3, 2e-3]}
    counts = train_sweep(workdir, rates, *WATCHED)
    assert counts == {"finished": 2, "non_finite": 1, "stopped": 1}
    return workdir


@pytest.fixture(scope="module")
def sane(tmp_path_factory):
    """The same places in the program, all usual."""
    workdir = tmp_path_factory.mktemp("failures") / "sane"
    rates = {DISCRIMINATOR: [1e-3, 4e-3, 3e-3, 2e-3]}
    assert train_sweep(workdir, rates, *WATCHED) == {"finished": 4}
    return workdir


def test_the_others_end_with_the_same_bits(bad, sane):
    assert [group["width"] for group, _ in groups(bad).values()] == [3]
    ours, theirs = digests(bad), digests(sane)
    for rate in (1e-3, 2e-3):
        assert ours[rate, 0] == theirs[rate, 0]
        a, b = (records(folders(workdir)[rate, 0]) for workdir in (bad, sane))
        assert [row["generator/loss"] for row in a] == [row["generator/loss"] for row in b]
        assert len(a) == 20


def test_a_run_that_is_not_finite_says_where_and_what(bad):
    run = folders(bad)[TOO_LARGE, 0]
    ended = result(run)
    assert ended["status"] == "non_finite"
    assert ended["step"] == len(records(run)) < 5  # the steps that were good
    assert f"at step {ended['step'] + 1}, in the call of steps" in ended["reason"]
    assert "a lower optimizer.discriminator.learning_rate or optimizer.discriminator.clip may help" in ended["reason"]
    assert [finding["name"] for finding in ended["health"]] == ["non_finite"]


def test_a_hopeless_run_stops_where_it_would_alone(bad):
    run = folders(bad)[1e3, 0]
    ended = result(run)
    assert ended["status"] == "stopped"
    assert ended["reason"].startswith("diverging: discriminator/loss is ")
    assert ended["step"] == records(run)[-1]["step"] == 7  # five records, over three tenths of the run
    assert ended["health"][0]["hopeless"] is True
    assert stored(run)["step"] == 7


def test_the_group_is_done_and_says_nothing(bad):
    ((_, ended),) = groups(bad).values()
    assert (ended["status"], ended["reason"]) == ("done", "")


# A loss of one's own.

# Where it works it is the tests' usual loss, so that its program has been compiled.
LOSS = """
from gan_jax.losses import non_saturating


def make(real_target=1.0, fake_target=0.0, kind="usual"):
    if isinstance(fake_target, float) and fake_target > 0.5:
        raise ValueError("fake_target must be small")
    made = non_saturating(real_target, fake_target)
    return made._replace(generator=generator) if kind == "broken" else made


def generator(real_logits, fake_logits):
    return non_saturating().generator(real_logits, fake_logits + planted)
"""
OWN = ("loss.name=own_loss_of_failures:make",)
OPTIONS = {
    "refused": {"real_target": 1.0, "fake_target": 0.9},
    "usual": {"real_target": 1.0, "fake_target": 0.0},
    "smooth": {"real_target": 0.9, "fake_target": 0.0},
    "smoother": {"real_target": 0.8, "fake_target": 0.0},
    "broken": {"real_target": 1.0, "fake_target": 0.0, "kind": "broken"},
    "broken_smooth": {"real_target": 0.9, "fake_target": 0.0, "kind": "broken"},
    "broken_smoother": {"real_target": 0.8, "fake_target": 0.0, "kind": "broken"},
}
FITTING = ("usual", "smooth", "smoother")
BROKEN = ("broken", "broken_smooth", "broken_smoother")


@pytest.fixture
def own_loss(empty_folder):
    """Writes the loss, with some of its text replaced."""

    def write(mended):
        text = LOSS
        for old, new in mended.items():
            assert old in text
            text = text.replace(old, new)
        (empty_folder / "own_loss_of_failures.py").write_text(text)
        importlib.invalidate_caches()
        sys.modules.pop("own_loss_of_failures", None)

    write({})
    yield write
    sys.modules.pop("own_loss_of_failures", None)


def by_options(workdir):
    """{kind of run: its folder}."""
    return {
        next(name for name, options in OPTIONS.items() if options == point["loss.options"]): workdir / "runs" / run
        for run, point in sweep_json(workdir)["runs"].items()
    }


@pytest.mark.slow
def test_a_loss_that_raises_fails_its_runs_and_a_second_command_mends_them(own_loss, empty_folder):
    workdir = empty_folder / "sweep"
    write_sweep("sweep.py", {"loss.options": list(OPTIONS.values())})
    flags = sweep_flags(workdir, "sweep.py", fields=OWN)
    with environment(XLA_FLAGS="--xla_force_host_platform_device_count=1"):
        ended = here(*flags)
        assert ended.status == 1, ended.err
        assert "Traceback" not in ended.err
        assert ended.out.splitlines()[0] == "7 runs: 4 failed, 3 finished"
        runs = by_options(workdir)
        lines = {name: result(folder)["reason"] for name, folder in runs.items()}
        file = empty_folder / "own_loss_of_failures.py"
        assert f"ValueError: fake_target must be small ({file}, line 7)" in lines["refused"]
        for name in BROKEN:
            assert f"NameError: name 'planted' is not defined ({file}, line 13)" in lines[name]
        for name, line in lines.items():
            assert "\n" not in line
            assert (line == "") == (name in FITTING)
            if line:
                assert sorted(path.name for path in runs[name].iterdir()) == ["config.json", "result.json"]
                assert (result(runs[name])["status"], result(runs[name])["step"]) == ("failed", 0)
        # One program serves the runs of the options that differ in numbers.
        own = {len(group["runs"]): ended for group, ended in groups(workdir).values()}
        assert (own[4]["status"], own[4]["programs"], own[4]["reason"]) == ("done", 1, "")
        assert (own[3]["status"], own[3]["programs"], own[3]["reason"]) == ("failed", 0, lines["broken"])
        done = {name: (runs[name] / "result.json").read_bytes() for name in FITTING}

        assert here(*flags).status == 1  # without --retry_failed nothing is tried again
        assert {name: result(folder)["reason"] for name, folder in runs.items()} == lines

        own_loss({" + planted": "", "> 0.5": "> 0.95"})
        ended = here(*flags, "--retry_failed")
        assert ended.status == 0, ended.err
        assert ended.out.splitlines()[0] == "7 runs: 7 finished"
    assert all(result(folder)["status"] == "finished" for folder in runs.values())
    assert {name: (runs[name] / "result.json").read_bytes() for name in FITTING} == done
    assert all(len(records(folder)) == 4 for folder in runs.values())
    for name, mended in zip(FITTING, BROKEN, strict=True):
        assert result(runs[mended])["params_sha256"] == result(runs[name])["params_sha256"]


@pytest.mark.slow
def test_a_run_that_is_mended_while_its_group_is_half_done_begins_anew(own_loss, empty_folder):
    workdir, known = empty_folder / "sweep", {}
    values = {"loss.options": [OPTIONS[name] for name in ("usual", "refused", "smooth", "smoother")]}
    with pytest.raises(KeyboardInterrupt):
        train_sweep(workdir, values, *OWN, executor=interrupted(15, known))
    runs = by_options(workdir)
    assert result(runs["refused"])["status"] == "failed"
    assert not (runs["usual"] / "result.json").exists()
    own_loss({"> 0.5": "> 0.95"})
    assert train_sweep(workdir, values, *OWN, retry_failed=True, executor=train_groups) == {"finished": 4}
    for folder in runs.values():
        assert [row["step"] for row in records(folder)] == [5, 10, 15, 20]
    alone = {"loss.non_saturating.fake_target": [0.9, 0.8, 0.7]}  # the same loss by its own name
    assert train_sweep(empty_folder / "alone", alone) == {"finished": 3}
    assert_same_params(runs["refused"], folders(empty_folder / "alone")[0.9, 0])


def test_a_hopeless_run_of_a_group_that_is_resumed_is_left_as_it_ended(tmp_path, bad):
    rates = {DISCRIMINATOR: [1e-3, TOO_LARGE, 1e3, 2e-3]}
    with pytest.raises(KeyboardInterrupt):
        train_sweep(tmp_path / "sweep", rates, *WATCHED, executor=interrupted(15))
    before = {
        point: (folder / "result.json").read_bytes()
        for point, folder in folders(tmp_path / "sweep").items()
        if (folder / "result.json").exists()
    }
    assert set(before) == {(TOO_LARGE, 0), (1e3, 0)}
    assert train_sweep(tmp_path / "sweep", rates, *WATCHED) == {"finished": 2, "non_finite": 1, "stopped": 1}
    assert statuses(tmp_path / "sweep") == statuses(bad)
    assert digests(tmp_path / "sweep") == digests(bad)
    for point, content in before.items():
        assert (folders(tmp_path / "sweep")[point] / "result.json").read_bytes() == content


# Memory, metrics, locks.


def test_a_group_that_does_not_fit_in_memory_is_halved(tmp_path, monkeypatch):
    asked, program_of = [], loop_module.program_of

    def small(shared, width):
        asked.append(width)
        if width > WIDTH:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes.")
        return program_of(shared, width)

    monkeypatch.setattr(loop_module, "program_of", small)
    rates = {RATE: [1e-3, 2e-3, 3e-3]}
    assert train_sweep(tmp_path / "halved", rates, seeds=2, width=6) == {"finished": 6}
    assert asked == [6, 3, 3]
    ((group, ended),) = groups(tmp_path / "halved").values()
    assert (group["width"], ended["status"]) == (3, "done")
    assert "6 at once did not fit in memory" in group["why"]
    assert all(len(records(run)) == 4 for run in folders(tmp_path / "halved").values())


def test_one_run_that_does_not_fit_in_memory_fails(tmp_path, monkeypatch):
    def nothing_fits(shared, width):
        raise MemoryError("not a byte left")

    monkeypatch.setattr(loop_module, "program_of", nothing_fits)
    assert train_sweep(tmp_path, {RATE: [1e-3, 2e-3, 3e-3, 4e-3]}, width=4) == {"failed": 4}
    ((group, ended),) = groups(tmp_path).values()
    assert (group["width"], ended["status"]) == (1, "failed")
    assert "MemoryError: not a byte left" in ended["reason"]


def test_a_metric_without_a_value_fails_its_run_alone(tmp_path, monkeypatch):
    from gan_jax.errors import MetricError
    from gan_jax.training.events import Journal

    evaluate = Journal.evaluate

    def planted(self, step, state):
        if self.config.seed == 1 and step == 10:
            raise MetricError("modes has no value: planted")
        return evaluate(self, step, state)

    monkeypatch.setattr(Journal, "evaluate", planted)
    assert train_sweep(tmp_path, {RATE: [1e-3]}, seeds=3) == {"failed": 1, "finished": 2}
    ended = result(folders(tmp_path)[1,])  # a field of one value does not vary
    assert (ended["status"], ended["step"]) == ("failed", 10)
    assert ended["reason"] == "modes has no value: planted"


def test_a_second_sweep_in_the_same_place_is_refused(tmp_path):
    from gan_jax.errors import WorkdirError

    with locked(tmp_path), pytest.raises(WorkdirError, match="is in use by process"):
        sweep(Sweep(grid({RATE: [1e-3]})), base(), tmp_path, lambda job: None, progress=False)
    assert not (tmp_path / "sweep.json").exists()


@pytest.mark.parametrize("name", ["results.csv", "report.html", "runs"])
def test_files_of_no_sweep_are_not_written_over(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigError, match=f"has no sweep.json and so holds no sweep, but {name}, which "):
        sweep(Sweep(grid({"batch_size": [8]})), load_values({"data.name": "ring"}), tmp_path, LOCAL, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", name]
