"""The report as a file: complete, self-contained, harmless, the same every time; of unfinished and odd sweeps too."""

import ast
import base64
import hashlib
import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support import made_sweeps
from support.commands import contents
from support.made_sweeps import HOSTILE, IMAGE

import gan_jax.reporting
from gan_jax.config import load_config, parse_config_flags, to_json
from gan_jax.errors import WorkdirError
from gan_jax.reporting import grids, summary_of, write_report
from gan_jax.reporting import page as pages
from gan_jax.sweeps.aggregate import rank, summarize
from gan_jax.sweeps.table import load

SHORT = {"seeds": 3, "steps": 600, "evaluate_every": 200, "grids": 2}


def report(workdir, fields=None, **options):
    made_sweeps.make(workdir, fields or {"loss.name": ["hinge", "minimax"]}, **{**SHORT, **options})
    return parsed(write_report(workdir))


def parsed(path):
    page = Page()
    page.feed(path.read_text())
    return page


def test_the_same_records_give_the_same_bytes_wherever_they_lie_and_none_is_changed(typical, tmp_path):
    copy, out = tmp_path / "copy", tmp_path / "new" / "page.html"
    shutil.copytree(typical, copy, ignore=shutil.ignore_patterns("report.html"))
    before = contents(copy)
    assert write_report(copy, out) == out
    assert out.read_bytes() == (typical / "report.html").read_bytes()
    assert [path.name for path in out.parent.iterdir()] == ["page.html"]
    assert contents(copy) == before


def test_the_page_is_made_of_the_summary_alone_which_is_plain_json(typical):
    stored = json.loads((typical / "summary.json").read_text(), parse_constant=pytest.fail)
    assert stored == summary_of(typical)
    assert stored["schema"] == 1
    assert pages.render(stored, typical) == (typical / "report.html").read_text()


def test_says_what_is_wrong_in_one_line(tmp_path):
    with pytest.raises(WorkdirError, match="holds no sweep"):
        write_report(tmp_path)
    made_sweeps.make(tmp_path / "sweep", {"loss.name": ["hinge"]}, **{**SHORT, "seeds": 1, "grids": 0})
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkdirError, match="cannot be written"):
        write_report(tmp_path / "sweep", tmp_path / "file" / "report.html")


def test_needs_nothing_else(typical):
    page = parsed(typical / "report.html")
    addresses = [value for _, attributes in page.elements for name, value in attributes if name in ("src", "href")]
    assert addresses
    assert all(value.startswith(("data:", "#")) for value in addresses)
    assert not [tag for tag, _ in page.elements if tag in ("iframe", "object", "embed", "form", "base")][1:]
    assert page.text["style"].count("url(") == 0
    assert "@import" not in page.text["style"]
    policy = dict(next(a for t, a in page.elements if t == "meta" and ("http-equiv", "Content-Security-Policy") in a))
    assert "default-src 'none'" in policy["content"]
    allowed = re.findall(r"'sha256-([^']+)'", policy["content"])
    scripts = [text for kind, text in page.scripts if kind != "application/json"]
    assert [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts] == allowed
    assert "unsafe-inline" not in policy["content"].split("script-src")[1].split(";")[0]


def test_the_answer_comes_first_and_is_that_of_the_statistics(typical):
    page = parsed(typical / "report.html")
    assert page.sections[0] == "answer"
    table = summarize(load(typical), "frechet_lenet")
    ranked = summary_of(typical)["ranking"]
    assert ranked["order"][: len(table) - 1] == list(table["mean"].dropna().sort_values().index)[: len(table) - 1]
    for row in ranked["tables"][0]["rows"]:
        found = table.loc[row["setting"]]
        assert [row[name] for name in ("n", "runs", "stopped")] == list(found[["n", "runs", "stopped"]])
        assert row["mean"] == pytest.approx(found["mean"])
        assert sum(row["values"].values()) == pytest.approx(row["n"] * found["mean"])
    best = table.loc[table["mean"].idxmin()]
    said = page.text["body"]
    sentence = (
        f"has the lowest mean frechet_lenet: {best['mean']:.1f}, 95% interval [{best['low']:.1f}, {best['high']:.1f}]"
    )
    assert said.index(made_sweeps.QUESTION) < said.index(f"loss={best['loss.name']}") < said.index(sentence)
    tied = int((rank(table) == 1).sum())
    assert said.count("=1") >= tied > 1
    assert "rank 1 is shared" in said


