"""How many training programs a sweep compiles: one for each structure, however many runs, rates and seeds there are."""

import collections
import importlib
import sys

import pytest
from support.commands import result
from support.sweeping import RATE, base, groups, sweep_json, train_sweep

from gan_jax.reporting import answer, summary_of
from gan_jax.sweeps import train
from gan_jax.sweeps.executors import train_groups
from gan_jax.sweeps.space import zipped

# The tests' usual loss, which counts how often its functions are traced.
LOSS = """
import jax

from gan_jax.losses import non_saturating

TRACES = []


def make(real_target=1.0, fake_target=0.0, kind="a"):
    made = non_saturating(real_target, fake_target)

    def discriminator(real_logits, fake_logits):
        if fake_logits.shape == (32,) and isinstance(fake_logits, jax.core.Tracer):
            TRACES.append(kind)
        return made.discriminator(real_logits, fake_logits)

    return made._replace(discriminator=discriminator)
"""
OWN = ("loss.name=own_loss_of_programs:make",)


def options(kind, **numbers):
    return {"real_target": 1.0, "fake_target": 0.0, "kind": kind, **numbers}


@pytest.fixture
def traces(empty_folder):
    """The list that grows by a name with every trace of a loss."""
    (empty_folder / "own_loss_of_programs.py").write_text(LOSS)
    importlib.invalidate_caches()
    sys.modules.pop("own_loss_of_programs", None)
    yield importlib.import_module("own_loss_of_programs").TRACES
    sys.modules.pop("own_loss_of_programs", None)


def counted(traces, *arguments, **keywords):
    """Traces of each loss while a sweep is trained."""
    traces.clear()
    counts = train_sweep(*arguments, executor=train_groups, **keywords)
    assert set(counts) == {"finished"}
    return collections.Counter(traces)


def test_more_rates_and_seeds_and_numbers_of_a_loss_are_traced_no_more_often(traces, empty_folder):
    # Two losses, one of them with another number and another rate too, three at once: one program a loss.
    numbers, workdir = [options("a"), options("a", real_target=0.9), options("a"), options("b")], empty_folder / "sweep"
    space = zipped({"loss.options": numbers, RATE: [1e-3, 1e-3, 2e-3, 1e-3]})
    times = counted(traces, workdir, space, *OWN, seeds=3)
    assert times["a"] == times["b"] > 0  # though there are three times as many runs of the first
    found = [(len(group["runs"]), group["width"], ended) for group, ended in groups(workdir).values()]
    assert sorted((runs, width, ended["programs"]) for runs, width, ended in found) == [(3, 3, 1), (9, 3, 1)]
    assert [ended["compared"] for *_, ended in found] == [0, 0]
    assert answer.table(summary_of(workdir)).startswith("2 training programs compiled, in ")
    ends = [result(workdir / "runs" / run) for run in sweep_json(workdir)["runs"]]
    # The two losses are one under two names; but each number, rate and seed is another run.
    assert len({ended["params_sha256"] for ended in ends}) == 9


@pytest.mark.slow
def test_without_a_width_it_is_measured_once_for_groups_of_one_shape(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "SECONDS", 0.02)
    values = {"checkpoint_keep": [2, 3], RATE: [1e-3, 2e-3, 3e-3]}
    assert train_sweep(tmp_path, values, width=0, executor=train_groups) == {"finished": 6}
    found = sorted(groups(tmp_path).values(), key=lambda pair: not pair[0]["seconds_per_step"])
    (first, ended), (second, other) = found
    assert set(first["seconds_per_step"]) == {"one by one", "vmap"}
    assert all(value > 0 for value in first["seconds_per_step"].values())
    assert "steps/s over all runs with 3 a device under vmap" in first["why"]
    assert (ended["programs"], ended["compared"]) == (1, 1)
    assert second["seconds_per_step"] == {}
    assert second["why"].startswith("as in group ")
    assert (second["way"], second["width"]) == (first["way"], first["width"])
    assert (other["programs"], other["compared"]) == (1, 0)
    faster = min(first["seconds_per_step"], key=first["seconds_per_step"].get)
    assert first["way"] == faster or first["way"] == "one by one"
    assert first["width"] == (3 if first["way"] == "vmap" else 1)


@pytest.mark.parametrize(
    ("times", "way", "width"),
    [((1.0, 0.5), "vmap", 6), ((1.0, 0.94), "vmap", 6), ((1.0, 0.96), "one by one", 2), ((1.0, 2.0), "one by one", 2)],
)
def test_many_at_once_only_where_it_is_faster(monkeypatch, times, way, width):
    measuring(monkeypatch, times)
    made = train.choose(FakeShared(), [base()] * 6)
    assert (made.way, made.width) == (way, width)
    assert made.seconds_per_step == {"one by one": times[0], "vmap": times[1]}
    assert made.compile_seconds == 2.0


def test_not_more_at_once_than_memory_holds(monkeypatch):
    measuring(monkeypatch, (1.0, 0.5))
    monkeypatch.setattr(train, "free_memory", lambda: 4.0 * 2**20)  # of which two runs of 1 MiB may take half
    assert train.choose(FakeShared(), [base()] * 6).width == 4
    monkeypatch.setattr(train, "free_memory", lambda: 1.0 * 2**20)
    made = train.choose(FakeShared(), [base()] * 6)
    assert (made.way, made.width) == ("one by one", 2)
    assert "memory for one run a device, 1 MiB each" in made.why


def test_fewer_at_once_where_memory_runs_out_while_measuring(monkeypatch):
    tried = []

    def measure(shared, configs, width):
        tried.append(width)
        if width > 2:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return 1.0 / width, 1.0, 1.0

    monkeypatch.setattr(train, "measure", measure)
    made = train.choose(FakeShared(), [base()] * 16)
    assert tried == [1, 8, 4, 2]
    assert (made.way, made.width) == ("vmap", 4)
    monkeypatch.setattr(train, "measure", lambda *arguments: measure(*arguments) if arguments[2] < 2 else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train.choose(FakeShared(), [base()] * 16)


@pytest.mark.parametrize(
    ("asked", "runs", "width", "way"),
    [(1, 6, 2, "one by one"), (2, 6, 4, "vmap"), (9, 5, 5, "vmap"), (3, 1, 1, "one by one")],
)
def test_a_width_that_is_asked_for_is_taken_without_measuring(monkeypatch, asked, runs, width, way):
    monkeypatch.setattr(train, "measure", None)
    made = train.choose(FakeShared(), [base()] * runs, asked)
    assert (made.width, made.way, made.seconds_per_step) == (width, way, {})


class FakeShared:
    """Two devices."""

    class mesh:
        class devices:
            size = 2


def measuring(monkeypatch, times):
    """Measurements that take these times, one MiB and a second of compiling."""

    def measure(shared, configs, width):
        return times[width > 1], 2.0**20, 1.0

    monkeypatch.setattr(train, "measure", measure)
