"""The Dirac-GAN: data at 0, a generator at theta, a discriminator psi x; every rule and penalty on two numbers.

References:
  Mescheder, Geiger & Nowozin, Which Training Methods for GANs do actually Converge?, 2018, arXiv:1801.04406,
    section 3 and figure 1; settings and numbers of the released notebook.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.build import build_game, build_hyper, build_source
from gan_jax.config import load_values
from gan_jax.game import Schedule, data_rounds, simultaneous
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step

RATE, STEPS = 0.2, 500

# The generator moves first, as in the released code.
SCHEDULES: Mapping[str, Schedule] = {
    "simultaneous": simultaneous("discriminator", "generator"),
    "alternating": (("generator",), ("discriminator",)),
    "alternating, D x 5": (("generator",), *((("discriminator",),) * 5)),
}

# name -> configuration fields. The penalty of the notebook's WGAN-GP is lambda / 2 (|psi| - 1)^2, ours has no 1/2.
METHODS: Mapping[str, Mapping[str, Any]] = {
    "GAN": {"loss.name": "minimax"},
    "NSGAN": {"loss.name": "non_saturating"},
    "WGAN, clip 1": {"loss.name": "wasserstein", "optimizer.discriminator.clip_weights": 1.0},
    "WGAN-GP, 0.7": {"loss.name": "wasserstein", "penalties.wgan_gp.weight": 0.35},
    "instance noise, 0.7": {"loss.name": "minimax", "instance_noise.std": 0.7, "instance_noise.end": float("inf")},
    "gradient penalty, 0.3": {"loss.name": "minimax", "penalties.r1.weight": 0.3},
    "gradient penalty, 1": {"loss.name": "minimax", "penalties.r1.weight": 1.0},
    "consensus, 1": {"loss.name": "minimax", "rule.name": "consensus", "rule.consensus.weight": 1.0},
    "NSGAN + gradient penalty, 0.3": {"loss.name": "non_saturating", "penalties.r1.weight": 0.3},
}

# Radius after 500 steps by the released code, in the order of SCHEDULES; its instance noise is a Monte-Carlo mean.
PUBLISHED: Mapping[str, tuple[float, float, float]] = {
    "GAN": (3.10, 1.42, 1.85),
    "NSGAN": (0.640, 0.284, 0.139),
    "WGAN, clip 1": (1.00, 1.02, 0.917),
    "WGAN-GP, 0.7": (1.80, 1.22, 0.716),
    "instance noise, 0.7": (0.02, 0.01, 0.005),
    "gradient penalty, 0.3": (2.6e-6, 2.3e-7, 9e-34),
    "gradient penalty, 1": (9.5e-22, 7.5e-17, 5e-12),
    "consensus, 1": (2.1e-10, 1.3e-11, 5e-33),
    "NSGAN + gradient penalty, 0.3": (2.2e-6, 1.5e-7, 4e-34),
}

# Every update rule, on the loss of 2014; Heun and RK4 with and without the regularizer of ODE-GAN.
RULES: Mapping[str, Mapping[str, Any]] = {
    "gradient": {},
    "optimistic": {"rule.name": "optimistic"},
    "extragradient": {"rule.name": "extragradient"},
    "consensus": {"rule.name": "consensus"},
    "symplectic": {"rule.name": "symplectic"},
    "unrolled, 5 steps": {"rule.name": "unrolled"},
    "heun": {"rule.name": "heun"},
    "rk4": {"rule.name": "rk4"},
    "rk4, regularized 0.3": {"rule.name": "rk4", "rule.rk4.regularization": 0.3},
}


class Point(nn.Module):
    """The generator: theta, whatever z [B, 1] is; [B, 1]."""

    shape: tuple[int, ...] = (1,)
    start: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, **_: Any) -> jax.Array:
        """Theta for each example."""
        theta = self.param("theta", nn.initializers.constant(self.start), ())
        return theta + jnp.zeros((z.shape[0], 1), z.dtype)


class Slope(nn.Module):
    """The discriminator: psi x, for x [B, 1]; [B]."""

    shape: tuple[int, ...] = (1,)
    start: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, **_: Any) -> jax.Array:
        """The logit of each example."""
        return self.param("psi", nn.initializers.constant(self.start), ()) * x[:, 0]


def dirac_config(fields: Mapping[str, Any]) -> ConfigDict:
    """The configuration of a Dirac-GAN: plain gradient steps of 0.2 from theta = 1 and psi = -1, and ``fields``."""
    module = Point.__module__
    return load_values({
        "data.name": "gaussian", "data.gaussian.mean": (0.0,),  # for its shape; ``simulate`` puts all data at 0
        "generator.name": f"{module}:Point",
        "discriminator.name": f"{module}:Slope", "discriminator.options": {"start": -1.0},
        "optimizer.generator.name": "sgd", "optimizer.generator.learning_rate": RATE,
        "optimizer.discriminator.name": "sgd", "optimizer.discriminator.learning_rate": RATE,
        "steps": STEPS, "latent_dim": 1, "batch_size": 1000 if fields.get("instance_noise.std", 0.0) else 1,
        **fields,
    })  # fmt: skip


def simulate(fields: Mapping[str, Any], schedule: Schedule, steps: int = STEPS) -> np.ndarray:
    """The course of a game, float32 [steps + 1, 2]: theta and psi, the latter with the sign of the paper's plots."""
    config = dirac_config(fields)
    game = dataclasses.replace(build_game(config, build_source(config)), schedule=schedule)
    step = make_step(game, local_batch=config.batch_size)
    batch = {"image": jnp.zeros((len(data_rounds(game)), config.batch_size, 1))}

    def body(state: Any, _: None) -> tuple[Any, jax.Array]:
        state, _metrics = step(state, batch)
        return state, jnp.stack([state.params["generator"]["theta"], -state.params["discriminator"]["psi"]])

    state = init_state(game, jax.random.key(0), build_hyper(config))
    _, points = jax.jit(lambda state: jax.lax.scan(body, state, None, length=steps))(state)
    return np.concatenate([[[1.0, 1.0]], np.asarray(points)]).astype(np.float32)
