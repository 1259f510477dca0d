"""``gan-jax figure``: what it writes and prints, and what it refuses."""

import csv
import os
from pathlib import Path
from unittest import mock

import pytest
from support.commands import contents, here, refused

from gan_jax import figures
from gan_jax.errors import WorkdirError


def test_costs(tmp_path):
    workdir = tmp_path / "new" / "figures"
    ended = here("figure", "costs", f"--workdir={workdir}")
    assert ended.status == 0
    assert ended.err == ""
    paths = [str(workdir / name) for name in ("costs.png", "costs.pdf", "costs.csv")]
    assert ended.out.splitlines() == paths
    assert sorted(os.listdir(workdir)) == ["costs.csv", "costs.pdf", "costs.png"]
    before = contents(workdir)
    assert here("figure", "costs", f"--workdir={workdir}").status == 0
    assert contents(workdir) == before


def test_no_figure_uses_the_global_state_of_matplotlib():
    for path in Path(figures.__file__).parent.glob("*.py"):
        assert "pyplot" not in path.read_text(), path


@pytest.mark.slow
def test_dirac(tmp_path):
    ended = here("figure", "dirac", f"--workdir={tmp_path}")
    assert ended.status == 0, ended
    names = [
        "dirac_rules.png", "dirac_rules.pdf", "dirac_methods.png", "dirac_methods.pdf", "dirac_trajectories.npz",
        "dirac.csv", "dirac.md",
    ]  # fmt: skip
    assert ended.out.splitlines() == [str(tmp_path / name) for name in names]
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    with open(tmp_path / "dirac.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 54
    apart = {row["name"] for row in rows if row["agrees"] == "no"}
    assert "consensus, 1" in apart  # the published row is that of another field
    assert apart <= {"consensus, 1", "instance noise, 0.7"}  # the latter is Monte-Carlo noise


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "the figure's name is missing; `figure` needs NAME --workdir=DIR; names: costs, dirac, frechet_bias"),
        (["--workdir=x"], "the figure's name is missing"),
        (
            ["cots", "--workdir=x"],
            "there is no figure 'cots' (did you mean 'costs'?); allowed: costs, dirac, frechet_bias",
        ),
        (["cots"], "there is no figure 'cots'"),
        (["costs"], "--workdir is missing; `figure` needs costs|dirac|frechet_bias --workdir=DIR"),
        (["costs", "--workdir="], "--workdir is missing"),
        (["costs", "dirac", "--workdir=x"], "'dirac' is not understood; `figure` needs NAME --workdir=DIR"),
        (["costs", "--wrokdir=x"], "--wrokdir is not a flag of `figure` (did you mean 'workdir'?); allowed: --workdir"),
        (["costs", "--workdir=x", "--out=y"], "--out is not a flag of `figure`; allowed: --workdir"),
    ],
)
def test_bad_input(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert says in refused("figure", *arguments)
    assert contents(tmp_path) == {}


def test_a_workdir_that_cannot_be_written_is_refused_before_anything_is_computed(tmp_path):
    (tmp_path / "file").write_text("")
    with mock.patch.object(figures.importlib, "import_module", side_effect=AssertionError("computed")):
        line = refused("figure", "dirac", f"--workdir={tmp_path / 'file' / 'below'}", status=1)
    assert "cannot be written: Not a directory; choose another --workdir" in line
    assert refused("figure", "costs", f"--workdir={tmp_path / 'file'}", status=1)


def test_a_full_disk_leaves_what_was_there(tmp_path):
    (tmp_path / "b.csv").write_text("old")
    real = figures.Path.write_bytes

    def write_bytes(path, content):
        if b"too much" in content:
            real(path, content[:3])
            raise OSError(28, "No space left on device")
        real(path, content)

    with (
        mock.patch.object(figures, "find", return_value=lambda: {"b.csv": b"new", "c.csv": b"too much"}),
        mock.patch.object(figures.Path, "write_bytes", write_bytes),
        pytest.raises(WorkdirError, match="No space left on device"),
    ):
        figures.write("any", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["b.csv"]
    assert (tmp_path / "b.csv").read_text() == "old"
