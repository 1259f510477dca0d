"""Successive halving: at each rung the best settings go on with all their seeds, and train as they would without it."""

import json
import math
import shutil

import numpy as np
import pytest
from PIL import Image
from support.commands import checkpoints, records, result
from support.sweeping import (
    RATE,
    assert_same_params,
    base,
    digests,
    folders,
    groups,
    interrupted,
    statuses,
    stored,
    sweep_json,
    train_sweep,
)

from gan_jax.errors import ConfigError
from gan_jax.evaluation import records as evaluations
from gan_jax.sweeps import load
from gan_jax.sweeps.halving import ranking, rungs, scores
from gan_jax.sweeps.layout import lay_out, run_folder
from gan_jax.sweeps.space import grid
from gan_jax.sweeps.sweep import Halving, Sweep

METRIC = "mode_reverse_kl"  # lower is better
RATES = {RATE: [1e-2, 1e-3, 5e-3, 3e-3]}
HALVING = Halving(first=5, factor=2)
SEEDS = (0, 1, 2)
OPTIONS = {"seeds": 3, "metric": METRIC, "halving": HALVING}


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    """Four settings with three seeds each; rungs at steps 5 and 10, the end at 20."""
    workdir = tmp_path_factory.mktemp("halving") / "halved"
    assert train_sweep(workdir, RATES, **OPTIONS) == {"finished": 3, "eliminated": 9}
    return workdir


def value_at(run, step):
    """The run's value at a step, read from the file itself."""
    (value,) = [
        float(record["value"])
        for record in map(json.loads, (run / "evaluation.jsonl").read_text().splitlines())
        if record["metric"] == METRIC and record["step"] == step
    ]
    return value


def by_hand(workdir):
    """{rung: rates that go on, the best first}, from the runs' evaluation.jsonl alone."""
    left, found = list(RATES[RATE]), {}
    for step, keep in ((5, 2), (10, 1)):
        means = {rate: sum(value_at(folders(workdir)[rate, seed], step) for seed in SEEDS) / 3 for rate in left}
        left = sorted(left, key=means.get)[:keep]
        found[step] = left
    return found


def test_the_settings_that_go_on_are_the_best_of_each_rung(halved):
    expected = by_hand(halved)
    assert len(expected[5]) == 2
    ends = {
        (rate, seed): 20 if rate in expected[10] else 10 if rate in expected[5] else 5
        for rate in RATES[RATE]
        for seed in SEEDS
    }
    assert {point: result(run)["step"] for point, run in folders(halved).items()} == ends
    assert statuses(halved) == {p: "finished" if end == 20 else "eliminated" for p, end in ends.items()}


def test_whole_settings_go_on_or_end(halved):
    for rate in RATES[RATE]:
        assert len({statuses(halved)[rate, seed] for seed in SEEDS}) == 1


def test_eliminated_runs_say_why_and_stay_as_they_were(halved):
    places = set()
    for run in folders(halved).values():
        ended = result(run)
        step, rows = ended["step"], records(run)
        assert [row["step"] for row in rows] == list(range(5, step + 1, 5))  # each once
        assert checkpoints(run)[-1] == step
        assert [r["step"] for r in evaluations.read(run) if r["metric"] == METRIC] == [
            s for s in (5, 10, 20) if s <= step
        ]
        if ended["status"] == "eliminated":
            of = {5: 4, 10: 2}[step]
            place = int(ended["reason"].split("place ")[1].split(" of")[0])
            places.add((step, place))
            assert ended["reason"].startswith(f"{METRIC} ")
            assert ended["reason"].endswith(f" at step {step}, place {place} of {of} settings; {of // 2} went on")
        else:
            assert ended["reason"] == ""
    assert places == {(5, 3), (5, 4), (10, 2)}
    assert stored(folders(halved)[by_hand(halved)[5][1], 0])["step"] == 10


def test_survivors_train_as_they_would_without_halving(halved, tmp_path):
    (best,) = by_hand(halved)[10]
    assert train_sweep(tmp_path / "whole", {RATE: [best]}, seeds=3) == {"finished": 3}
    for (seed,), run in folders(tmp_path / "whole").items():
        mine = folders(halved)[best, seed]
        assert mine.name == run.name
        assert_same_params(mine, run)
        for a, b in zip(records(mine), records(run), strict=True):
            assert a["step"] == b["step"]
            assert a["generator/loss"] == pytest.approx(b["generator/loss"], rel=1e-5)
        assert value_at(mine, 20) == pytest.approx(value_at(run, 20), rel=0.1)


