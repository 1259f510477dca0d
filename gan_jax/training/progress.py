"""What a person sees of a run: a progress bar on a terminal, plain lines elsewhere.

What only shows a run must never end it: a terminal may be closed, a pipe's reader gone.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:  # it would load JAX, and the command line takes the screen from here
    from gan_jax.health import Finding


class Screen:
    """A text stream that goes on without its reader; None shows nothing."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Show a text, or nothing from the first time on that this is not possible."""
        if self._stream is not None:
            try:
                self._stream.write(text)
            except (OSError, ValueError):  # a closed pipe, a terminal that is gone; a file that was closed
                self._stream = None
        return len(text)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._stream = None

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Show(Protocol):
    """What a person sees of the runs of a sweep."""

    def advance(self, steps: int) -> None:
        """So many more steps are done, over all runs."""

    def ended(self, status: str) -> None:
        """A run ended."""

    def say(self, line: str) -> None:
        """Print a line."""


class Told:
    """What the host loop tells; here nobody listens."""

    def started(self, step: int) -> None:
        """The program is compiled; rates count from here."""

    def update(self, step: int, done: int, images_per_second: float, metrics: Mapping[str, float]) -> None:
        """The program was called: runs are at ``step``, so many steps of theirs were done."""

    def record(self, step: int, images_per_second: float, metrics: Mapping[str, float]) -> None:
        """A record was written."""

    def evaluated(self, step: int, records: Sequence[Mapping[str, Any]]) -> None:
        """A model was evaluated."""

    def found(self, step: int, new: Sequence["Finding"], all_names: Sequence[str]) -> None:
        """What is wrong with a run, and what of that is new."""

    def run_ended(self, name: str, status: str, step: int, reason: str) -> None:
        """A run ended."""


class ToldOfSeveral(Told):
    """Tells a sweep's ``show`` of several runs that train until a step."""

    def __init__(self, show: Show, until: int) -> None:
        self.show, self.until = show, until

    def update(self, step: int, done: int, images_per_second: float, metrics: Mapping[str, float]) -> None:
        """So many steps more."""
        self.show.advance(done)

    def run_ended(self, name: str, status: str, step: int, reason: str) -> None:
        """One of them ended, and its steps with it."""
        if status == "interrupted":
            return
        if reason:
            self.show.say(f"{name} {status} at step {step:,}: {reason}")
        self.show.ended(status)
        if step < self.until:
            self.show.advance(self.until - step)


class Progress(Told):
    """Shows steps, images per second, time left and every player's loss, on stderr or another stream."""

    def __init__(self, total: int, stream: TextIO | None = None, *, enabled: bool = True) -> None:
        self.total, self.enabled = total, enabled
        self.stream = Screen(sys.stderr if stream is None else stream)
        self._bar: Any = None
        self._since = (time.perf_counter(), 0)
        self.health: tuple[str, ...] = ()  # what is wrong with the run, shown in the bar

    def begin(self, step: int, **options: Any) -> None:
        """Show the bar, where there is a terminal, with ``step`` steps already done; options are tqdm's."""
        if self.enabled and self.stream.isatty():
            from tqdm import tqdm

            shown = {"unit": "step", "dynamic_ncols": True, "smoothing": 0.1, **options}
            self._bar = tqdm(total=self.total, initial=step, file=self.stream, **shown)

    def started(self, step: int) -> None:
        """The program is compiled; rates count from here."""
        self._since = (time.perf_counter(), step)

    def update(self, step: int, done: int, images_per_second: float, metrics: Mapping[str, float]) -> None:
        """Move the bar to ``step``."""
        if self._bar is not None:
            words = (f"{images_per_second:,.0f} images/s", _losses(metrics), *self.health)
            self._bar.set_postfix_str(", ".join(words), refresh=False)
            self._bar.update(step - self._bar.n)

    def record(self, step: int, images_per_second: float, metrics: Mapping[str, float]) -> None:
        """A record was written: where there is no bar, print it as a line."""
        if self._bar is None:
            begun, first = self._since
            left = (time.perf_counter() - begun) / max(step - first, 1) * (self.total - step)
            self.say(
                f"step {step:,}/{self.total:,}  {images_per_second:,.0f} images/s  "
                f"{int(left) // 60}:{int(left) % 60:02d} left  {_losses(metrics)}"
            )

    def evaluated(self, step: int, records: Sequence[Mapping[str, Any]]) -> None:
        """The model was evaluated: print the values."""
        values = "  ".join(f"{record['metric']} {float(record['value']):.4g}" for record in records)
        self.say(f"step {step:,}/{self.total:,}  {values}")

    def found(self, step: int, new: Sequence["Finding"], all_names: Sequence[str]) -> None:
        """Something is wrong with the run, or no longer."""
        ended = [name for name in self.health if name not in all_names]
        self.health = tuple(all_names)
        for finding in new:
            self.say(f"step {step:,}: {finding.name}: {finding.evidence}")
        for name in ended:
            self.say(f"step {step:,}: no longer {name}")

    def run_ended(self, name: str, status: str, step: int, reason: str) -> None:
        """The run ended: say what a person may do then."""
        if status == "stopped":
            self.say(f"stopped at step {step:,}, {reason}; health.stop=False goes on")
        if status == "interrupted":
            self.say(f"saved step {step:,}; the same command continues")

    def say(self, line: str) -> None:
        """Print a line, above the bar if there is one."""
        if not self.enabled:
            return
        if self._bar is not None:
            self._bar.write(line, file=self.stream)
        else:
            print(line, file=self.stream, flush=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.close()


def _losses(metrics: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in sorted(metrics.items()) if name.endswith("/loss"))
