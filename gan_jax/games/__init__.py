"""Games by name: functions from a ``Setup`` to a ``Game``, one method a file."""

from collections.abc import Callable, Mapping

from gan_jax.game import Game
from gan_jax.games import auxiliary, conditional, cycle, gan, info, projection, semi_supervised

GAMES: Mapping[str, Callable[..., Game]] = {
    "gan": gan.build,
    "conditional": conditional.build,
    "projection": projection.build,
    "auxiliary": auxiliary.build,
    "semi_supervised": semi_supervised.build,
    "info": info.build,
    "cycle": cycle.build,
}
