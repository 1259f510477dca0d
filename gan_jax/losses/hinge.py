"""The hinge loss."""

import jax
import jax.numpy as jnp

from gan_jax.losses.adversarial import AdversarialLoss, Claims, Divergence, Optimum, check_logits
from gan_jax.losses.divergences import total_variation


def hinge() -> AdversarialLoss:
    """The discriminator separates with a margin of 1 and then rests; the generator minimizes -logit.

    Returns:
      AdversarialLoss; the discriminator's values are in [0, inf), the generator's unbounded.

    References:
      Lim and Ye, Geometric GAN, 2017, arXiv:1705.02894.
      Miyato et al., Spectral Normalization for GANs, 2018, arXiv:1802.05957, equations 16 and 17.
    """

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        check_logits(real_logits, fake_logits)
        return jax.nn.relu(1 - real_logits) + jax.nn.relu(1 + fake_logits)

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        del real_logits
        return -fake_logits

    def claims() -> Claims:
        return Claims(
            formula=("max(0, 1 - r) + max(0, 1 + f)", "-f"),
            optimum=Optimum("sign(p - q), a corner; anything in [-1, 1] where p = q", lambda p, q: jnp.sign(p - q)),
            divergence=Divergence(
                "the slope is that of 2 TV(p, q) = sum |p - q|; the discriminator's value is 2 - 2 TV(p, q)",
                value=lambda p, q: 2 - 2 * total_variation(p, q),
                slope=lambda p, q: 2 * total_variation(p, q),
            ),
            saturating=False,
            zero_sum=False,
            shift_invariant=False,
        )

    return AdversarialLoss(discriminator, generator, generator_reads_real=False, claims=claims)
