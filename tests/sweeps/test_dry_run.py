"""--dry_run says what a sweep would do and does nothing; a sweep that is not possible is refused before it begins."""

import re

import numpy as np
import pytest
from PIL import Image
from support.commands import TINY, contents, environment, here, refused, write
from support.sweeping import RATE, base, sweep_flags, train_sweep, write_sweep

from gan_jax.sweeps import train
from gan_jax.sweeps.driver import describe
from gan_jax.sweeps.runs import run_name
from gan_jax.sweeps.space import grid
from gan_jax.sweeps.sweep import Halving, Sweep

pytestmark = pytest.mark.usefixtures("empty_folder", "this_process", "quick")


@pytest.fixture
def this_process():
    """Its devices are there already."""
    with environment(XLA_FLAGS="--xla_force_host_platform_device_count=1"):
        yield


@pytest.fixture
def quick(monkeypatch):
    """Probes that are short."""
    monkeypatch.setattr(train, "SECONDS", 0.01)
    monkeypatch.setattr(train, "ROUNDS", 1)


def test_runs_groups_and_time_are_shown_and_nothing_is_written(empty_folder):
    write_sweep("sweep.py", {"loss.name": ["non_saturating", "minimax"], RATE: [1e-3, 2e-3]}, seeds=2)
    before = contents(empty_folder)
    ended = here(*sweep_flags(empty_folder / "run", "sweep.py", "--dry_run"))
    assert ended.status == 0, ended.err
    assert contents(empty_folder) == before
    lines = ended.out.splitlines()
    assert lines[0].split() == ["run", "loss.name", RATE, "seed", "status"]
    rows = [line.split() for line in lines[1:9]]
    assert [row[1:] for row in rows] == [
        [loss, rate, seed, "missing"]
        for loss in ("non_saturating", "minimax")
        for rate in ("0.001", "0.002")
        for seed in ("0", "1")
    ]
    assert rows[0][0] == run_name(base("seed=0"))
    assert lines[9] == "8 runs, 8 left, in 2 groups; the runs of a group share one compiled program"
    for line in lines[10:12]:
        assert re.fullmatch(
            r"  group [0-9a-f]{8}: 4 runs, steps 0 to 20, \d+:\d\d min, [\d,]+ steps/s over all runs "
            r"\(vmap: --width=3 on 1 cpu device\)",
            line,
        ), line
    assert re.fullmatch(r"about \d+:\d\d min of training and compiling, without evaluations, .*", lines[12])
    assert len(lines) == 13


def test_of_a_sweep_that_is_half_done_the_rest_is_shown(tmp_path):
    workdir, few, more = tmp_path / "sweep", {RATE: [1e-3, 2e-3, 3e-3]}, {RATE: [i / 1000 for i in range(1, 7)]}
    assert train_sweep(workdir, few) == {"finished": 3}
    before = contents(workdir)
    said = describe(Sweep(grid(more), seeds=1), base(), workdir, width=3).splitlines()
    assert contents(workdir) == before
    assert [line.split()[-1] for line in said[1:7]] == ["finished"] * 3 + ["missing"] * 3
    assert said[7].startswith("6 runs, 3 left, in 1 groups")
    done = describe(Sweep(grid(few), seeds=1), base(), workdir, width=3).splitlines()
    assert done[4].startswith("3 runs, 0 left, in 0 groups")


def test_many_runs_are_counted_and_of_halving_the_first_rung_is_shown(tmp_path):
    wanted = Sweep(grid({RATE: [1e-3, 2e-3]}), seeds=40, metric="near_modes", halving=Halving(5, 2))
    said = describe(wanted, base(), tmp_path / "none", width=3).splitlines()
    assert said[61] == "... and 20 more"
    assert said[62].startswith("80 runs, 80 left, in 1 groups")
    assert "80 runs, steps 0 to 5," in said[63]
    assert " up to the first rung; the later ones are at 10 and the end, without evaluations" in said[64]


def test_streamed_data_is_not_probed(tmp_path):
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0)
    for i in range(40):
        Image.fromarray(pixels.integers(0, 256, (8, 8), np.uint8)).save(tmp_path / "images" / f"{i}.png")
    config = base(
        f"data.name=folder:{tmp_path / 'images'}", "data.folder.memory_limit_mb=0", "evaluation.metrics=()",
        "evaluation.every=0", variant="digits",
    )  # fmt: skip
    said = describe(Sweep(grid({RATE: [1e-3, 2e-3]}), seeds=1), config, tmp_path / "none")
    assert "streamed data: not probed" in said
    assert not (tmp_path / "none").exists()