def test_every_run_and_what_became_of_it_is_there(typical):
    said = parsed(typical / "report.html").text["body"]
    for word in ("discriminator won", "non finite at 2,300", "missing", "oscillating", "ValueError in loss.py:12"):
        assert word in said
    assert "27 finished" in said
    assert "0/5" not in said
    assert "3/5" in said  # of one setting, two runs have no value


def test_markup_in_records_stays_text(hostile):
    path = hostile / "report.html"
    page = parsed(path)
    assert [kind for kind, _ in page.scripts] == ["application/json", "application/json", None, None]
    assert not [name for _, attributes in page.elements for name, _ in attributes if name.startswith("on")]
    assert all(dict(a)["src"].startswith("data:") for t, a in page.elements if t == "img" and "src" in dict(a))
    said = page.text["body"]
    for text in (HOSTILE, IMAGE, "${7*7}{{7*7}}", "kid</script><script>alert(3)</script>", "& which?"):
        assert text in said, text
    assert said.count(f"ValueError: {HOSTILE}{IMAGE}") == 1
    data = json.loads(page.scripts[0][1])
    assert any(metric["name"] == "generator/<img src=x onerror=alert(4)>/loss" for metric in data["metrics"])
    assert "</script><script>" not in path.read_text().split("</head>")[0]


def test_an_unfinished_sweep_shows_what_is_missing(tmp_path):
    page = report(tmp_path, ends={(0, 2): "missing", (1, 0): "running", (1, 1): "missing", (1, 2): "missing"})
    runs = summary_of(tmp_path)["runs"].values()
    assert [(run["setting"], run["seed"]) for run in runs if run["status"] == "missing"] == [(0, 2), (1, 1), (1, 2)]
    assert [run["step"] for run in runs] == [600, 600, 0, 200, 0, 0]  # of a run that has not ended, the last evaluation
    said = page.text["body"]
    assert "4 not finished yet" in said
    assert "3 not begun" in said
    assert "fewer than 3 seeds: not enough" in said


def test_without_an_evaluation_there_are_curves_and_the_map(tmp_path):
    page = report(tmp_path, evaluate_every=0)
    assert "No run has a value of frechet_lenet yet" in page.text["body"]
    data = json.loads(page.scripts[0][1])
    assert {metric["kind"] for metric in data["metrics"]} == {"training"}
    assert data["metrics"][data["first"][0]]["name"] == "discriminator/loss"
    assert data["metrics"][data["first"][1]]["name"] == "generator/loss"
    assert "measured" not in page.sections
    assert "runs" in page.sections


def test_one_seed_is_not_enough_to_rank(tmp_path):
    said = report(tmp_path, seeds=1).text["body"]
    assert "Fewer than 3 seeds: not enough to say that it is better" in said
    assert said.count("fewer than 3 seeds: not enough") == 2


@pytest.mark.parametrize("status", ["failed", "missing", "non_finite", "running"])
def test_all_runs_alike(tmp_path, status):
    page = report(tmp_path, ends={(0, -1): status, (1, -1): status})
    said = page.text["body"]
    if status in ("failed", "missing"):
        assert "No run has a record yet" in said
        assert "No run has a sample grid" in said
    if status == "failed":
        assert said.count(made_sweeps.UNEXPECTED) == 6


def test_one_setting(tmp_path):
    made_sweeps.make(tmp_path, {"loss.name": ["hinge"]}, **SHORT)
    found = summary_of(tmp_path)
    assert [one["point"] for one in found["settings"]] == [{"loss.name": "hinge"}]
    assert found["comparisons"] == []


def test_seeds_alone(tmp_path):
    made_sweeps.make(tmp_path, {}, **SHORT)
    page = parsed(write_report(tmp_path))
    assert [one["point"] for one in summary_of(tmp_path)["settings"]] == [{}]
    assert "the base configuration" in page.text["body"]
    assert "factors" not in page.sections


