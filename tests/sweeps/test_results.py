"""The table of a sweep: a row for each run and evaluation, columns in their order, the same in memory and in files."""

import json
import math
import shutil

import pandas
import pytest
from support.commands import records, result
from support.sweeping import RATE, base, folders, groups, sweep_json, train_sweep

from gan_jax.errors import WorkdirError
from gan_jax.evaluation import records as evaluations
from gan_jax.fields import all_fields
from gan_jax.metrics.table import values_of
from gan_jax.sweeps import load
from gan_jax.sweeps.table import write_results

HEAD = ["run", "group", "status", "reason", "health", "step", "steps", "last", "seconds", "by"]
OTHERS = [
    "batch_size", "steps_per_call", "latent_dim", "data.name", "generator.mlp.widths", "generator.mlp.output",
    "discriminator.mlp.widths", "penalties.lecam.weight", "ema.decay", "optimizer.discriminator.learning_rate",
    "log_every", "sample_every", "sample_count", "checkpoint_every", "health.samples", "evaluation.metrics",
    "evaluation.every", "evaluation.num",
]  # fmt: skip
MODES = list(values_of("modes"))
RATES = {RATE: [1e-3, 2e-3, 3e-3]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Three runs, each measured at steps 10 and 20."""
    workdir = tmp_path_factory.mktemp("results") / "sweep"
    assert train_sweep(workdir, RATES, metric="near_modes", question="How fast?") == {"finished": 3}
    return workdir


@pytest.fixture
def copy(trained, tmp_path):
    """A copy, to be changed."""
    return shutil.copytree(trained, tmp_path / "copy")


def folder(workdir, rate=1e-3):
    return folders(workdir)[rate, 0]


def rows_of(frame, run):
    return frame[frame["run"] == run.name].to_dict("records")


def test_sweep_json_says_what_was_asked(trained):
    laid_out = sweep_json(trained)
    assert (laid_out["question"], laid_out["metric"]) == ("How fast?", "near_modes")
    assert laid_out["fields"] == [RATE]
    assert laid_out["seeds"] == [0]
    assert list(laid_out["runs"].values()) == [{RATE: rate, "seed": 0} for rate in RATES[RATE]]
    assert laid_out["halving"] is None
    assert laid_out["base"]["batch_size"] == 32
    assert {"jax", "gan_jax", "python"} <= set(laid_out["versions"])


def test_columns_are_those_of_the_contract_in_their_order(trained):
    frame = load(trained)
    fields = list(all_fields())
    others = sorted(OTHERS, key=fields.index)
    names = [column for name in MODES for column in (name, f"{name}:protocol")]
    measured = [name for name in records(folder(trained))[0] if "/" in name]
    assert list(frame.columns) == [*HEAD, RATE, "seed", *others, *names, *sorted(f"train:{name}" for name in measured)]
    assert frame.attrs == {"fields": [RATE], "metric": "near_modes", "better": {}}


def test_a_row_is_an_evaluation_with_the_record_of_its_step(trained):
    frame = load(trained)
    assert len(frame) == 3 * 2
    assert list(frame["run"]) == [run.name for run in folders(trained).values() for _ in range(2)]
    ((group, _),) = groups(trained).items()
    for (rate, seed), run in folders(trained).items():
        own, ended = rows_of(frame, run), result(run)
        assert [row["step"] for row in own] == [10, 20]
        assert [row["last"] for row in own] == [False, True]
        for row in own:
            assert (row[RATE], row["seed"], row["steps"], row["by"]) == (rate, seed, 20, "train")
            assert (row["group"], row["status"], row["reason"], row["health"]) == (group, "finished", "", "")
            assert row["seconds"] == ended["seconds"]
            found = {r["metric"]: r for r in evaluations.read(run) if r["step"] == row["step"]}
            assert {name: row[name] for name in MODES} == {name: float(found[name]["value"]) for name in MODES}
            assert all(row[f"{name}:protocol"] == found[name]["protocol"] for name in MODES)
            (record,) = [r for r in records(run) if r["step"] == row["step"]]
            assert row["train:generator/loss"] == record["generator/loss"]


def test_types_are_those_of_the_contract(trained):
    frame = load(trained)
    assert frame["last"].dtype == bool
    assert frame["step"].dtype == frame["seed"].dtype == "int64"
    for name in ("seconds", RATE, "near_modes", "train:generator/loss"):
        assert frame[name].dtype == "float64", name
    assert set(frame["generator.mlp.widths"]) == {(16,)}
    assert set(frame["evaluation.metrics"]) == {("modes",)}


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_files_hold_the_same_table(trained, suffix):
    frame = load(trained)
    path = trained / f"results.{suffix}"
    if suffix == "parquet":
        found = pandas.read_parquet(path)
    else:
        found = pandas.read_csv(path, keep_default_na=False, na_values={n: [""] for n in frame.columns if n in MODES})
    expected = frame.copy()
    for name in ("generator.mlp.widths", "discriminator.mlp.widths", "evaluation.metrics"):
        expected[name] = [json.dumps(value) for value in expected[name]]
    pandas.testing.assert_frame_equal(found, expected, check_dtype=suffix == "parquet", check_exact=True)
    assert not list(trained.glob(".results*"))


def test_the_table_is_made_anew_from_the_records(copy):
    before = load(copy)
    for suffix in ("parquet", "csv"):
        (copy / f"results.{suffix}").unlink()
    write_results(copy)
    pandas.testing.assert_frame_equal(load(copy), before)
    assert {path.name for path in copy.glob("results.*")} == {"results.parquet", "results.csv"}


def measured_again(run, *, protocol=None, value=0.25, **changed):
    """Another record of one metric at the last step."""
    record = next(r for r in evaluations.read(run) if r["metric"] == "near_modes" and r["step"] == 20)
    evaluations.append(run, [{**record, **({"protocol": protocol} if protocol else {}), "value": value, **changed}])


def test_another_protocol_of_a_metric_is_a_row_of_its_own(copy):
    run = folder(copy)
    measured_again(run, protocol="another", value=0.25)
    own = rows_of(load(copy), run)
    assert [row["step"] for row in own] == [10, 20, 20]
    first, second = own[1:]
    assert first["near_modes:protocol"] != "another" == second["near_modes:protocol"]
    assert second["near_modes"] == 0.25
    assert math.isnan(second["modes_captured"])
    assert second["modes_captured:protocol"] == ""
    assert first["last"]
    assert second["last"]
    assert second["train:generator/loss"] == first["train:generator/loss"]


def test_the_later_of_two_equal_measurements_counts(copy):
    run = folder(copy)
    measured_again(run, value=0.25)
    own = rows_of(load(copy), run)
    assert [row["near_modes"] for row in own][1:] == [0.25]


def test_evaluations_by_command_and_by_another_seed_are_rows_of_their_own(copy):
    run = folder(copy)
    measured_again(run, value=0.25, by="evaluate")
    measured_again(run, value=0.5, by="evaluate", seed=3)
    own = [row for row in rows_of(load(copy), run) if row["step"] == 20]
    assert [(row["by"], row["near_modes"]) for row in own][:2] == [("evaluate", 0.25), ("evaluate", 0.5)]
    assert own[2]["by"] == "train"
    assert all(row["last"] for row in own)


def test_infinite_values_stay_infinite(copy):
    run = folder(copy)
    measured_again(run, value="inf")
    assert rows_of(load(copy), run)[1]["near_modes"] == math.inf
    write_results(copy)
    assert math.isinf(pandas.read_parquet(copy / "results.parquet")["near_modes"].max())
    assert math.isinf(pandas.read_csv(copy / "results.csv")["near_modes"].max())


def test_a_run_without_evaluation_is_one_row(copy):
    run = folder(copy, 2e-3)
    (run / "evaluation.jsonl").unlink()
    (row,) = rows_of(load(copy), run)
    assert (row["step"], row["last"], row["by"], row["status"]) == (20, True, "", "finished")
    assert all(math.isnan(row[name]) and row[f"{name}:protocol"] == "" for name in MODES)
    assert row["train:generator/loss"] == records(run)[-1]["generator/loss"]


def test_no_metric_at_all_leaves_no_column_of_one(copy):
    for run in folders(copy).values():
        (run / "evaluation.jsonl").unlink()
    frame = load(copy)
    assert len(frame) == 3
    assert not [name for name in frame.columns if name.endswith(":protocol")]
    write_results(copy)
    assert len(pandas.read_csv(copy / "results.csv")) == 3


def test_a_run_that_is_missing_is_one_row_with_its_settings(copy):
    run = folder(copy, 3e-3)
    shutil.rmtree(run)
    (row,) = rows_of(load(copy), run)
    assert (row["status"], row["step"], row["last"], row["by"], row["seconds"]) == ("missing", 0, True, "", 0.0)
    assert (row[RATE], row["seed"], row["batch_size"], row["steps"]) == (3e-3, 0, 32, 20)
    assert math.isnan(row["train:generator/loss"])
    write_results(copy)


def test_a_run_that_is_under_way_shows_how_far_it_is(copy):
    run = folder(copy)
    (run / "result.json").unlink()
    path = run / "metrics.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]) + '{"step": 20, "cut')
    own = rows_of(load(copy), run)
    assert {row["status"] for row in own} == {"running"}
    assert own[0]["seconds"] == records(run)[2]["seconds"]


def test_ended_runs_say_why_and_what_ails_them(copy):
    path = folder(copy) / "result.json"
    ill = [{"name": name, "since": 1, "evidence": "", "hopeless": True} for name in ("diverging", "collapsed")]
    path.write_text(json.dumps({**json.loads(path.read_text()), "status": "stopped", "reason": "why", "health": ill}))
    own = rows_of(load(copy), folder(copy))
    assert {(row["status"], row["reason"], row["health"]) for row in own} == {("stopped", "why", "diverging,collapsed")}


def test_no_sweep_is_no_table(tmp_path):
    with pytest.raises(WorkdirError, match=r"holds no sweep: there is no sweep\.json"):
        load(tmp_path)


# A sweep that is changed.


def nothing(job):
    """An executor that trains nothing."""


def test_another_base_adds_the_field_that_differs(copy):
    before = sweep_json(copy)
    changed = base("optimizer.discriminator.learning_rate=5e-3")
    train_sweep(
        copy, {RATE: [1e-3]}, config=changed, executor=nothing, metric="near_modes", about={"command": ["again"]}
    )
    laid_out = sweep_json(copy)
    assert laid_out["fields"] == [RATE, "optimizer.discriminator.learning_rate"]
    assert len(laid_out["runs"]) == 4
    assert set(before["runs"]) < set(laid_out["runs"])
    for point in laid_out["runs"].values():
        assert list(point) == [RATE, "optimizer.discriminator.learning_rate", "seed"]
    rates = [point["optimizer.discriminator.learning_rate"] for point in laid_out["runs"].values()]
    assert sorted(rates) == [1e-3, 1e-3, 1e-3, 5e-3]
    assert laid_out["base"]["optimizer"]["discriminator"]["learning_rate"] == 5e-3
    assert laid_out["commands"] == [[], ["again"]]
    frame = load(copy)
    assert list(frame.columns)[len(HEAD) : len(HEAD) + 3] == [RATE, "optimizer.discriminator.learning_rate", "seed"]
    assert sorted(frame["status"].value_counts().to_dict().items()) == [("finished", 6), ("missing", 1)]


def test_another_field_and_more_seeds_keep_what_is_there(copy):
    space = {RATE: [1e-3, 2e-3], "batch_size": [32, 64]}
    train_sweep(copy, space, seeds=2, executor=nothing)
    laid_out = sweep_json(copy)
    assert laid_out["fields"] == [RATE, "batch_size"]
    assert laid_out["seeds"] == [0, 1]
    assert len(laid_out["runs"]) == 3 + 8 - 2
    assert sum(load(copy)["status"] == "finished") == 6
    train_sweep(copy, RATES, executor=nothing)  # fewer again: nothing is forgotten
    assert set(sweep_json(copy)["runs"]) == set(laid_out["runs"])


def test_other_evaluations_are_the_same_runs(copy):
    before = set(sweep_json(copy)["runs"])
    assert train_sweep(copy, RATES, "evaluation.every=5", executor=nothing) == {"finished": 3}
    assert set(sweep_json(copy)["runs"]) == before
    assert sweep_json(copy)["fields"] == [RATE]


def test_a_run_whose_folder_was_deleted_is_forgotten_unless_it_is_asked_for(copy):
    shutil.rmtree(folder(copy, 3e-3))
    train_sweep(copy, {RATE: [1e-3, 2e-3]}, executor=nothing)
    assert [rate for rate, _ in folders(copy)] == [1e-3, 2e-3]
    assert set(load(copy)["status"]) == {"finished"}
    assert train_sweep(copy, RATES, executor=nothing) == {"finished": 2, "missing": 1}
