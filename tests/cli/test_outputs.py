"""What games show by the commands: labels, outputs, translations and their numbers, against the networks alone."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from PIL import Image
from support.commands import TINY, contents, here, records, refused, train_flags

import gan_jax
from gan_jax import data
from gan_jax.errors import ConfigError
from gan_jax.game import STREAMS
from gan_jax.training.sampling import to_uint8

SHORT = ("steps=10", "sample_every=0", "checkpoint_every=0", "log_every=5", "health.samples=64")
NUM = 200


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A conditional run on digits."""
    workdir = tmp_path_factory.mktemp("labelled") / "run"
    ended = here(*train_flags(workdir, *SHORT, "game.name=conditional", "sample_count=20", config=f"{TINY}:digits"))
    assert ended.status == 0, ended.err
    return workdir


@pytest.fixture(scope="module")
def translating(tmp_path_factory):
    """A run of two domains, whose maps into b and back are measured."""
    workdir = tmp_path_factory.mktemp("translating") / "run"
    own = (
        "game.name=cycle", "data.name=a=digits,b=digits", "latent_dim=64", "evaluation.every=10",
        f"evaluation.num={NUM}", "evaluation.split=train", "sample_count=4",
        "evaluation.metrics=('frechet_pixels', 'b_to_a:frechet_pixels')",
    )  # fmt: skip
    ended = here(*train_flags(workdir, *SHORT, *own, config=f"{TINY}:digits"))
    assert ended.status == 0, ended.err
    return workdir


def digits():
    return data.load("digits").arrays["image"]


def mapped(run, name, images):
    """What a map makes of uint8 images, by the network alone."""
    x = jnp.asarray(images, jnp.float32) / 127.5 - 1.0
    return np.asarray(run.game.networks[name].apply({"params": run.state.params[name]}, x))


def test_a_label_is_asked_for_at_the_command_and_from_python(labelled, tmp_path):
    for label, name in (("3", "one"), ("3,5", "two")):
        ended = here("sample", f"--workdir={labelled}", f"--label={label}", "--num=6", f"--out={tmp_path}/{name}.npy")
        assert ended.status == 0, ended.err
    one, two = (np.load(tmp_path / f"{name}.npy") for name in ("one", "two"))
    run = gan_jax.load_run(labelled)
    np.testing.assert_array_equal(one, run.sample(6, labels=3))
    np.testing.assert_array_equal(two, run.sample(6, labels=[3, 5, 3, 5, 3, 5]))
    assert np.array_equal(np.any(one != two, axis=(1, 2, 3)), [False, True] * 3)
    with pytest.raises(ConfigError, match=r"label has the shape \(2,\); allowed: \(6,\)"):
        run.sample(6, labels=[0, 1])


def test_a_grid_has_a_row_for_each_class(labelled):
    run = gan_jax.load_run(labelled)
    with Image.open(labelled / "samples" / "10.png") as image:
        grid = np.asarray(image)[..., 0]
    assert grid.shape == (2 + 10 * 34, 2 + 2 * 34)  # 20 images of 8 x 8 pixels, enlarged fourfold, in ten rows
    tiles = [
        grid[2 + 34 * (i // 2) : 34 + 34 * (i // 2) : 4, 2 + 34 * (i % 2) : 34 + 34 * (i % 2) : 4] for i in range(20)
    ]
    key, label = jax.random.fold_in(run.state.key, STREAMS["sample"]), jnp.repeat(jnp.arange(10, dtype=jnp.int32), 2)
    drawn = run.sampler.sample(run.weights.params, run.weights.stats, key, 20, "image", {"label": label})
    np.testing.assert_array_equal(np.stack(tiles), to_uint8(np.asarray(drawn))[..., 0])


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--label=10", "label=10 is not possible; allowed: whole numbers from 0 to 9"),
        ("--label=-1", "--label=-1 is not possible; allowed: classes"),
        ("--label=three", "--label=three is not possible; allowed: classes"),
        ("--output=imag", "the game has no output 'imag' (did you mean 'image'?); allowed: image"),
    ],
)
def test_labels_and_outputs_that_there_are_not(labelled, tmp_path, flag, says):
    assert says in refused("sample", f"--workdir={labelled}", flag, f"--out={tmp_path}/x.npy")
    assert contents(tmp_path) == {}