def test_values_that_are_not_finite(tmp_path):
    page = report(tmp_path, broken_values=True)
    said = page.text["body"]
    assert "∞" in said
    found = summary_of(tmp_path)
    assert {row["mean"] for row in found["ranking"]["tables"][0]["rows"]} == {"inf"}
    lost = sum(line["not_finite"] for one in found["curves"] for line in one["settings"])
    assert f"Left out of means and bands: {lost} values" in said
    for _, text in page.scripts[:2]:
        json.loads(text, parse_constant=pytest.fail)  # JSON in a browser has neither NaN nor Infinity


@pytest.mark.parametrize("metric", ["", "recall_lenet", "nearest_neighbour_lenet"])
def test_other_metrics_or_none(tmp_path, metric):
    said = report(tmp_path, metric=metric).text["body"]
    ranked = summary_of(tmp_path)["ranking"]
    means = [row["mean"] for row in ranked["tables"][0]["rows"]]
    if metric == "recall_lenet":
        assert (ranked["better"], means) == ("higher", sorted(means, reverse=True))
        assert "the highest mean recall_lenet" in said
    if not metric:
        assert (ranked["metric"], means) == ("frechet_lenet", sorted(means))
        assert "names no metric to rank by" in said
    if metric == "nearest_neighbour_lenet":
        assert (ranked["best"], means) == (None, [None, None])
        assert "No run has a value of nearest_neighbour_lenet yet" in said


def test_without_a_question_or_a_file_of_the_configuration(tmp_path):
    made_sweeps.make(tmp_path, {"loss.name": ["hinge", "minimax"]}, question="", **SHORT)
    assert "Sweep of experiments/mnist/config.py:small_dcgan" in parsed(write_report(tmp_path)).text["body"]
    sweep = json.loads((tmp_path / "sweep.json").read_text())
    (tmp_path / "sweep.json").write_text(json.dumps({**sweep, "config": "", "overrides": [], "commands": [[]]}))
    said = parsed(write_report(tmp_path)).text["body"]
    assert "was not started with a file" in said
    assert "gan-jax train" not in said


def test_two_protocols_are_kept_apart(tmp_path):
    made_sweeps.make(tmp_path, {"loss.name": ["hinge", "minimax", "wasserstein"]}, **SHORT)
    changed = list(json.loads((tmp_path / "sweep.json").read_text())["runs"])[6:]
    for run in changed:
        path = tmp_path / "runs" / run / "evaluation.jsonl"
        path.write_text(re.sub(r'"protocol": "(\w{8})\w+"', r'"protocol": "\1aaaaaaaa"', path.read_text())
                        .replace('"batch_norm": "running"', '"batch_norm": "batch of 64"'))  # fmt: skip
    said = parsed(write_report(tmp_path)).text["body"]
    found = summary_of(tmp_path)
    assert [one["title"] for one in found["protocols"]][:2] == ["frechet_lenet [1]", "frechet_lenet [2]"]
    first, second = found["ranking"]["tables"]
    assert [row["n"] for row in first["rows"]] == [3, 3, 0]
    assert [(row["setting"], row["n"]) for row in second["rows"]] == [(2, 3)]
    assert {one["setting"] for one in found["comparisons"]} < {0, 1}
    assert "batch norm batch of 64 instead of running" in said
    assert "3 of another protocol" in said
    assert "frechet_lenet, kid_lenet, precision_lenet, recall_lenet, density_lenet, coverage_lenet: 2 protocols" in said


