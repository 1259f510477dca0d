"""Feature matching: the generator reproduces the mean of the discriminator's hidden layer over the data."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.penalties.batch import mean, widen


def feature_matching(
    features: Callable[[jax.Array], jax.Array], real: jax.Array, fake: jax.Array, axis_name: str | None = None
) -> jax.Array:
    """The squared distance between the mean features of real and of generated examples.

    Formula: ||mean features(real) - mean features(fake)||^2, means over the minibatch of all devices

    The paper's formula: the squared norm, a sum over the features. The released code takes the mean over the features
    instead (its weight w is w / F here), and a later version the absolute difference. In the paper it replaces the
    generator's loss; here it is added to that. The features of real examples are constants.

    Returns:
      Scalar float32, in [0, inf): it belongs to the minibatch and not to an example.

    References:
      Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen: Improved Techniques for Training GANs, 2016, arXiv
      1606.03498, section 3.1.
    """
    target = jax.lax.stop_gradient(mean(widen(features(real)), axis_name, 0))
    return jnp.sum(jnp.square(target - mean(widen(features(fake)), axis_name, 0)))
