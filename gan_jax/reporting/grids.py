"""Sample grids, small enough for a page: rows are settings, columns seeds, and one seed always shows the same z."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from gan_jax.reporting.curves import thinned
from gan_jax.reporting.wording import Setting, counted
from gan_jax.sweeps.layout import run_folder

BYTES = 8_500_000  # of all grids of a page, as text
LONGEST = 400  # pixels of a side
STEPS = 5  # steps that can be chosen beside the end of each run
SEEDS = 10  # columns
MANY = 150  # runs from which on grids are pressed harder
QUALITY, PRESSED = 80, 55


def grids(summary: Mapping[str, Any], settings: Sequence[Setting], workdir: Path) -> dict[str, Any]:
    """The newest grid of every run, then earlier ones ({step: {run: data URI}}), as long as there is room.

    Settings are those with a grid, the best first; where room ends, the last ones have none.
    """
    settings = [settings[number] for number in summary["ranking"]["order"]]
    seeds = summary["seeds"][:SEEDS]
    stored = {name: run["grids"] for name, run in summary["runs"].items()}
    quality = PRESSED if sum(bool(steps) for steps in stored.values()) > MANY else QUALITY
    room, spent = BYTES, False
    last: dict[str, Picture] = {}
    # Seed by seed, so that each setting has a grid before any has a second.
    for run in (setting.runs[seed] for seed in seeds for setting in settings if seed in setting.runs):
        newest = next(filter(None, (picture(workdir, run, step, quality) for step in reversed(stored[run]))), None)
        if newest is None:
            continue
        spent = len(newest.uri) > room
        if spent:
            break
        room -= len(newest.uri)
        last[run] = newest
    chosen = thinned(sorted({step for run in last for step in stored[run]}), STEPS)
    earlier: dict[int, dict[str, str]] = {}
    for step in reversed(chosen) if not spent else ():
        made = {run: picture(workdir, run, step, quality) for run in last if step in stored[run]}
        whole = {run: one.uri for run, one in made.items() if one is not None}
        size = sum(len(uri) for uri in whole.values())
        if size > room:
            break
        room, earlier[step] = room - size, whole
    return {
        "settings": [one.number for one in settings if any(run in last for run in one.runs.values())], "seeds": seeds,
        "last": last, "earlier": dict(sorted(earlier.items())),
        "notes": _notes(summary["seeds"], stored, last, earlier),
    }  # fmt: skip


def picture(workdir: Path, run: str, step: int, quality: int) -> "Picture | None":
    """A grid of a run as a data URI; None if the file is no picture."""
    image = load(workdir, run, step)
    if image is None:
        return None
    scaled = max(image.size) > LONGEST
    if scaled:
        image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=4)
    uri = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Picture(uri, step, *image.size, scaled)


def load(workdir: Path, run: str, step: int) -> Image.Image | None:
    """A grid of a run, in grey if it has no colours; None if the file is no picture, or was cut short by a kill."""
    try:
        with Image.open(run_folder(workdir, run) / "samples" / f"{step}.png") as file:
            image = file.convert("RGB")
    except OSError:
        return None
    red, green, blue = image.split()
    return red if red.tobytes() == green.tobytes() == blue.tobytes() else image


def _notes(
    seeds: Sequence[int], stored: Mapping[str, Sequence[int]], last: Mapping[str, "Picture"], earlier: Mapping[int, Any]
) -> list[str]:
    """What was left out."""
    runs = sum(bool(steps) for steps in stored.values())
    steps = {step for found in stored.values() for step in found}
    notes = []
    if len(last) < runs:
        notes.append(f"Grids of {len(last)} of {counted(runs, 'run')} are in this page, the best settings first.")
    if len(earlier) < 2 < len(steps):
        notes.append(f"Grids of earlier steps are not in this page; {counted(len(steps), 'step')} have some.")
    elif len(earlier) < len(steps):
        notes.append(f"Of {counted(len(steps), 'step')} with grids, {len(earlier)} can be chosen.")
    if len(seeds) > SEEDS:
        notes.append(f"Grids of the first {SEEDS} of {counted(len(seeds), 'seed')} are shown.")
    if any(grid.scaled for grid in last.values()):
        notes.append(f"Large grids are scaled down to {LONGEST} pixels.")
    return notes


class Picture(NamedTuple):
    """A grid for the page."""

    uri: str
    step: int
    width: int  # pixels
    height: int
    scaled: bool  # made smaller