def test_a_fields_path_and_command_repeat_each_run(tmp_path):
    file = tmp_path / "a file.py"
    file.write_text("import gan_jax\n\ndef get_config(variant=None):\n    return gan_jax.default_config()\n")
    workdir = made_sweeps.make(
        tmp_path / "sweep", {"generator.mlp.widths": [[32], [64, 64]], "loss.name": ["hinge", "minimax"]}, **SHORT
    )
    sweep = json.loads((workdir / "sweep.json").read_text())
    sweep |= {"config": str(file), "overrides": ["latent_dim=7", "optimizer.generator.name=rmsprop"]}
    (workdir / "sweep.json").write_text(json.dumps(sweep))
    page = parsed(write_report(workdir))
    found = [text for text in page.codes if text.startswith("gan-jax train")]
    assert len(found) == len(sweep["runs"]) == 12
    for line in found:
        words = shlex.split(line)
        assert words[:2] == ["gan-jax", "train"]
        config, rest = parse_config_flags(words[2:])
        (place,) = rest
        name = place.removeprefix("--workdir=repeated/")
        overrides = {field: tuple(v) if isinstance(v, list) else v for field, v in sweep["runs"][name].items()}
        wanted = {"latent_dim": 7, "optimizer.generator.name": "rmsprop", **overrides}
        assert to_json(config) == to_json(load_config(file, wanted))


def test_curves_are_thinned_and_say_so(tmp_path):
    page = report(tmp_path, seeds=1, steps=3000, log_every=5)
    data = json.loads(page.scripts[0][1])
    assert max(len(steps) for steps in data["steps"]) == pages.POINTS
    assert {steps[-1] for steps in data["steps"]} == {3000}
    assert "At most 200 points of a curve are drawn, evenly spaced; the longest has 600 records." in page.text["body"]


def test_grids_and_curves_that_do_not_fit_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(grids, "BYTES", 60_000)
    monkeypatch.setattr(pages, "NUMBERS", 2000)
    page = report(tmp_path, {"loss.name": ["hinge", "minimax", "wasserstein"]})
    shown = sum(t == "img" and "src" in dict(a) for t, a in page.elements)
    assert 0 < shown < 6
    assert f"Grids of {shown} of 9 runs are in this page" in page.text["body"]
    assert page.text["body"].count("not in this page") >= 9 - shown
    assert "Curves of 2 of 3 settings are in this page, the best first." in page.text["body"]


def test_pictures_that_are_none_are_skipped(tmp_path):
    made_sweeps.make(tmp_path, {"loss.name": ["hinge", "minimax"]}, **SHORT)
    newest = sorted(tmp_path.glob("runs/*/samples/600.png"))[0]
    newest.write_bytes(newest.read_bytes()[:99])
    page = parsed(write_report(tmp_path))
    assert sum(t == "img" and "src" in dict(a) for t, a in page.elements) == 6
    assert "step 300" in page.text["body"]


@pytest.mark.slow
def test_five_hundred_runs_fit_into_twenty_megabytes(tmp_path):
    rates = [i / 10_000 for i in range(1, 6)]
    fields = {"loss.name": made_sweeps.LOSSES, "optimizer.generator.learning_rate": rates,
              "optimizer.discriminator.learning_rate": rates}  # fmt: skip
    made_sweeps.make(tmp_path, fields, log_every=25, evaluate_every=2500, grids=2, ends={(99, -1): "stopped"})
    path = write_report(tmp_path)
    assert path.stat().st_size < 20e6
    page = parsed(path)
    assert "500 runs" in page.text["body"]
    assert len([text for text in page.codes if text.startswith("gan-jax train")]) == 500


def test_reads_records_and_computes_nothing_with_jax():
    for path in Path(gan_jax.reporting.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] in ("jax", "flax", "seaborn")], path


class Page(HTMLParser):
    """Elements, scripts, and the text of a page."""

    def __init__(self):
        super().__init__()
        self.elements, self.scripts, self.sections, self.codes, self.text = [], [], [], [], {"body": "", "style": ""}
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, attrs))
        if tag == "section":
            self.sections.append(dict(attrs)["id"])
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))
        if tag == "code":
            self.codes.append("")
        if tag in ("script", "style", "code", "head"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            self.open.remove(tag)

    def handle_data(self, data):
        if "script" in self.open:
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)
        elif "style" in self.open:
            self.text["style"] += data
        elif "head" not in self.open:
            self.text["body"] = (self.text["body"] + re.sub(r"\s+", " ", data)).replace("  ", " ")
            if "code" in self.open:
                self.codes[-1] += data
