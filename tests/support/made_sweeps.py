"""Sweeps that were never trained: work directories with made-up records, as a sweep would leave them."""

import dataclasses
import functools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gan_jax.config import default_config
from gan_jax.evaluation.protocol import Protocol

QUESTION = "Which loss trains the small DCGAN best on MNIST, and at which learning rate?"
LOSSES = ("non_saturating", "least_squares", "hinge", "minimax")
RATES = (0.0002, 0.001)
METRICS = {"frechet_lenet": (620.0, 150.0), "kid_lenet": (42.0, 18.0), "precision_lenet": (0.05, 0.63),
           "recall_lenet": (0.0, 0.6), "density_lenet": (0.02, 0.31), "coverage_lenet": (0.0, 0.21)}  # fmt: skip
OPTIONS = {"kid": {"subsets": 100, "subset_size": 1000}, "frechet": {}}
VERSIONS = {"python": "3.11.7", "gan_jax": "0.2.0", "jax": "0.10.2", "jaxlib": "0.10.2", "flax": "0.12.8"}
ENVIRONMENT = {
    "command": ["gan-jax", "sweep"], "git_revision": "276f1f1cedb9fae8754cc34e9955b692fac829f4", "versions": VERSIONS,
    "backend": "gpu", "devices": ["cuda:0"], "processes": 1, "xla_flags": "",
}  # fmt: skip
COLLAPSED = {"name": "discriminator_won", "since": 1400, "hopeless": True,
             "evidence": "discriminator/loss is 1.2e-05, below 1% of the way to the equilibrium"}  # fmt: skip
VANISHING = {"name": "vanishing_generator_gradient", "since": 1500, "hopeless": True,
             "evidence": "generator/gradient_norm is 0.0012, below 1% of its early 0.84"}  # fmt: skip
OSCILLATING = {"name": "oscillating", "since": 3100, "hopeless": False, "evidence": "the heaviest mode changed 9 times"}
UNEXPECTED = "ValueError in loss.py:12: logits of shape (64, 2), expected (64,)"

HOSTILE = "</script><script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(2)><b>bold</b>"


def make(
    workdir: Path,
    fields: Mapping[str, Sequence[object]] | None = None,
    *,
    seeds: int = 5,
    steps: int = 5000,
    log_every: int = 100,
    evaluate_every: int = 1000,
    metric: str = "frechet_lenet",
    question: str = QUESTION,
    ends: Mapping[tuple[int, int], str] | None = None,
    reason: str = UNEXPECTED,
    grids: int = 5,
    broken_values: bool = False,
    halving: bool = False,
) -> Path:
    """Write a sweep.

    Args:
      workdir: made.
      fields: {field: values}; every combination is a setting.
      seeds: of each setting.
      steps: of each run.
      log_every: steps between records.
      evaluate_every: steps between evaluations; 0 makes none.
      metric: that ranks.
      question: in words.
      ends: {(setting, seed): status} of runs that did not finish; (setting, -1) means all of its seeds.
      reason: of failed runs.
      grids: sample grids a run; 0 makes none.
      broken_values: whether some records hold NaN and infinite values.
      halving: whether sweep.json says that runs were eliminated.

    Returns:
      ``workdir``.
    """
    fields = {"loss.name": LOSSES, "optimizer.generator.learning_rate": RATES} if fields is None else fields
    ends = ends or {}
    points = _points(fields)
    base = json.loads(default_config().to_json())
    _set(base, "data.name", "mnist")
    _set(base, "generator.name", "dcgan")
    _set(base, "discriminator.name", "dcgan")
    _set(base, "steps", steps)
    runs = {}
    for i, point in enumerate(points):
        for seed in range(seeds):
            runs[f"{i * 7919 + seed * 104729 + 3735928559:010x}"] = (i, {**point, "seed": seed})
    sweep = {
        "question": question, "metric": metric, "config": "experiments/mnist/config.py:small_dcgan",
        "sweep": "experiments/mnist/losses.py", "overrides": [f"steps={steps}"],
        "commands": [["gan-jax", "sweep", "--config=experiments/mnist/config.py:small_dcgan",
                      "--sweep=experiments/mnist/losses.py", "--workdir=runs/losses", f"--config.steps={steps}"]],
        "base": base, "fields": list(fields), "seeds": list(range(seeds)),
        "runs": {name: point for name, (_, point) in runs.items()},
        "halving": {"metric": metric, "first": 1000, "factor": 3} if halving else None, "versions": VERSIONS,
    }  # fmt: skip
    _write(workdir / "sweep.json", sweep)
    for name, (i, point) in runs.items():
        status = ends.get((i, point["seed"]), ends.get((i, -1), "finished"))
        config = json.loads(json.dumps(base))
        for field, value in point.items():
            _set(config, field, value)
        rng = np.random.default_rng([i, point["seed"]])
        _run(workdir / "runs" / name, config, i, point["seed"], status, rng, steps=steps, log_every=log_every,
             evaluate_every=evaluate_every, grids=grids, reason=reason, broken_values=broken_values)  # fmt: skip
    _groups(workdir, fields, runs, steps)
    return workdir