def test_images_are_translated_as_the_network_does(translating, tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    images = digits()[:3]
    for path, image in zip((folder / "a.png", folder / "b.png", folder / "deep" / "c.png"), images, strict=True):
        Image.fromarray(image[..., 0]).save(path)
    run = gan_jax.load_run(translating)
    expected = mapped(run, "b_to_a", images)
    flags = ("translate", f"--workdir={translating}", "--output=b_to_a", f"--input={folder}")
    assert here(*flags, f"--out={tmp_path}/all.npy").status == 0
    np.testing.assert_allclose(np.load(tmp_path / "all.npy"), expected, rtol=0, atol=1e-5)
    ended = here(*flags, f"--out={tmp_path}/out")
    assert ended.out.strip() == f"{tmp_path}/out"
    for name, image in zip(("a.png", "b.png", "deep/c.png"), to_uint8(expected), strict=True):
        with Image.open(tmp_path / "out" / name) as written:
            assert np.abs(np.asarray(written, int)[..., :1] - image).max() <= 1
    one = here("translate", f"--workdir={translating}", f"--input={folder}/a.png", f"--out={tmp_path}/one.npy")
    assert one.status == 0
    np.testing.assert_allclose(np.load(tmp_path / "one.npy"), mapped(run, "a_to_b", images[:1]), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--input=in", "--out=in/out"), "lies in input='"),
        (("--input=in", "--out=x.png"), "for a folder of images; allowed: a folder, or a file .npy"),
        (("--input=in/a.png", "--out=x.jpg"), "for one image; allowed: a file .png or .npy"),
        (("--input=nothing", "--out=x.png"), "there is no such file or folder"),
        (("--input=in", "--out=x", "--output=image"), "the game has no output 'image'"),
    ],
)
def test_translations_that_are_refused(translating, tmp_path, monkeypatch, flags, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    Image.fromarray(digits()[0, ..., 0]).save(tmp_path / "in" / "a.png")
    assert says in refused("translate", f"--workdir={translating}", *flags)


def test_a_run_that_translates_nothing_is_refused(labelled, tmp_path):
    Image.fromarray(digits()[0, ..., 0]).save(tmp_path / "a.png")
    line = refused("translate", f"--workdir={labelled}", f"--input={tmp_path}/a.png", f"--out={tmp_path}/b.png")
    assert "no output of this game is made from an image" in line


def test_an_output_is_measured_against_the_domain_that_it_imitates(translating):
    images = digits()[np.sort(np.random.default_rng(0).permutation(1797)[:NUM])]
    run = gan_jax.load_run(translating)
    measured = [json.loads(line) for line in (translating / "evaluation.jsonl").read_text().splitlines()]
    assert [record["metric"] for record in measured] == ["frechet_pixels", "b_to_a:frechet_pixels"]
    for record, name in zip(measured, ("a_to_b", "b_to_a"), strict=True):
        fake = to_uint8(mapped(run, name, images)) / 127.5 - 1.0
        x, y = (v.reshape(NUM, -1).astype(np.float64) for v in (images / 127.5 - 1.0, fake))
        a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
        root = np.real(scipy.linalg.sqrtm(a @ b))
        expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(a + b - 2.0 * root)
        assert record["value"] == pytest.approx(expected, rel=1e-2)
        assert (record["dataset"], record["n_fake"]) == ("digits", NUM)


def test_records_name_the_outputs_after_the_first(translating):
    last = records(translating)[-1]
    assert {"samples/diversity", "b_to_a:samples/diversity"} <= set(last)
    assert last["samples/diversity"] != last["b_to_a:samples/diversity"]


def test_inputs_stand_to_the_left_of_what_is_made_of_them(translating):
    with Image.open(translating / "samples" / "10.png") as image:
        grid = np.asarray(image)[..., 0]
    side = 2 + 4 * 34  # 4 pairs in two columns of pairs
    assert grid.shape == (2 + 2 * 34, 2 * side + 8)
    first = grid[2:34:4, 2:34:4]
    assert any(np.array_equal(first, image) for image in digits()[..., 0])
    run = gan_jax.load_run(translating)
    index = next(i for i, image in enumerate(digits()[..., 0]) if np.array_equal(first, image))
    for start, name in ((0, "a_to_b"), (side + 8, "b_to_a")):
        made = to_uint8(mapped(run, name, digits()[[index]]))[0, ..., 0]
        assert np.abs(grid[2:34:4, start + 36 : start + 68 : 4].astype(int) - made).max() <= 1