def test_each_rung_is_a_group_of_its_own(halved):
    spans = sorted((g["begin"], g["until"], len(g["runs"]), ended["status"]) for g, ended in groups(halved).values())
    assert spans == [(0, 5, 12, "done"), (5, 10, 6, "done"), (10, 20, 3, "done")]
    assert sweep_json(halved)["halving"] == {"first": 5, "factor": 2, "metric": ""}


def test_the_table_has_every_run_at_its_last_step(halved):
    frame = load(halved)
    last = frame[frame["last"]]
    assert len(last) == 12
    assert sorted(last["step"]) == [5] * 6 + [10] * 3 + [20] * 3
    assert set(last["steps"]) == {20}


def test_the_same_command_again_does_nothing(halved):
    before = {run: (run / "result.json").stat().st_mtime_ns for run in folders(halved).values()}
    assert train_sweep(halved, RATES, **OPTIONS) == {"finished": 3, "eliminated": 9}
    assert {run: (run / "result.json").stat().st_mtime_ns for run in before} == before


@pytest.mark.slow
def test_stopped_between_rungs_and_continued_it_chooses_and_ends_alike(halved, tmp_path):
    # Twelve runs, three at once: the first rung is four times five calls, the 22nd is of the second.
    with pytest.raises(KeyboardInterrupt):
        train_sweep(tmp_path, RATES, executor=interrupted(22), **OPTIONS)
    there = statuses(tmp_path)
    assert sorted(there.values()) == ["eliminated"] * 6 + ["paused"] * 6
    assert len(groups(tmp_path)) == 2
    assert train_sweep(tmp_path, RATES, **OPTIONS) == {"finished": 3, "eliminated": 9}
    assert statuses(tmp_path) == statuses(halved)
    assert digests(tmp_path) == digests(halved)
    for run in folders(tmp_path).values():
        assert [row["step"] for row in records(run)] == list(range(5, result(run)["step"] + 1, 5))


@pytest.mark.slow
def test_settings_that_come_later_end_nobody_who_went_on(halved, tmp_path):
    workdir = shutil.copytree(halved, tmp_path / "copy")
    before = {point: (status, digests(halved)[point]) for point, status in statuses(halved).items()}
    more = {RATE: [*RATES[RATE], 1e-4, 2e-4]}
    train_sweep(workdir, more, **OPTIONS)
    after = statuses(workdir)
    assert set(after) == {(rate, seed) for rate in more[RATE] for seed in SEEDS}
    for point, (status, digest) in before.items():
        assert (after[point], digests(workdir)[point]) == (status, digest)
    assert {after[rate, seed] for rate in (1e-4, 2e-4) for seed in SEEDS} <= {"finished", "eliminated"}


@pytest.mark.slow
def test_settings_that_come_later_end_nobody_who_is_on_the_way(tmp_path):
    with pytest.raises(KeyboardInterrupt):  # in the second rung, with a group there
        train_sweep(tmp_path, {RATE: [1e-2, 2e-2]}, executor=interrupted(12), **OPTIONS)
    (climbing,) = {rate for (rate, _), status in statuses(tmp_path).items() if status == "paused"}
    rates = [1e-2, 2e-2, 3e-3, 4e-3, 5e-3]  # the last three are better at the first rung
    train_sweep(tmp_path, {RATE: rates}, **OPTIONS)
    means = {rate: sum(value_at(folders(tmp_path)[rate, seed], 5) for seed in SEEDS) for rate in rates}
    assert sorted(rates, key=means.get).index(climbing) == 3  # of which only three go on
    assert {result(folders(tmp_path)[climbing, seed])["step"] for seed in SEEDS} == {10}


@pytest.mark.slow
def test_nobody_waiting_for_others_it_is_the_same_where_groups_end_together(halved, tmp_path):
    assert train_sweep(tmp_path, RATES, asynchronous=True, **OPTIONS) == {"finished": 3, "eliminated": 9}
    assert statuses(tmp_path) == statuses(halved)
    assert digests(tmp_path) == digests(halved)
    before = {run: (run / "result.json").stat().st_mtime_ns for run in folders(tmp_path).values()}
    assert train_sweep(tmp_path, RATES, asynchronous=True, **OPTIONS) == {"finished": 3, "eliminated": 9}
    assert {run: (run / "result.json").stat().st_mtime_ns for run in before} == before


# By the rules alone.


def laid_out(workdir, values, seeds=1, **options):
    wanted = Sweep(grid(values), seeds=seeds, **{"metric": METRIC, "halving": HALVING, **options})
    return lay_out(wanted, base(), workdir)


