"""Sweeps and their reports, made once for all tests."""

import pytest
from support import made_sweeps
from support.made_sweeps import HOSTILE, IMAGE

from gan_jax.reporting import write_report


@pytest.fixture(scope="session")
def typical(tmp_path_factory):
    """Eight settings, five seeds, some runs that ended early; with its report."""
    workdir = made_sweeps.typical(tmp_path_factory.mktemp("typical"))
    write_report(workdir)
    return workdir


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """Markup wherever a user or an error can put text, and a name without a place to break it."""
    workdir = made_sweeps.make(
        tmp_path_factory.mktemp("hostile"),
        {"loss.name": [IMAGE, "x" * 300, "${7*7}{{7*7}}"], "loss.options": [{"a": HOSTILE}]},
        seeds=3, steps=600, evaluate_every=200, grids=2, question=f"{HOSTILE} {IMAGE} & which?",
        ends={(0, 1): "failed", (1, 1): "stopped"}, reason=f"ValueError: {HOSTILE}{IMAGE}",
    )  # fmt: skip
    for path in workdir.glob("groups/*/group.json"):
        path.write_text(path.read_text().replace("one by one", f"one by one {IMAGE}"))
    sweep = workdir / "sweep.json"
    sweep.write_text(sweep.read_text().replace("steps=600", f"steps=600 {IMAGE}"))
    for path in workdir.glob("runs/*/evaluation.jsonl"):
        path.write_text(path.read_text().replace('"kid_lenet"', '"kid</script><script>alert(3)</script>"'))
    for path in workdir.glob("runs/*/metrics.jsonl"):
        path.write_text(path.read_text().replace("generator/loss", "generator/<img src=x onerror=alert(4)>/loss"))
    write_report(workdir)
    return workdir
