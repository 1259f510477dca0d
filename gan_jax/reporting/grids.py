"""Sample grids, small enough for a page: rows are settings, columns seeds, and one seed always shows the same z."""

import base64
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, UnidentifiedImageError

from gan_jax.reporting.material import Material, Setting
from gan_jax.reporting.wording import counted
from gan_jax.sweeps.layout import run_folder

BYTES = 8_500_000  # of all grids of a page, as text
LONGEST = 400  # pixels of a side
STEPS = 5  # steps that can be chosen beside the end of each run
SEEDS = 10  # columns
MANY = 150  # runs from which on grids are pressed harder
QUALITY, PRESSED = 80, 55


def grids(material: Material, order: Sequence[int]) -> "Grids":
    """The newest grid of every run, then earlier ones, as long as there is room.

    Args:
      material: the sweep.
      order: numbers of the settings, the best first; where room ends, the last ones are without grids.
    """
    settings = [material.settings[number] for number in order]
    seeds = material.seeds[:SEEDS]
    stored = {run: sample_steps(material, run) for setting in settings for run in setting.runs.values()}
    quality = PRESSED if sum(bool(steps) for steps in stored.values()) > MANY else QUALITY
    room, scaled = BYTES, False
    last: dict[str, Picture] = {}
    spent = False
    for run in _by_seed(settings, seeds):
        newest = None if spent else _newest(material, run, stored[run], quality)
        if newest is not None:
            spent = len(newest.uri) > room
            if not spent:
                room, scaled = room - len(newest.uri), scaled or newest.scaled
                last[run] = newest
    chosen = _choose(sorted({step for run in last for step in stored[run]}))
    earlier: dict[int, dict[str, str]] = {}
    for step in reversed(chosen) if not spent else ():
        made = {run: picture(material, run, step, quality) for run in last if step in stored[run]}
        whole = {run: one.uri for run, one in made.items() if one is not None}
        size = sum(len(uri) for uri in whole.values())
        if size > room:
            break
        room, earlier[step] = room - size, whole
    return Grids(
        tuple(setting.number for setting in settings if any(run in last for run in setting.runs.values())),
        tuple(seeds), last, dict(sorted(earlier.items())), tuple(_notes(material, stored, last, earlier, scaled)),
    )  # fmt: skip


def sample_steps(material: Material, run: str) -> list[int]:
    """Steps of which a run has a grid, in order."""
    folder = run_folder(material.workdir, run) / "samples"
    return sorted(int(path.stem) for path in folder.glob("*.png") if path.stem.isdigit())


def picture(material: Material, run: str, step: int, quality: int) -> "Picture | None":
    """A grid of a run as a data URI; None if the file is no picture."""
    try:
        image = load(run_folder(material.workdir, run) / "samples" / f"{step}.png")
    except (OSError, UnidentifiedImageError):
        return None
    scaled = max(image.size) > LONGEST
    if scaled:
        image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=4)
    uri = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Picture(uri, step, *image.size, scaled)


def load(path: Path) -> Image.Image:
    """A picture in grey if it has no colours, else in RGB."""
    with Image.open(path) as file:
        image = file.convert("RGB")
    red, green, blue = image.split()
    return red if red.tobytes() == green.tobytes() == blue.tobytes() else image


def _newest(material: Material, run: str, steps: Sequence[int], quality: int) -> "Picture | None":
    for step in reversed(steps):
        made = picture(material, run, step, quality)
        if made is not None:
            return made
    return None


def _by_seed(settings: Sequence[Setting], seeds: Sequence[int]) -> Iterator[str]:
    """Runs seed by seed, so that each setting has a grid before any has a second."""
    for seed in seeds:
        for setting in settings:
            if seed in setting.runs:
                yield setting.runs[seed]


def _choose(steps: Sequence[int]) -> list[int]:
    if len(steps) <= STEPS:
        return list(steps)
    return sorted({steps[round(i * (len(steps) - 1) / (STEPS - 1))] for i in range(STEPS)})


def _notes(material: Material, stored: dict[str, list[int]], last: Any, earlier: Any, scaled: bool) -> list[str]:
    runs = sum(bool(steps) for steps in stored.values())
    steps = {step for found in stored.values() for step in found}
    notes = []
    if len(last) < runs:
        notes.append(f"Grids of {len(last)} of {counted(runs, 'run')} are in this page, the best settings first.")
    if len(earlier) < 2 < len(steps):
        notes.append(f"Grids of earlier steps are not in this page; {counted(len(steps), 'step')} have some.")
    elif len(earlier) < len(steps):
        notes.append(f"Of {counted(len(steps), 'step')} with grids, {len(earlier)} can be chosen.")
    if len(material.seeds) > SEEDS:
        notes.append(f"Grids of the first {SEEDS} of {counted(len(material.seeds), 'seed')} are shown.")
    if scaled:
        notes.append(f"Large grids are scaled down to {LONGEST} pixels.")
    return notes


class Picture(NamedTuple):
    """A grid in a page.

    Attributes:
      uri: "data:image/webp;base64,...".
      step: of the run.
      width: in pixels.
      height: in pixels.
      scaled: whether it was made smaller.
    """

    uri: str
    step: int
    width: int
    height: int
    scaled: bool


class Grids(NamedTuple):
    """All grids in a page.

    Attributes:
      settings: numbers of the settings that have one, in order.
      seeds: columns.
      last: {run: its newest grid}.
      earlier: {step: {run: data URI}}.
      notes: lines that say what was left out.
    """

    settings: tuple[int, ...]
    seeds: tuple[int, ...]
    last: dict[str, Picture]
    earlier: dict[int, dict[str, str]]
    notes: tuple[str, ...]
