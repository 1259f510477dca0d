"""data.labelled: runs with a few labelled examples beside all images; what they choose, hide, refuse and record."""

import json

import jax
import numpy as np
import pytest

import gan_jax
from gan_jax import build
from gan_jax.config import load_values
from gan_jax.data import labelled, load, resident
from gan_jax.errors import ConfigError
from gan_jax.sweeps.layout import structure_of

OWN = {
    "data.name": "digits", "data.labelled": 20, "game.name": "support.few_labels:build", "batch_size": 16, "steps": 6,
    "latent_dim": 3, "generator.mlp.widths": (8,), "discriminator.mlp.widths": (8,), "log_every": 1,
    "sample_every": 0, "sample_count": 10, "checkpoint_every": 0, "health.samples": 0,
}  # fmt: skip


def made(**fields):
    return load_values({**OWN, **{name.replace("__", "."): value for name, value in fields.items()}})


def chosen(config):
    return build.build_source(config).parts["labelled"].arrays


def game_of(**fields):
    config = made(**fields)
    return build.build_game(config, build.build_source(config))


def losses(workdir):
    records = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [(record["discriminator/loss"], record["generator/loss"]) for record in records]


def test_three_orders_and_a_choice_by_the_seed():
    source = build.build_source(made())
    assert list(source.features) == ["image", "other", "labelled", "labelled_label"]
    batch = source.fetch(source.arrays, jax.random.key(5), np.arange(1797, dtype=np.uint32))
    image, other, few = (np.asarray(batch[name]).reshape(1797, -1) for name in ("image", "other", "labelled"))
    assert np.array_equal(*(x[np.lexsort(x.T)] for x in (image, other)))  # each once in an epoch
    assert np.sum((image == other).all(1)) < 20  # of two independent orders one place in 1797 agrees on average
    places = {tuple(x): [] for x in few}
    for place, x in enumerate(few):
        places[tuple(x)].append(place)
    assert len(places) == 20
    assert all(len(found) in (89, 90) for found in places.values())
    assert np.bincount(source.parts["labelled"].arrays["label"]).tolist() == [2] * 10
    again, another = chosen(made(steps=7))["image"], chosen(made(seed=1))["image"]
    assert np.array_equal(again, source.parts["labelled"].arrays["image"])
    assert not np.array_equal(again, another)


def test_all_images_are_placed_once():
    source = build.build_source(made())
    assert {part: list(arrays) for part, arrays in source.arrays.items()} == {
        "image": ["image"], "labelled": ["image", "label"]
    }  # fmt: skip


def test_labels_outside_the_choice_change_no_bit_of_a_run(tmp_path, monkeypatch):
    """The labels beyond those that the choice has read are permuted where the data are read."""
    config, whole = made(), load("digits")
    few = chosen(config)["image"]
    hidden = np.flatnonzero(~(whole.arrays["image"][:, None] == few[None]).all((2, 3, 4)).any(1))
    label = whole.arrays["label"].copy()
    label[hidden] = np.random.default_rng(0).permutation(label[hidden])
    assert np.mean(label != whole.arrays["label"]) > 0.8
    permuted = resident("digits", {**whole.arrays, "label": label})

    def chosen_of_the_true(source, num, key):
        """The choice of the true labels, which permuted ones would change, of a source with permuted ones."""
        parts = labelled(whole, num, key).parts
        assert source is permuted
        made = labelled(source, num, key)
        return build.data.joined({**made.parts, "labelled": parts["labelled"]}, made.name)

    gan_jax.train(config, tmp_path / "true", progress=False)
    monkeypatch.setattr(build.data, "load", lambda *_, **__: permuted)
    monkeypatch.setattr(build.data, "labelled", chosen_of_the_true)
    gan_jax.train(config, tmp_path / "permuted", progress=False)
    assert losses(tmp_path / "true") == losses(tmp_path / "permuted")
    one, other = (gan_jax.load_run(tmp_path / name).state.params for name in ("true", "permuted"))
    assert jax.tree.all(jax.tree.map(np.array_equal, one, other))
    monkeypatch.undo()
    flipped = labelled(whole, 20, 3)
    arrays = flipped.parts["labelled"].arrays
    assert not any("label" in part.features for name, part in flipped.parts.items() if name != "labelled")
    arrays["label"][:] = arrays["label"][::-1]  # those of the choice are read
    monkeypatch.setattr(build.data, "labelled", lambda *_: flipped)
    gan_jax.train(config, tmp_path / "flipped", progress=False)
    assert losses(tmp_path / "true") != losses(tmp_path / "flipped")


def test_a_run_is_stored_evaluated_and_resumed(tmp_path):
    fields = {"evaluation__metrics": ("frechet_pixels",), "evaluation__every": 2, "evaluation__num": 50}
    fields["evaluation__split"] = "train"
    gan_jax.train(made(steps=4, **fields), tmp_path / "run", progress=False)
    assert len((tmp_path / "run" / "evaluation.jsonl").read_text().splitlines()) == 2
    known = json.loads((tmp_path / "run" / "data.json").read_text())
    assert {name: part["num_examples"] for name, part in known["parts"].items()} == {
        "image": 1797, "other": 1797, "labelled": 20
    }  # fmt: skip
    assert "label" not in known["parts"]["image"]["features"]
    run = gan_jax.load_run(tmp_path / "run")
    assert run.sample(4, given={"labelled_label": np.arange(4)}).shape == (4, 8, 8, 1)
    gan_jax.train(made(**fields), tmp_path / "run", progress=False)
    gan_jax.train(made(), tmp_path / "whole", progress=False)
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")


def test_runs_that_choose_other_examples_share_no_program():
    assert structure_of(made()) != structure_of(made(seed=1))
    assert structure_of(made()) == structure_of(made(optimizer__generator__learning_rate=0.1))
    plain = {"data__labelled": 0, "game__name": "gan"}
    assert structure_of(made(**plain)) == structure_of(made(seed=1, **plain))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"data__labelled": -1}, "data.labelled=-1 is not possible; allowed: a whole number of at least 0"),
        ({"data__labelled": 15}, "data.labelled=15 with data.name='digits'; allowed: a multiple of 10, as many of"),
        ({"data__labelled": 1780}, "data.labelled=1780 with data.name='digits': class 2 has 177, class 8 has 174 .*; "
                                   "allowed: at most 1740 in all"),
        ({"data__name": "ring"}, "data.labelled=20 with data.name='ring', which has no labels .*; allowed: 0, or one"),
        ({"data__name": "a=digits,b=digits"}, "data.labelled=20 with data.name='a=digits,b=digits', which has no labe"),
        ({"game__name": "gan"}, "data.labelled=20 has no effect: game.name='gan' asks for no labelled examples; it"),
        ({"game__name": "conditional"}, "needs data with a feature 'label'; data.name='digits' has image, other"),
        ({"data__labelled": 0}, "'labelled_label'; data.name='digits' has image, label, with data.labelled=0"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(fields, says):
    with pytest.raises(ConfigError, match=says):
        game_of(**fields)
