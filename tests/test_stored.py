"""Damaged records of runs and sweeps: one line that names the file, and nothing written."""

import json
import re

import pytest
from support import made_sweeps
from support.commands import contents, refused

from gan_jax import stored
from gan_jax.config import from_json, load_values, to_json
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.stored import current
from gan_jax.sweeps.layout import NEEDED, read_sweep
from gan_jax.sweeps.runs import run_name
from gan_jax.sweeps.space import random, uniform

DAMAGES = {
    "empty": (b"", "Expecting value"),
    "cut": (b'{"a": 1, "st', "Unterminated string"),
    "no JSON": (b"not at all\n", "Expecting value"),
    "a list": (b"[1, 2]\n", "it holds list, not an object"),
    "a number": (b"3\n", "it holds int, not an object"),
    "no UTF-8": (b"\xff\xfe\x00\x80\n", "can't decode byte 0xff"),
    "another object": (b'{"a": 1}\n', "it has no 'b'"),
    "a folder": (None, "Is a directory"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damages(damage, tmp_path):
    path, (content, says) = tmp_path / "file", DAMAGES[damage]
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(WorkdirError, match=f"^{re.escape(str(path))} cannot be read: .*{re.escape(says)}"):
        stored.read_object(path, ("b",))
    if damage in ("empty", "cut"):
        assert stored.read_lines(path) == []  # a kill may leave an unfinished line
    else:
        with pytest.raises(WorkdirError, match=f"^{re.escape(str(path))}(, line 1,)? cannot be read: .*{says}"):
            stored.read_lines(path, ("b",))


def test_lines(tmp_path):
    path = tmp_path / "file"
    assert stored.read_lines(path) == []
    assert stored.read_object(path) is None
    path.write_text('{"a": 1}\n{"a": "\u00e9"}\n{"a"', encoding="utf-8")
    assert stored.read_lines(path, "a") == [{"a": 1}, {"a": "\u00e9"}]
    path.write_text('{"a": 1}\n{"b": 2}\n')
    with pytest.raises(WorkdirError, match="file, line 2, cannot be read: it has no 'a'"):
        stored.read_lines(path, "a")


def test_a_stored_configuration_of_another_form():
    for text, says in (("[1]", "holds list, not an object"), ("3", "holds int"), ("{", "is not JSON")):
        with pytest.raises(ConfigError, match=f"the stored configuration {says}"):
            from_json(text)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A sweep of one run."""
    return made_sweeps.make(
        tmp_path_factory.mktemp("sweep"), {"loss.name": ["hinge"]}, seeds=1, steps=200, evaluate_every=200, grids=0
    )


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("sweep.json", "{}", "it has no 'question'"),
        ("groups/*/group.json", "{}", "it has no 'runs'"),
        (
            "groups/*/group.json",
            '{"runs": [], "begin": 0, "until": 1, "more": 1}',
            "unexpected keyword argument 'more'",
        ),
        ("groups/*/result.json", "[]", "it holds list"),
        ("runs/*/config.json", "[]", "it holds list"),
        ("runs/*/result.json", "{}", "it has no 'status'"),
        ("runs/*/environment.json", "3", "it holds int"),
        ("runs/*/metrics.jsonl", "{}\n", "line 1, cannot be read: it has no 'step'"),
        ("runs/*/evaluation.jsonl", '{"metric": "a"}\n', "line 1, cannot be read: it has no 'step'"),
    ],
)
def test_a_report_of_damaged_records(sweep, name, content, says):
    (path,) = sweep.glob(name)
    whole, before = path.read_bytes(), sorted(contents(sweep))
    path.write_text(content)
    line = refused("report", f"--workdir={sweep}", status=1)
    path.write_bytes(whole)
    assert str(path) in line
    assert says in line
    assert {*contents(sweep)} - {*before} <= {"results.csv", "results.parquet"}


def test_what_was_stored_under_a_sections_first_name_is_read_by_its_present_one(tmp_path):
    """The rule of a run was once ``update``. Names and draws of a sweep are those of the version that began it."""
    values = {"rule.name": "consensus", "rule.consensus.weight": 0.25, "seed": 3}
    stored = {("update" if name == "rule" else name): value for name, value in load_values(values).to_dict().items()}
    assert from_json(json.dumps(stored)) == load_values(values)
    (tmp_path / "sweep.json").write_text(json.dumps({
        **dict.fromkeys(NEEDED), "base": stored, "fields": ["update.consensus.weight", "loss.name"],
        "overrides": ["update.name=consensus"], "runs": {"a0c7f21680": {"update.consensus.weight": 0.25, "seed": 3}},
        "commands": [["gan-jax", "sweep", "--config.update.name=consensus"]],
    }))  # fmt: skip
    sweep = read_sweep(tmp_path)
    assert sweep["base"] == json.loads(to_json(load_values(values)))
    assert sweep["fields"] == ["rule.consensus.weight", "loss.name"]
    assert sweep["runs"] == {"a0c7f21680": {"rule.consensus.weight": 0.25, "seed": 3}}
    assert sweep["commands"][0][-1] == "--config.rule.name=consensus"
    assert sweep["overrides"] == ["rule.name=consensus"]
    assert run_name(load_values(values)) == "a0c7f21680"
    points = random(3, {"rule.consensus.weight": uniform(0, 1)}, seed=1).points
    assert points[2] == {"rule.consensus.weight": 0.025436256364912535}
    own = {"loss": {"name": "update.losses:hinge"}, "init_from": "update.runs"}  # a user's module and folder
    assert current(own) == own
