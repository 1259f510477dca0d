"""Figures of a sweep for papers."""

import io

import pytest
from PIL import Image
from support import made_sweeps

from gan_jax.errors import WorkdirError
from gan_jax.reporting import paper, write_figures

SHORT = {"seeds": 2, "steps": 600, "evaluate_every": 200, "grids": 1}
FIELDS = {"loss.name": ["hinge", "minimax"]}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two settings with two seeds each; one run is not finite."""
    return made_sweeps.make(tmp_path_factory.mktemp("figures") / "sweep", FIELDS, **SHORT, ends={(0, 1): "non_finite"})


@pytest.fixture(scope="module")
def drawn(sweep):
    """Paths of its figures."""
    return write_figures(sweep)


@pytest.fixture
def quick(monkeypatch):
    """Every figure is drawn, but of few dots and not as a PDF, of which fonts are most of the work."""
    monkeypatch.setattr(paper, "DPI", 40)
    monkeypatch.setattr(paper, "pdf", lambda figure: b"")


def names_of(paths):
    return {path.name.removesuffix(".png") for path in paths if path.suffix == ".png"}


def test_each_figure_is_there_as_png_and_pdf(sweep, drawn):
    assert {path.parent for path in drawn} == {sweep / "figures"}
    assert names_of(drawn) == {
        "ranking", "curves_frechet_lenet", "curves_discriminator_loss", "curves_generator_loss", "sensitivity",
        "samples",
    }  # fmt: skip
    assert {path.name for path in sweep.glob("figures/*")} == {path.name for path in drawn}
    for path in drawn:
        content = path.read_bytes()
        if path.suffix == ".pdf":
            assert content.startswith(b"%PDF")
            assert b"/Type3" not in content  # fonts that journals refuse
            assert b"/CreationDate" not in content
        else:
            with Image.open(io.BytesIO(content)) as image:
                assert round(image.info["dpi"][0]) == 200
                assert min(image.size) > 200


def test_the_same_records_give_the_same_bytes(sweep, drawn, tmp_path):
    first = {path.name: path.read_bytes() for path in drawn}
    assert {path.name: path.read_bytes() for path in write_figures(sweep, tmp_path / "again")} == first


@pytest.mark.parametrize(
    ("options", "there"),
    [
        ({"evaluate_every": 0}, {"curves_discriminator_loss", "curves_generator_loss", "samples"}),
        ({"ends": {(0, -1): "failed", (1, -1): "missing"}}, set()),
        ({"grids": 0, "seeds": 1, "metric": ""}, {"ranking", "curves_frechet_lenet", "curves_discriminator_loss",
                                                  "curves_generator_loss", "sensitivity"}),
        ({"broken_values": True, "grids": 0}, {"curves_frechet_lenet", "curves_discriminator_loss",
                                               "curves_generator_loss"}),
    ],
    ids=["no evaluation", "nothing", "one seed", "not finite"],
)  # fmt: skip
def test_only_what_was_recorded_is_drawn(quick, tmp_path, options, there):
    workdir = made_sweeps.make(tmp_path / "sweep", FIELDS, **{**SHORT, **options})
    assert names_of(write_figures(workdir)) == there


def test_text_that_looks_like_a_formula_and_values_far_away(quick, tmp_path):
    losses = ["a$b_{$", "hinge", "x" * 60, "wasserstein", "least_squares", "d", "minimax", "e"]
    workdir = made_sweeps.make(tmp_path / "sweep", {"loss.name": losses}, **SHORT)
    assert "ranking" in names_of(write_figures(workdir))


def test_a_folder_that_cannot_be_made_is_said(quick, sweep, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkdirError, match="cannot be written"):
        write_figures(sweep, tmp_path / "file" / "figures")
