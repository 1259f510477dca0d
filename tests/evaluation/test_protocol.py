"""A number and its protocol stay together, in records and in tables."""

import dataclasses
import json

import pytest

from gan_jax.errors import WorkdirError
from gan_jax.evaluation import records as files
from gan_jax.evaluation.protocol import FIELDS, Protocol, differences, protocol_of
from gan_jax.evaluation.table import table
from gan_jax.metrics.metric import Value

PROTOCOL = Protocol(
    metric="frechet_lenet", options={"k": 3}, n_real=10, n_fake=20, dataset="mnist", split="test",
    reference_sha256="ab", resize="none", pixels="8 bit", extractor="lenet (mnist)", extractor_sha256="cd",
    parameters="ema", batch_norm="none", checkpoint="last",
)  # fmt: skip
ABOUT = {"by": "evaluate", "step": 7, "seed": 0, "repeats": 1}


def one(value=1.5, about=ABOUT, **changes):
    return files.make_records([(Value(value), dataclasses.replace(PROTOCOL, **changes))], about)[0]


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_is_part_of_the_protocol(field):
    old = getattr(PROTOCOL, field)
    new = {"k": 4} if isinstance(old, dict) else old + 1 if isinstance(old, int) else old + "x"
    other = dataclasses.replace(PROTOCOL, **{field: new})
    assert other.sha256() != PROTOCOL.sha256()
    assert differences({"a": PROTOCOL, "b": other}) == {field: {"a": old, "b": new}}


def test_a_record_holds_all_that_the_number_depends_on():
    record = one()
    assert protocol_of(record) == PROTOCOL
    assert set(FIELDS) | {
        "value",
        "spread",
        "spread_over",
        "by",
        "step",
        "seed",
        "repeats",
        "protocol",
        "versions",
    } == set(record)
    assert {"python", "jax", "jaxlib", "numpy"} <= set(record["versions"])
    assert one(2.0, {**ABOUT, "step": 8, "seed": 3, "repeats": 9})["protocol"] == record["protocol"]
    assert protocol_of(json.loads(json.dumps(record))).sha256() == record["protocol"]


def test_an_infinite_value_is_strict_json(tmp_path):
    files.append(tmp_path, [one(float("inf"))])
    json.loads((tmp_path / files.FILE).read_text(), parse_constant=pytest.fail)
    assert "inf" in table({"run": files.read(tmp_path)})


def test_records_are_appended_after_the_last_whole_line(tmp_path):
    assert files.read(tmp_path) == []
    files.append(tmp_path, [one(1.0), one(2.0)])
    with open(tmp_path / files.FILE, "a") as file:
        file.write('{"metric": "cut off by a ki')
    assert [r["value"] for r in files.read(tmp_path)] == [1.0, 2.0]
    files.append(tmp_path, [one(3.0)])
    assert [r["value"] for r in files.read(tmp_path)] == [1.0, 2.0, 3.0]
    assert [r["value"] for r in files.keep(tmp_path, lambda r: r["value"] != 2.0)] == [1.0, 3.0]
    assert [r["value"] for r in files.read(tmp_path)] == [1.0, 3.0]


@pytest.mark.parametrize("line", [b"", b"null", b"{}", b"[" * 100_000])
def test_a_line_that_is_no_record_is_named(tmp_path, line):
    files.append(tmp_path, [one(), one()])
    whole = (tmp_path / files.FILE).read_bytes()
    start = whole.index(b"\n") + 1
    (tmp_path / files.FILE).write_bytes(whole[:start] + line + b"\n" + whole[start:])
    with pytest.raises(WorkdirError, match=r"evaluation\.jsonl, line 2, cannot be read: "):
        files.read(tmp_path)


def test_a_folder_in_place_of_the_records(tmp_path):
    (tmp_path / files.FILE).mkdir()
    with pytest.raises(WorkdirError, match=r"evaluation\.jsonl cannot be read: Is a directory"):
        files.read(tmp_path)


def test_a_data_set_of_any_name_is_one_line_of_the_table():
    for text in (table({"a": [one(dataset="folder:new\nline")]}), table({"a": [one(dataset="folder:\udcff")]})):
        text.encode()
        assert len(text.splitlines()) == 4


def test_one_protocol_is_one_column():
    text = table({"a": [one(1.25)], "b": [one(2.5, {**ABOUT, "step": 9})]})
    assert text.splitlines()[0].split() == ["frechet_lenet"]
    assert [line.split() for line in text.splitlines()[1:3]] == [["a", "1.25"], ["b", "2.5"]]
    assert "not comparable" not in text
    assert PROTOCOL.sha256() in text
    assert "n_real 10" in text
    assert "dataset mnist" in text


def test_two_protocols_are_two_columns_and_say_so():
    text = table({"a": [one(1.25)], "b": [one(2.5, split="train", n_fake=5)]})
    head, a, b, *said = text.splitlines()
    assert head.split() == ["frechet_lenet", "[1]", "frechet_lenet", "[2]"]
    assert a.split() == ["a", "1.25", "-"]
    assert b.split() == ["b", "-", "2.5"]
    assert said[:3] == [
        "frechet_lenet: 2 protocols, not comparable with one another:",
        "  frechet_lenet [1]: n_fake 20, split test",
        "  frechet_lenet [2]: n_fake 5, split train",
    ]


def test_metrics_of_one_run_stand_beside_one_another():
    text = table({"a": [one(1.0), one(0.5, metric="kid_lenet")]})
    assert text.splitlines()[0].split() == ["frechet_lenet", "kid_lenet"]
    assert text.splitlines()[1].split() == ["a", "1", "0.5"]
