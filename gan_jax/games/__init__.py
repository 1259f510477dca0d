"""Games by name: functions from a ``Setup`` to a ``Game``, one method a file."""

from collections.abc import Callable, Mapping

from gan_jax.game import Game
from gan_jax.games import conditional, cycle, gan

GAMES: Mapping[str, Callable[..., Game]] = {"gan": gan.build, "conditional": conditional.build, "cycle": cycle.build}
