"""Games whose course is known: Dirac-GAN, and gradient reversal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.given import HYPER
from support.toys import dirac, gradient_reversal

from gan_jax.game import alternating, simultaneous
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step


def radius_after(game, steps):
    step = make_step(game, local_batch=1)
    batch = {"image": jnp.zeros((sum("discriminator" in r for r in game.schedule), 1, 1))}
    state = init_state(game, jax.random.key(0), HYPER)
    state = jax.lax.fori_loop(0, steps, lambda _, s: step(s, batch)[0], state)
    return float(jnp.hypot(state.params["generator"]["theta"], state.params["discriminator"]["psi"]))


def by_hand(loss, steps, k, together):
    """The update equations written out in float64; the slope of softplus is the sigmoid."""
    theta, psi, h = 1.0, 1.0, 0.2

    def sigmoid(t):
        return 1.0 / (1.0 + np.exp(-t))

    def slope_generator(theta, psi):  # of its cost with respect to theta
        return -psi * sigmoid(psi * theta) if loss == "minimax" else -psi * sigmoid(-psi * theta)

    for _ in range(steps):
        if together:
            theta, psi = theta - h * slope_generator(theta, psi), psi - h * theta * sigmoid(psi * theta)
        else:
            for _ in range(k):
                psi -= h * theta * sigmoid(psi * theta)
            theta -= h * slope_generator(theta, psi)
    return np.hypot(theta, psi)


@pytest.mark.parametrize("loss", ["minimax", "non_saturating"])
@pytest.mark.parametrize(("k", "together"), [(1, True), (1, False), (5, False)])
def test_dirac_gan_follows_its_equations(loss, k, together):
    schedule = (
        simultaneous("discriminator", "generator") if together else alternating("discriminator", "generator", steps=k)
    )
    np.testing.assert_allclose(radius_after(dirac(loss, schedule), 100), by_hand(loss, 100, k, together), rtol=1e-4)


def test_gradient_reversal_as_a_game_equals_the_reversed_layer():
    """One SGD step on label loss + domain loss, through a layer whose gradient is multiplied by -weight."""
    rate, weight = 0.05, 0.7
    game = gradient_reversal(rate, weight)
    state = init_state(game, jax.random.key(1), HYPER)
    batch = jax.random.normal(jax.random.key(2), (8, 5))

    @jax.custom_vjp
    def reverse(x):
        return x

    reverse.defvjp(lambda x: (x, None), lambda _, g: (-weight * g,))

    def single_loss(p):
        hidden = jnp.tanh(batch[:, :3] @ p["features"]["Dense_0"]["kernel"] + p["features"]["Dense_0"]["bias"][None])
        label = (hidden @ p["label_head"]["Dense_0"]["kernel"])[:, 0] + p["label_head"]["Dense_0"]["bias"]
        domain = (reverse(hidden) @ p["domain_head"]["Dense_0"]["kernel"])[:, 0] + p["domain_head"]["Dense_0"]["bias"]
        cross_entropy = jax.nn.softplus(domain) - domain * (batch[:, 4] > 0).astype(jnp.float32)
        return jnp.mean(jnp.square(label - batch[:, 3])) + jnp.mean(cross_entropy)

    params = state.params
    step = jax.jit(make_step(game, local_batch=8))
    for _ in range(5):
        grads = jax.grad(single_loss)(params)
        params = jax.tree.map(lambda p, g: p - rate * g, params, grads)
        state, _ = step(state, {"image": batch[None]})
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-7), state.params, params)