def typical(workdir: Path) -> Path:
    """Eight settings, five seeds; some runs ended early, one failed, one has not begun."""
    ends = {(6, -1): "stopped", (7, -1): "stopped", (7, 3): "non_finite", (5, 1): "non_finite", (5, 4): "failed",
            (3, 2): "missing"}  # fmt: skip
    return make(workdir, ends=ends)


def _points(fields: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    points: list[dict[str, object]] = [{}]
    for field, values in fields.items():
        points = [{**point, field: value} for point in points for value in values]
    return points


def _run(folder, config, setting, seed, status, rng, *, steps, log_every, evaluate_every, grids, reason, broken_values):
    if status == "missing":
        return
    _write(folder / "config.json", config)
    if status == "failed":
        _write(folder / "result.json", {"status": "failed", "step": 0, "params_sha256": "", "seconds": 0.0,
                                        "metrics": {}, "sample_grid": None, "best": None, "health": [],
                                        "reason": reason})  # fmt: skip
        return
    _write(folder / "environment.json", ENVIRONMENT)
    won = status == "stopped" or setting in (6, 7)
    end = {"non_finite": int(steps * 0.46), "stopped": int(steps * 0.6), "eliminated": steps // 3}.get(status, steps)
    if status == "running":
        end = steps // 2
    end -= end % log_every
    records = _records(end, log_every, won, rng)
    if status == "non_finite":
        records[-1]["discriminator/loss"] = records[-1]["generator/gradient_norm"] = math.nan
    if broken_values:
        records[len(records) // 2]["generator/loss"] = math.inf
    _lines(folder / "metrics.jsonl", records)
    if evaluate_every and status != "non_finite":
        levels = rng.normal(0.0, 0.06) + 0.07 * (setting % 2) - 0.04 * (setting // 2 % 3)
        at = range(evaluate_every, end + 1, evaluate_every)
        evaluated = [r for step in at for r in _evaluation(step, steps, levels, won, seed, rng)]
        if broken_values:
            evaluated = [{**r, "value": "inf"} if r["metric"] == "frechet_lenet" else r for r in evaluated]
        _lines(folder / "evaluation.jsonl", evaluated)
    quality = 0.0 if won else 0.75 - 0.25 * (setting % 2)
    for step in [end * (i + 1) // grids for i in range(grids)]:
        _picture(folder / "samples" / f"{step}.png", seed, quality * min(1.0, step / steps), rng)
    if status == "running":
        return
    health = [COLLAPSED, VANISHING] if won else [OSCILLATING] if setting == 5 and seed == 0 else []
    why = {"non_finite": f"discriminator/loss is nan at step {end}", "stopped": COLLAPSED["evidence"],
           "eliminated": "not among the best third at step 1000"}.get(status, "")  # fmt: skip
    result = {"status": status, "step": end, "params_sha256": f"{rng.integers(2**60):064x}",
              "seconds": round(300 * end / 5000 + 4 * float(rng.random()), 3),
              "metrics": {k: v if math.isfinite(v) else str(v) for k, v in records[-1].items() if "/" in k},
              "sample_grid": f"samples/{end}.png" if grids else None, "best": None, "health": health,
              "reason": why}  # fmt: skip
    _write(folder / "result.json", result)


def _records(end, log_every, won, rng):
    records = []
    for step in range(log_every, end + 1, log_every):
        noise = rng.normal(0.0, 0.03, 4)
        fall = math.exp(-step / 500)
        d_loss = 1.38 * fall + 2e-4 if won else 1.05 + 0.33 * fall + noise[0]
        records.append({
            "step": step, "images_seen": 64 * step, "seconds": round(0.06 * step, 3), "images_per_second": 1100.0,
            "discriminator/loss": d_loss, "generator/loss": 8 * (1 - fall) if won else 0.9 + noise[1] + 0.2 * fall,
            "discriminator/real_logits": 11 * (1 - fall) if won else 0.8 + noise[2],
            "discriminator/fake_logits": -10 * (1 - fall) if won else -0.8 + noise[3],
            "discriminator/gradient_norm": 0.5 * fall + 0.2 + abs(noise[0]),
            "generator/gradient_norm": 0.8 * fall + (0.001 if won else 0.15) + abs(noise[1]) / 9,
        })  # fmt: skip
    return records


def _evaluation(step, steps, level, won, seed, rng):
    records = []
    for metric, (first, last) in METRICS.items():
        share = 1 - math.exp(-4 * step / steps)
        good = last * (1 + level if first > last else 1 - level)
        value = first + (first * 0.02 if won else (good - first) * share) + abs(first - last) * rng.normal(0, 0.012)
        name = metric.removesuffix("_lenet")
        protocol = Protocol(
            metric, OPTIONS.get(name, {"k": 5}), 10_000, 10_000, "mnist", "test", "9c7ad0d62005ebe6", "none",
            "8 bit", "lenet (mnist)", "91024f99910f07149b761e622ebe10cecd07760fad4fe0e0be7dd49fc5c6c54d", "ema",
            "running", "step")  # fmt: skip
        records.append({"metric": metric, "value": max(0.0, value), "spread": 1.1 if name == "kid" else None,
                        "spread_over": "subsets" if name == "kid" else "", "by": "train", "step": step, "seed": seed,
                        "repeats": 1, **dataclasses.asdict(protocol), "protocol": protocol.sha256(),
                        "versions": VERSIONS})  # fmt: skip
    return records


@functools.cache
def _digits():
    from sklearn.datasets import load_digits

    return load_digits().images / 16.0


@functools.cache
def _digit_grid(seed: int) -> np.ndarray:
    chosen = np.random.default_rng(seed).integers(len(_digits()), size=64)
    side = np.zeros((242, 242))
    for i, one in enumerate(_digits()[chosen]):
        image = Image.fromarray((255 * one).astype(np.uint8)).resize((28, 28), Image.Resampling.BICUBIC)
        y, x = 2 + i // 8 * 30, 2 + i % 8 * 30
        side[y : y + 28, x : x + 28] = np.asarray(image)
    return side


def _picture(path: Path, seed: int, quality: float, rng) -> None:
    noise = Image.fromarray(rng.integers(0, 190, (121, 121), dtype=np.uint8)).resize((242, 242))
    mixed = quality * _digit_grid(seed) + (1 - quality) * np.asarray(noise)
    mixed[np.arange(242) % 30 < 2] = mixed[:, np.arange(242) % 30 < 2] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mixed.astype(np.uint8)).convert("RGB").save(path, compress_level=1)


def _groups(workdir, fields, runs, steps):
    losses = list(dict.fromkeys(point.get("loss.name", "") for _, point in runs.values()))
    for i, loss in enumerate(losses):
        names = [name for name, (_, point) in runs.items() if point.get("loss.name", "") == loss]
        one = len(names) < 3
        _write(workdir / "groups" / f"{i:03d}" / "group.json", {
            "runs": names, "begin": 0, "until": steps, "width": 1 if one else min(5, len(names)),
            "way": "one by one" if one else "vmap",
            "why": "one by one: too few to map" if one else "vmap of 5 takes 0.41 of the time of one by one",
            "seconds_per_step": {} if one else {"vmap": 0.0123, "one by one": 0.03},
        })  # fmt: skip
        _write(workdir / "groups" / f"{i:03d}" / "result.json", {
            "status": "done", "seconds": 61.5 * len(names), "programs": 1, "compile_seconds": 9.4 + i, "reason": "",
        })  # fmt: skip


def _set(config: dict, path: str, value: object) -> None:
    *parents, leaf = path.split(".")
    for parent in parents:
        config = config[parent]
    config[leaf] = value


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def _lines(path: Path, records: Sequence[Mapping[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
