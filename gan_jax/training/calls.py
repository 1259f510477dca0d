"""How long a call of the compiled program is, and what to say of a run that is not finite."""

import math
from collections.abc import Mapping

import jax
from ml_collections import ConfigDict

from gan_jax.game import Game

# How long the host leaves the program alone when steps_per_call is 0. Each call takes its memory anew from the system,
# which costs some percent of a step of a DCGAN on CPUs; a signal is heard at the end of a call.
SECONDS_PER_CALL = 1.5
STEPS_PER_CALL_OF_MANY = 50  # the same for several processes, which cannot each go by their own clock


def to_next_event(step: int, config: ConfigDict, until: int | None = None) -> int:
    """Steps from ``step`` to the next record, sample grid, checkpoint or evaluation, or to the end."""
    own = (config.log_every, config.sample_every, config.checkpoint_every, config.evaluation.every)
    end = config.steps if until is None else until
    return min([end - step, *(p - step % p for p in own if p)])


def next_length(length: int, seconds: float, config: ConfigDict) -> int:
    """Most steps of the next call, after one of ``length`` steps that took ``seconds``."""
    if config.steps_per_call:
        return config.steps_per_call
    if jax.process_count() > 1:
        return STEPS_PER_CALL_OF_MANY
    return max(1, min(10 * length, int(SECONDS_PER_CALL * length / seconds)))


def due(step: int, every: int) -> bool:
    """Whether something that happens every so many steps (0: never) happens after ``step``."""
    return every > 0 and step % every == 0


def not_finite(game: Game, bad: int, before: int, metrics: Mapping[str, float]) -> str:
    """What became NaN or infinite, in words.

    Args:
      game: the game.
      bad: the step, counted from 1.
      before: steps that were done before the call in which it happened.
      metrics: of that step.
    """
    order = [name for movers in game.schedule for name in movers]
    wrong = [name for name, value in metrics.items() if not math.isfinite(value)] or [f"{order[0]}/objective"]
    # Who moved first may have spoiled the others; its loss says more than what follows from it.
    first = min(
        wrong,
        key=lambda n: (
            order.index(n.split("/")[0]) if n.split("/")[0] in order else len(order),
            not n.endswith("/loss"),
        ),
    )
    player = first.split("/")[0]
    return (
        f"{first} is {metrics.get(first, 'not finite')} at step {bad}, in the call of steps {before + 1} to "
        f"{max(bad, before + 1)}; a lower optimizer.{player}.learning_rate or optimizer.{player}.clip may help"
    )
