"""Activations and output ranges by name, so that a config can say which one."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.nn import options

Activation = Callable[[jax.Array], jax.Array]


def leaky_relu(x: jax.Array, leak: float) -> jax.Array:
    """Leaky ReLU: x where x >= 0, else leak * x; any shape and float dtype, kept.

    References:
      Maas, Hannun, Ng: Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013.
    """
    return jnp.where(x >= 0, x, leak * x)


def sigmoid_output(x: jax.Array) -> jax.Array:
    """2 sigmoid(x) - 1: a network with sigmoid outputs in [0, 1], on this library's image range [-1, 1]."""
    return 2 * jax.nn.sigmoid(x) - 1


def linear(x: jax.Array) -> jax.Array:
    """The identity."""
    return x


ACTIVATIONS: dict[str, Activation] = {
    "relu": jax.nn.relu,
    "leaky_relu": lambda x: leaky_relu(x, 0.2),
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "elu": jax.nn.elu,
    "linear": linear,
}

OUTPUTS: dict[str, Activation] = {"tanh": jnp.tanh, "sigmoid": sigmoid_output, "linear": linear}


def get(name: str, leak: float = 0.2) -> Activation:
    """The elementwise activation called `name`, a key of ACTIVATIONS; `leak`, 0 to 1, is for "leaky_relu" alone."""
    activation = options.choose("activation", name, ACTIVATIONS)
    if not 0.0 <= leak <= 1.0:
        raise ValueError(f"leak: {leak!r} is not allowed; give a number from 0 to 1")
    if name == "leaky_relu":
        return lambda x: leaky_relu(x, leak)
    return activation


def get_output(name: str) -> Activation:
    """The output function of a generator called `name`: "tanh" and "sigmoid" give [-1, 1], "linear" any number."""
    return options.choose("output", name, OUTPUTS)
