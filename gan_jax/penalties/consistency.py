"""Consistency: a small change of an image, or of its latent variables, should not change the critic's opinion."""

from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp

from gan_jax.options import at_least
from gan_jax.penalties.batch import number, squares, widen

Function = Callable[[jax.Array], jax.Array]
Noise = Annotated[float, at_least(0.0), "standard deviation of what is added to the latent variables"]


def augment(x: jax.Array, keys: jax.Array, *, shift: int = 4, flip: bool = False) -> jax.Array:
    """Each image shifted by whole pixels, at most `shift` in each direction, and mirrored with probability 1/2.

    Pixels that come in from outside are the image's reflection at its edge; every shift is equally probable.
    """

    def one(image: jax.Array, key: jax.Array) -> jax.Array:
        place, mirror = jax.random.split(key)
        if shift:
            padded = jnp.pad(image, ((shift, shift), (shift, shift), (0, 0)), mode="reflect")
            top, left = jax.random.randint(place, (2,), 0, 2 * shift + 1, jnp.int32)
            image = jax.lax.dynamic_slice(padded, (top, left, jnp.int32(0)), image.shape)
        if flip:
            image = jnp.where(jax.random.bernoulli(mirror, jnp.float32(0.5)), image[:, ::-1, :], image)
        return image

    return jax.vmap(one)(x, keys)


def bcr(
    critic: Function,
    real: jax.Array,
    fake: jax.Array,
    keys: jax.Array,
    *,
    shift: Annotated[int, at_least(0), "largest shift in pixels"] = 4,
    flip: Annotated[bool, "mirror images too, each with probability 1/2"] = False,
) -> jax.Array:
    """Balanced consistency regularization: the logit of an image and of its augmented copy agree, real or generated.

    Formula: (critic(real) - critic(T(real)))^2 + (critic(fake) - critic(T(fake)))^2

    The paper's formula with its two weights equal (10 and 10 in its experiments). T is a shift by a few pixels. The
    paper also mirrors; that is off by default, for a mirrored digit or letter is not a digit or letter. The images are
    constants: only the critic is changed by this.

    Args:
      shift: largest shift in pixels.
      flip: whether images are mirrored with probability 1/2.

    Returns:
      [B] float32, in [0, inf).

    References:
      Zhao, Singh, Lee, Zhang, Odena, Zhang: Improved Consistency Regularization for GANs, 2020, arXiv 2002.04724,
      section 3.1, algorithm 1. Zhang, Zhang, Odena, Lee: Consistency Regularization for Generative Adversarial
      Networks, 2019, arXiv 1910.12027 (real images alone).
    """

    def gap(images: jax.Array, keys: jax.Array) -> jax.Array:
        images = jax.lax.stop_gradient(images)
        changed = augment(images, keys, shift=shift, flip=flip)
        return jnp.square(widen(critic(images)) - widen(critic(changed)))

    pairs = jax.vmap(jax.random.split)(keys)  # a real example and a generated one are not shifted alike
    return gap(real, pairs[:, 0]) + gap(fake, pairs[:, 1])


def perturb(latent: jax.Array, keys: jax.Array, noise: float) -> jax.Array:
    """Latent variables [B, n] plus normal noise of standard deviation `noise`."""
    draws = jax.vmap(lambda key: jax.random.normal(key, latent.shape[1:], jnp.float32))(keys)
    wide = widen(latent)
    return (wide + number(noise, wide) * draws.astype(wide.dtype)).astype(latent.dtype)


def zcr(critic: Function, generate: Function, latent: jax.Array, keys: jax.Array, *, noise: Noise = 0.03) -> jax.Array:
    """Latent consistency regularization, the discriminator's part: nearby latent variables, the same logit.

    Formula: (critic(G(z)) - critic(G(z + noise e)))^2, e ~ N(0, I)

    The paper's formula; its weight is 5 with noise 0.03 for the smaller networks. G(z) is made again here, by the same
    frozen generator as G(z + noise e), so that without noise the penalty is exactly zero.

    Args:
      noise: standard deviation, in the units of z; at least 0.

    Returns:
      [B] float32, in [0, inf).

    References:
      Zhao, Singh, Lee, Zhang, Odena, Zhang: Improved Consistency Regularization for GANs, 2020, arXiv 2002.04724,
      section 3.2, algorithm 2.
    """
    latent = jax.lax.stop_gradient(latent)
    here = jax.lax.stop_gradient(generate(latent))
    there = jax.lax.stop_gradient(generate(perturb(latent, keys, noise)))
    return jnp.square(widen(critic(here)) - widen(critic(there)))


def zcr_generator(generate: Function, latent: jax.Array, keys: jax.Array, *, noise: Noise = 0.03) -> jax.Array:
    """Latent consistency regularization, the generator's part: nearby latent variables, different images.

    Formula: -||G(z) - G(z + noise e)||^2, e ~ N(0, I)

    The paper's formula, the sum over the pixels (an implementation by a library's mean squared error divides by their
    number); its weight is 0.5. It is negative: it rewards diversity, and is bounded only where the images are.

    Args:
      noise: standard deviation, in the units of z; at least 0.

    Returns:
      [B] float32, in (-inf, 0].

    References:
      As for `zcr`.
    """
    latent = jax.lax.stop_gradient(latent)
    return -squares(widen(generate(latent)) - widen(generate(perturb(latent, keys, noise))))