@pytest.mark.parametrize(
    ("first", "factor", "expected"),
    [(5, 2, [5, 10]), (5, 3, [5, 15]), (1, 2, [1, 2, 4, 8, 16]), (10, 2, [10]), (19, 5, [19]), (6, 4, [6])],
)
def test_rungs_grow_by_the_factor_up_to_the_last_step(tmp_path, first, factor, expected):
    assert rungs(laid_out(tmp_path, {RATE: [1e-3]}, halving=Halving(first=first, factor=factor))) == expected


def test_without_halving_there_is_one_stretch(tmp_path):
    assert rungs(laid_out(tmp_path, {RATE: [1e-3]}, halving=None)) == []


def write_values(workdir, values, metric=METRIC, **about):
    """{run: value} as records of an evaluation at step 5."""
    for run, value in values.items():
        folder = run_folder(workdir, run)
        folder.mkdir(parents=True, exist_ok=True)
        record = {"step": 5, "metric": metric, "by": "train", "value": value, **about}
        with open(folder / "evaluation.jsonl", "a") as file:
            file.write(json.dumps(record) + "\n")


def test_values_of_other_steps_metrics_and_commands_do_not_count(tmp_path):
    write_values(tmp_path, {"a": 1.0})
    write_values(tmp_path, {"a": 2.0}, by="evaluate")
    write_values(tmp_path, {"a": 3.0}, step=10)
    write_values(tmp_path, {"a": 4.0}, metric="near_modes")
    assert scores(laid_out(tmp_path, {}), ["a"], 5) == {"a": 1.0}


@pytest.mark.parametrize(("metric", "worst"), [(METRIC, math.inf), ("near_modes", -math.inf)])
def test_no_number_is_infinitely_bad(tmp_path, metric, worst):
    write_values(tmp_path, {"a": 1.0, "b": "nan", "c": "inf"}, metric=metric)
    assert scores(laid_out(tmp_path, {}, metric=metric), ["a", "b", "c", "d"], 5) == {
        "a": 1.0,
        "b": worst,
        "c": math.inf,
        "d": worst,
    }


@pytest.mark.parametrize(("metric", "order"), [(METRIC, [0, 2, 1]), ("near_modes", [1, 2, 0])])
def test_settings_are_ranked_by_their_mean_over_seeds(tmp_path, metric, order):
    layout = laid_out(tmp_path, {RATE: [1e-3, 2e-3, 3e-3]}, 2, metric=metric)
    names = list(layout.runs)
    write_values(tmp_path, dict(zip(names, [0.0, 1.0, 9.0, 5.0, 2.0, 4.0], strict=True)), metric=metric)
    ranked = ranking(layout, names, 5)
    settings = [names[0:2], names[2:4], names[4:6]]
    assert [own for own, _ in ranked] == [settings[place] for place in order]
    assert sorted(mean for _, mean in ranked) == [0.5, 3.0, 7.0]


def test_a_setting_that_lost_a_seed_is_the_last(tmp_path):
    layout = laid_out(tmp_path, {RATE: [1e-3, 2e-3]}, 2)
    names = list(layout.runs)
    write_values(tmp_path, {names[0]: 0.0, names[2]: 100.0, names[3]: 100.0})  # the second seed of the first has none
    assert [own for own, _ in ranking(layout, names, 5)] == [names[2:], names[:2]]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (("evaluation.every=0",), f"halving.metric='{METRIC}' is not measured; allowed: a value of evaluation.metrics"),
        (
            ("evaluation.metrics=('grid_divergence',)",),
            "is not measured; allowed: a value of evaluation.metrics=('grid",
        ),
    ],
)
def test_a_metric_that_is_not_measured_is_refused(tmp_path, fields, says):
    with pytest.raises(ConfigError, match="not measured") as caught:
        train_sweep(tmp_path / "sweep", RATES, *fields, **OPTIONS)
    assert says in str(caught.value)
    assert not (tmp_path / "sweep").exists()


def test_streamed_data_are_refused(tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(4):
        Image.fromarray(np.full((8, 8), 60 * i, np.uint8)).save(tmp_path / "images" / f"{i}.png")
    fields = (f"data.name=folder:{tmp_path / 'images'}", "data.folder.memory_limit_mb=0")
    metrics = ("evaluation.metrics=('sliced_wasserstein_pixels',)", "evaluation.split=train")
    config = base(*fields, *metrics, variant="digits")
    options = {"metric": "sliced_wasserstein_pixels", "halving": HALVING}
    with pytest.raises(ConfigError, match=r"which is streamed: .* allowed: halving=None, or data that fits in memory"):
        train_sweep(tmp_path / "sweep", RATES, config=config, **options)
    assert not (tmp_path / "sweep").exists()
