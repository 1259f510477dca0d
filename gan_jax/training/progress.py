"""What a person sees of a run: a progress bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from gan_jax.health import Finding
from gan_jax.training.screen import Screen


class Progress:
    """Shows steps, images per second, time left and every player's loss.

    Args:
      total: steps of the run.
      stream: where to; a bar if it is a terminal. stderr if None.
      enabled: False shows nothing.
    """

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

    def update(self, step: int, images_per_second: float, metrics: Mapping[str, float]) -> None:
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

    def found(self, step: int, new: Sequence[Finding], all_names: Sequence[str]) -> None:
        """Something is wrong with the run, or no longer."""
        ended = [name for name in self.health if name not in all_names]
        self.health = tuple(all_names)
        for finding in new:
            self.say(f"step {step:,}: {finding.name}: {finding.evidence}")
        for name in ended:
            self.say(f"step {step:,}: no longer {name}")

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
