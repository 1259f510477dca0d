"""A work directory in which something would be lost, or another run would go on, is refused before anything changes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.commands import TINY, contents, here, image_run, refused, result, tiny_run, train_flags

from gan_jax import data, load_config, load_run
from gan_jax.build import build_source
from gan_jax.config import load_values
from gan_jax.errors import ConfigError
from gan_jax.training.checks import check_data, check_workdir, stored_source, write_data

DRAWN = ["samples/40.png", "best/7/state", "checkpoints/20/state", "events.out.tfevents.1.host", "metrics.jsonl"]


@pytest.fixture
def copy(tmp_path_factory, tmp_path):
    """A copy of the finished run."""
    return shutil.copytree(tiny_run(tmp_path_factory), tmp_path / "copy")


def lines(workdir, *fields):
    config = load_config(TINY, fields)
    return check_workdir(workdir, config, build_source(config))


@pytest.mark.parametrize("name", [*DRAWN, "evaluation.jsonl", "result.json", "environment.json"])
def test_what_lies_in_a_directory_that_holds_no_run_is_not_overwritten(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(ConfigError, match=f"no config.json .*, but {name.split('/')[0]}.*another --workdir"):
        lines(tmp_path)


def test_other_files_do_not_matter(tmp_path):
    for name in ("notes.txt", "samples/mine.png", "checkpoints/readme"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    assert lines(tmp_path) == []


def test_the_command_says_it_and_leaves_everything(tmp_path):
    (tmp_path / "result.json").write_text("mine")
    line = refused(*train_flags(tmp_path))
    assert "result.json, which training would overwrite" in line
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "result.json"]


def test_a_run_whose_checkpoints_were_moved_away_does_not_begin_again(copy):
    shutil.rmtree(copy / "checkpoints")
    before = contents(copy)
    with pytest.raises(ConfigError, match=r"up to step 60 and no checkpoint .* drop them; allowed: its check"):
        lines(copy)
    (copy / "result.json").unlink()  # killed after its sixth checkpoint
    with pytest.raises(ConfigError, match="records up to step 60"):
        lines(copy)
    del before[next(name for name in before if str(name).endswith("result.json"))]
    assert contents(copy) == before


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again_and_says_so(copy):
    shutil.rmtree(copy / "checkpoints")
    (copy / "result.json").unlink()
    kept = [line for line in (copy / "metrics.jsonl").read_text().splitlines() if json.loads(line)["step"] < 20]
    (copy / "metrics.jsonl").write_text("\n".join(kept) + "\n")
    assert lines(copy) == [f"{copy} holds no checkpoint yet: begins again at step 0, without its records up to step 15"]


def test_a_longer_run_says_what_follows_its_length(copy):
    assert lines(copy) == []
    assert lines(copy, "steps=80") == []
    stored = json.loads((copy / "config.json").read_text())
    stored["optimizer"]["generator"]["schedule"] = "linear"
    stored["instance_noise"]["std"] = 0.1
    (copy / "config.json").write_text(json.dumps(stored))
    same = ("optimizer.generator.schedule=linear", "instance_noise.std=0.1")
    assert lines(copy, *same) == []
    (line,) = lines(copy, *same, "steps=80")
    assert line.startswith("optimizer.generator.schedule='linear', instance_noise.std=0.1: what follows the length")
    assert "from steps=60 to 80" in line


def photographs(folder: Path, count: int) -> Path:
    folder.mkdir()
    for index in range(count):
        pixels = np.random.default_rng(index).integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.bmp")  # all of one size
    return folder


@pytest.mark.parametrize("limit", [2048, 0])
def test_data_that_changed_are_refused(tmp_path, limit):
    folder = photographs(tmp_path / "photographs", 3)
    config = load_values({"data.name": f"folder:{folder}", "data.folder.memory_limit_mb": limit})
    workdir = tmp_path / "run"
    workdir.mkdir()
    (workdir / "config.json").write_text(json.dumps(config.to_dict()))
    write_data(workdir, build_source(config))
    assert check_workdir(workdir, config, build_source(config)) == []
    photographs(tmp_path / "again", 4)
    shutil.copy(tmp_path / "again" / "3.bmp", folder)
    with pytest.raises(ConfigError, match=r"num_examples 3 there, 4 now\); allowed: the same data, or another --work"):
        check_workdir(workdir, config, build_source(config))
    (folder / "2.bmp").unlink()
    with pytest.raises(ConfigError, match="other examples, or in another order"):
        check_workdir(workdir, config, build_source(config))


def test_what_differs_of_the_data_is_said(copy):
    known = json.loads((copy / "data.json").read_text())
    image = known["features"]["image"]
    for changed, says in (
        ({"features": {"image": image | {"shape": [3]}}}, r"features.image.shape \[3\] there, \[2\] now"),
        ({"features": {"image": image, "label": image | {"classes": 7}}}, "features.label.shape .* there, None now"),
        ({"sha256": "0"}, "other examples, or"),
    ):
        (copy / "data.json").write_text(json.dumps(known | changed))
        with pytest.raises(ConfigError, match=rf"began with \({says}"):
            lines(copy)


def test_a_data_json_of_an_image_and_a_label_alone_still_reads(tmp_path):
    """As it was written before a source had features."""
    config, source = load_values({"data.name": "digits"}), data.load("digits")
    earlier = {"shape": [8, 8, 1], "num_examples": 1797, "num_classes": 10, "sha256": source.sha256}
    (tmp_path / "data.json").write_text(json.dumps(earlier))
    check_data(tmp_path, source)
    found = stored_source(tmp_path, config)
    assert (found.shape, found.value_range, found.num_classes) == (source.shape, source.value_range, source.num_classes)
    (tmp_path / "data.json").write_text(json.dumps(earlier | {"num_classes": 7}))
    with pytest.raises(ConfigError, match=r"features.label.classes 7 there, 10 now"):
        check_data(tmp_path, source)


@pytest.mark.parametrize("name", ["a=digits,b=digits", "a=digits,b=ring"])
def test_joined_data_are_known_by_their_parts(tmp_path, name):
    config, source = load_values({"data.name": name}), data.load(name)
    write_data(tmp_path, source)
    check_data(tmp_path, source)
    assert stored_source(tmp_path, config).features == source.features
    with pytest.raises(ConfigError, match=r"parts.b.features"):
        check_data(tmp_path, data.load("a=digits,c=ring"))


def test_an_image_alone_is_refused_before_anything_is_written(tmp_path):
    folder = photographs(tmp_path / "photographs", 1)
    line = refused(*train_flags(tmp_path / "run", f"data.name=folder:{folder}", config=f"{TINY}:digits"), status=1)
    assert "data.name has too few real examples, 1; health.samples" in line
    assert not (tmp_path / "run").exists()


def test_a_run_of_an_earlier_version_is_continued_without_its_data_being_known(copy):
    (copy / "data.json").unlink()
    assert lines(copy) == []


def test_sampling_needs_no_data(tmp_path_factory, tmp_path, monkeypatch):
    workdir = image_run(tmp_path_factory)
    expected = load_run(workdir).sample(3)
    for module in ("gan_jax.build", "gan_jax.training.checks"):
        monkeypatch.setattr(f"{module}.build_source", lambda config: pytest.fail("reads the data"))
    run = load_run(workdir)
    assert run.source.shape == (8, 8, 1)
    assert run.source.num_examples == data.load("digits").num_examples
    np.testing.assert_array_equal(run.sample(3), expected)
    assert here("sample", f"--workdir={workdir}", f"--out={tmp_path / 'x.png'}", "--num=4").status == 0


def test_a_data_json_that_cannot_be_read_is_one_line(copy):
    for text in ("", "[]", "{}", '{"shape": '):
        (copy / "data.json").write_text(text)
        assert "data.json cannot be read" in refused("sample", f"--workdir={copy}", f"--out={copy}/x.png", status=1)
    assert result(copy)["status"] == "finished"
