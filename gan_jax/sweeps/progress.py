"""What a person sees of a sweep: one bar on a terminal, a line now and then elsewhere."""

import sys
import time
from typing import Any, TextIO

from gan_jax.training.progress import Screen

EVERY = 20.0  # seconds between lines where there is no bar


class SweepProgress:
    """Steps over all runs, how many runs are done, failed and left, and the time left.

    Args:
      steps: over all runs.
      runs: how many.
      done: runs that ended before this start; {status: runs}.
      stream: where to; a bar if it is a terminal. stderr if None.
      enabled: False shows nothing.
    """

    def __init__(
        self, steps: int, runs: int, done: dict[str, int], stream: TextIO | None = None, *, enabled: bool = True
    ) -> None:
        self.steps, self.runs, self.enabled = steps, runs, enabled
        self.stream = Screen(sys.stderr if stream is None else stream)
        self.counts: dict[str, int] = dict(done)
        self.at = 0
        self._begun = self._said = time.perf_counter()
        self._bar: Any = None
        if enabled and self.stream.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=steps, file=self.stream, unit="step", unit_scale=True, dynamic_ncols=True, smoothing=0.05
            )
            self._bar.set_postfix_str(self.words())

    def advance(self, steps: int) -> None:
        """So many more steps are done, over all runs."""
        self.at += steps
        if self._bar is not None:
            self._bar.update(steps)
        elif time.perf_counter() - self._said > EVERY:
            self._line()

    def ended(self, status: str) -> None:
        """A run ended."""
        self.counts[status] = self.counts.get(status, 0) + 1
        if self._bar is not None:
            self._bar.set_postfix_str(self.words())

    def words(self) -> str:
        """How many runs are done, failed and left."""
        done = self.counts.get("finished", 0)
        others = {k: n for k, n in sorted(self.counts.items()) if k not in ("finished", "paused") and n}
        left = self.runs - done - sum(others.values())
        return ", ".join([f"{done} done", *(f"{n} {status}" for status, n in others.items()), f"{left} left"])

    def _line(self) -> None:
        self._said = now = time.perf_counter()
        share = self.at / max(self.steps, 1)
        seconds = int((now - self._begun) * (1 - share) / share) if share > 0 else 0
        time_left = f"  {seconds // 60}:{seconds % 60:02d} left" if share > 0 else ""
        self.say(f"{share:4.0%}  {self.words()}{time_left}")

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
