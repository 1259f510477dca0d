"""Sweeps over games: with other roles, with no use for some fields, with nothing to draw."""

import shlex

import pandas
import pytest
from support.commands import TINY
from support.sweeping import RATE, base, interrupted, merged, sweep_json, train_sweep

import gan_jax
from gan_jax.config import flatten, load_values, parse_config_flags
from gan_jax.errors import ConfigError
from gan_jax.reporting import paper, summary_of, write_figures, write_report
from gan_jax.reporting.commands import run_command
from gan_jax.sweeps import Sweep, grid, load, union, zipped
from gan_jax.sweeps.runs import expand, run_name

READING = "support.reading:build"
WIDTHS, OWN_RATE = "recognition.mlp.widths", "optimizer.recognition.learning_rate"
RATES = [1e-3, 2e-3, 3e-3]


def configs_of(space, config):
    return [config for _, config in expand(Sweep(space, seeds=1), config)]


def test_a_sweep_over_games_of_other_roles_trains_resumes_and_reports(tmp_path, monkeypatch):
    monkeypatch.setattr(paper, "DPI", 40)
    monkeypatch.setattr(paper, "pdf", lambda figure: b"")
    space = union(grid({"game.name": ["gan"], RATE: RATES}),
                  grid({"game.name": [READING], WIDTHS: [(4,)], OWN_RATE: RATES}))  # fmt: skip
    about = {"command": ["gan-jax", "sweep"], "config": f"{TINY}:ring", "overrides": merged()}
    with pytest.raises(KeyboardInterrupt):
        train_sweep(tmp_path, space, about=about, executor=interrupted(33))  # the second group, past its checkpoint
    assert train_sweep(tmp_path, space, about=about) == {"finished": 6}
    assert train_sweep(tmp_path, space, about=about) == {"finished": 6}

    stored = sweep_json(tmp_path)
    assert stored["fields"] == ["game.name", RATE, OWN_RATE]  # the width is the same wherever there is one
    assert [point[OWN_RATE] for point in stored["runs"].values()] == [None] * 3 + RATES
    frame = load(tmp_path).drop_duplicates("run")
    assert list(frame[OWN_RATE]) == [None] * 3 + RATES
    assert list(pandas.read_parquet(tmp_path / "results.parquet").drop_duplicates("run")[OWN_RATE].isna()) == (
        [True] * 3 + [False] * 3
    )
    assert frame["near_modes"].notna().tolist() == [True] * 3 + [False] * 3

    summary = summary_of(tmp_path)
    assert [one["point"][OWN_RATE] for one in summary["settings"]] == [None] * 3 + RATES
    assert {"recognition/loss", "generator/loss"} <= {one["name"] for one in summary["curves"]}
    page = write_report(tmp_path).read_text()
    assert "game=support.reading:build" in page
    names = {path.name for path in write_figures(tmp_path)}
    assert {"curves_recognition_loss.png", "curves_generator_loss.png"} <= names
    for name in stored["runs"]:  # the page's commands repeat each run
        config, _ = parse_config_flags([shlex.split(word)[0] for word in run_command(summary, name)[2:]])
        assert config == gan_jax.load_run(tmp_path / "runs" / name).config
        assert run_name(config) == name


def test_what_a_game_has_no_use_for_is_left_out_of_its_runs_and_of_their_names():
    config = base("loss.name=hinge", "sample_statistics=batch")
    gan, reading = configs_of(zipped({"game.name": ["gan", READING], WIDTHS: [(4,), (4,)]}), config)
    assert gan == config
    assert reading == load_values({
        "game.name": READING, WIDTHS: (4,),
        **{field: flatten(config)[field] for field in ("data.name", "batch_size", "steps", "log_every", "sample_every",
           "sample_count", "checkpoint_every", "ema.decay", "health.samples", "steps_per_call")},
    })  # fmt: skip
    (other,) = configs_of(grid({"game.name": ["gan"]}), load_values({"game.name": READING}))
    assert other == load_values({})  # the base's own roles go with its game
    own = load_values({"game.name": READING, "game.options": {"target": 2.0}})
    assert [c.game.options.to_dict() for c in configs_of(grid({"game.name": [READING, "gan"]}), own)] == [
        {"target": 2.0}, {},
    ]  # fmt: skip


def test_a_game_with_nothing_to_draw_is_not_evaluated_and_says_so_at_once(tmp_path):
    config = load_values({"data.name": "ring", "game.name": READING, "steps": 4, "evaluation.metrics": ("modes",),
                          "evaluation.every": 2})  # fmt: skip
    with pytest.raises(ConfigError, match="nothing to draw"):
        train_sweep(tmp_path / "run", {OWN_RATE: RATES}, config=config)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("space", "fields", "says"),
    [
        (grid({"game.name": ["gan", READING], WIDTHS: [(4,), (8,)]}), {},
         f"points 1 and 2 of the sweep give the same configuration: game.name='gan', {WIDTHS}=(8,), where {WIDTHS} has "
         "no effect; allowed: each once"),
        (union(grid({"game.name": [READING]}), grid({"game.name": ["gan"], WIDTHS: [(4,)]})), {},
         f"{WIDTHS}=(4,) has no effect: it is no field of game.name='gan'; allowed: with a game that has it"),
        (grid({"game.name": ["gan", "conditional"]}), {"game.name": READING, WIDTHS: (4,)},
         f"{WIDTHS}=(4,) has no effect: it is no field of game.name='gan' or 'conditional'"),
        (grid({"game.name": ["gan", READING], WIDTHS: [(4,)], "recognition.name": ["maxout"]}), {},
         f"{WIDTHS}=(4,) has no effect: recognition.name='maxout' reads recognition.maxout."),
        (grid({"game.name": ["gan"]}), {"game.name": READING, "game.options": {"target": 2.0}},
         "game.options={'target': 2.0} has no effect: every point replaces game.name"),
    ],
)  # fmt: skip
def test_a_field_without_an_effect_in_any_run_is_refused(space, fields, says):
    with pytest.raises(ConfigError) as refused:
        configs_of(space, load_values({"data.name": "ring", **fields}))
    assert str(refused.value).startswith(says)
    assert "\n" not in str(refused.value)