# What is refused, in one line and before anything is written.


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sweep"], "--config is missing; allowed: --config=FILE.py or --config=FILE.py:VARIANT"),
        (["sweep", "--config=nowhere.py", "--workdir=run"], "--config=nowhere.py: there is no such file"),
        (["sweep", f"--config={TINY}"], "--workdir is missing; `sweep` needs --config=FILE.py[:VARIANT] --workdir=DIR"),
        (["sweep", f"--config={TINY}", "--workdir="], "--workdir is missing"),
        (["sweep", f"--config={TINY}", "--workdir=run"], "tiny.py defines no function get_sweep"),
        (
            ["sweep", f"--config={TINY}", "--workdir=run", "--sweep=nowhere.py"],
            "--sweep=nowhere.py: there is no such file; allowed: FILE.py or FILE.py:NAME",
        ),
        (
            ["sweep", f"--config={TINY}", "--workdir=run", "--sweep=sweep.py:large"],
            "--sweep=sweep.py:large: get_sweep(): it takes no name; allowed: --sweep=sweep.py",
        ),
        (
            ["sweep", f"--config={TINY}", "--workdir=run", "--sweep=sweep.py", "--executor=kubernetes"],
            "--executor=kubernetes is not possible; allowed: local, ray, slurm",
        ),
        (
            ["sweep", f"--config={TINY}", "--workdir=run", "--sweep=sweep.py", "--address=10.0.0.1:6379"],
            "--address=10.0.0.1:6379 is of a Ray cluster; allowed: with --executor=ray",
        ),
        (
            ["sweep", f"--config={TINY}", "--workdir=run", "--sweep=sweep.py", "--width=-1"],
            "--width=-1 is not possible; allowed: a non-negative integer",
        ),
        (
            ["sweep", f"--config={TINY}", "--workdir=run", "--sweep=sweep.py", "--dry_run=perhaps"],
            "--dry_run=perhaps is not possible",
        ),
        (
            ["sweep", f"--config={TINY}", "--workdir=run", "--sweep=sweep.py", "--wdith=3"],
            "--wdith is not a flag of `sweep` (did you mean 'width'?); allowed: --workdir, --sweep, --executor",
        ),
        (
            ["sweep", f"--config={TINY}", "--workdir=run", "--sweep=sweep.py", "--num=3"],
            "--num is not a flag of `sweep`; allowed: --workdir",
        ),
        (
            ["sweep", f"--config={TINY}", "--workdir=run", "--sweep=sweep.py", "now"],
            "'now' is not understood; `sweep` takes only --flag=value",
        ),
        (
            ["sweep", f"--config={TINY}", "--workdir=run", "--sweep=sweep.py", "--process_id=1"],
            "--coordinator_address is missing; --process_id needs it",
        ),
        (["report"], "--workdir is missing; `report` needs --workdir=DIR"),
        (["report", "--workdir=run", "--sweep=sweep.py"], "--sweep is not a flag of `report`; allowed: --workdir"),
        (["report", "run"], "'run' is not understood; `report` takes only --flag=value"),
    ],
)
def test_flags_of_sweeps(arguments, says, empty_folder):
    write_sweep("sweep.py", {RATE: [1e-3]})
    before = contents(empty_folder)
    assert says in refused(*arguments)
    assert contents(empty_folder) == before


def test_a_report_of_no_sweep(empty_folder):
    line = refused("report", "--workdir=run", status=1)
    assert line.startswith("gan-jax: 'run' holds no sweep: there is no sweep.json")
    assert contents(empty_folder) == {}


POINTS = {
    "field": ({"generator.width": [8]}, "there is no field 'generator.width'"),
    "value": ({"loss.name": ["hinge", "hnge"]}, "loss.name='hnge' is unknown (did you mean 'hinge'?)"),
    "range": ({RATE: [1e-3, -1.0]}, f"{RATE}=-1.0 is not possible; allowed: a finite number of at least 0; in point 2"),
    "type": ({"batch_size": [32, "many"]}, "batch_size='many' has type str"),
    "together": (
        {"schedule.simultaneous": [False, True], "schedule.discriminator_steps": [1, 2]},
        "in point 4 of the sweep: schedule.simultaneous=True, schedule.discriminator_steps=2",
    ),
    "evaluation": ({"evaluation.num": [10, 20]}, "evaluation.num changes nothing that is trained"),
    "same": ({"evaluation.every": [0]}, "evaluation.every changes nothing that is trained"),
}


@pytest.mark.parametrize("dry", [(), ("--dry_run",)], ids=["run", "dry_run"])
@pytest.mark.parametrize("name", POINTS)
def test_a_point_that_is_not_possible(empty_folder, name, dry):
    values, says = POINTS[name]
    write_sweep("sweep.py", values)
    before = contents(empty_folder)
    assert says in refused(*sweep_flags("run", "sweep.py", *dry))
    assert contents(empty_folder) == before


def test_files_of_sweeps_that_are_wrong(empty_folder):
    for text, says in (
        ("def get_sweep(:\n", "SyntaxError"),
        ("def get_sweep():\n    return 1 / 0\n", "ZeroDivisionError: division by zero"),
        ("def get_sweep():\n    return 3\n", "get_sweep returned int; allowed: a Sweep"),
        ("from gan_jax.sweeps import *\n\n\ndef get_sweep():\n    return Sweep(grid({}), seeds=0)\n", "seeds=0"),
        (
            "from gan_jax.sweeps import *\n\n\ndef get_sweep():\n    return Sweep(grid({}), metric='fid')\n",
            "metric='fid'",
        ),
    ):
        write("wrong.py", text)
        before = contents(empty_folder)
        assert says in refused(*sweep_flags("run", "wrong.py"))
        assert contents(empty_folder) == before


def test_data_that_are_missing_end_a_sweep_before_anything_is_written(empty_folder):
    write_sweep("sweep.py", {RATE: [1e-3, 2e-3]})
    before = contents(empty_folder)
    fields = ("data.name=folder:nowhere", "evaluation.metrics=()", "evaluation.every=0")
    line = refused(*sweep_flags("run", "sweep.py", fields=fields), status=1)
    assert "nowhere" in line
    assert contents(empty_folder) == before


def test_no_ray_at_the_address_is_one_line(empty_folder):
    pytest.importorskip("ray")
    write_sweep("sweep.py", {RATE: [1e-3]})
    before = contents(empty_folder)
    line = refused(*sweep_flags("run", "sweep.py", "--executor=ray", "--address=127.0.0.1:1"))
    assert line.startswith("gan-jax: --address=127.0.0.1:1: there is no Ray cluster")
    assert contents(empty_folder) == before
