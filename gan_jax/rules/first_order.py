"""Rules that need gradients only: each player's own, optimism, extragradient."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import jax
import optax

from gan_jax.options import at_least
from gan_jax.rules.round import Optimizer, Points, Round, movers_part


def gradient(round: Round) -> Points:
    """Each player follows its own gradient: simultaneous or alternating, as the schedule says.

    Formula: w_i <- w_i - h_i grad_i L_i. Two time-scales are two learning rates, or several discriminator steps.
    Through the optimizer: yes.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, Algorithm 1.
      Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017, arXiv:1706.08500, equation 1.
    """
    return movers_part(round, round.start)


def optimistic(
    round: Round,
    *,
    strength: Annotated[float | jax.Array, at_least(0.0), "factor on the change of the optimizer's step"] = 1.0,
) -> Points:
    """The step of the optimizer, plus ``strength`` times its change since the player's previous move.

    Formula: w <- w + u_t + strength (u_t - u_{t-1}), with u the optimizer's update; optax's optimistic gradient. Its
    first step has no predecessor and is plain.
    Through the optimizer: yes, the change is taken of its updates, as in Optimistic Adam.

    Args:
      strength: at least 0; 1 is the paper's.

    References:
      Daskalakis et al., Training GANs with Optimism, 2017, arXiv:1711.00141, equation 6 and Algorithm 1.
    """
    del strength  # applied by ``optimistic_optimizer`` to what the optimizer makes of this gradient
    return movers_part(round, round.start)


def optimistic_optimizer(optimizer: Optimizer, number: Callable[[Mapping[str, Any], str], Any]) -> Optimizer:
    """The optimizer followed by ``optax.scale_by_optimistic_gradient``."""

    def init(params: Any) -> Any:
        return optimizer.init(params), optax.scale_by_optimistic_gradient().init(params)

    def update(grads: Any, state: Any, params: Any = None, *, hyper: Mapping[str, Any], **extra: Any) -> Any:
        updates, own = optimizer.update(grads, state[0], params, hyper=hyper, **extra)
        follow = optax.scale_by_optimistic_gradient(beta=number(hyper, "strength"))
        updates, previous = follow.update(updates, state[1])
        return updates, (own, previous)

    return optax.GradientTransformationExtraArgs(init, update)


def extragradient(round: Round) -> Points:
    """The gradient where all players would be after a step: look ahead, come back, step.

    Formula: w' = w - h v(w); w <- w - h v(w'). v is the field of all players, also where only some of them move.
    Through the optimizer: yes, both steps. The look-ahead leaves no trace in its state (ExtraAdam keeps both).

    References:
      Korpelevich, The extragradient method for finding saddle points and other problems, 1976.
      Gidel et al., A Variational Inequality Perspective on Generative Adversarial Networks, 2018, arXiv:1802.10551,
        equations 8 and 9 and Algorithm 4.
    """
    ahead = {
        name: round.update(name, round.start[name], params, round.opt[name])[0] for name, params in round.points.items()
    }
    return movers_part(round, round.gradients(ahead))
