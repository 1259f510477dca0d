"""Games by name: functions from ``Parts`` to a ``Game``, one method a file."""

from collections.abc import Callable, Mapping

from gan_jax.game import Game, Parts
from gan_jax.games import gan

GAMES: Mapping[str, Callable[[Parts], Game]] = {"gan": gan.build}
