"""The Wasserstein loss."""

import jax

from gan_jax.losses.adversarial import AdversarialLoss, Claims, Divergence, Optimum, check_logits


def wasserstein() -> AdversarialLoss:
    """The critic's difference of means, f - r. It has no meaning unless something constrains the critic.

    The constraint is not part of the loss: clipped weights, a penalty of the critic's gradient, or spectral norm.

    Returns:
      AdversarialLoss; values unbounded.

    References:
      Arjovsky, Chintala and Bottou, Wasserstein GAN, 2017, arXiv:1701.07875, equation 3 and Algorithm 1.
    """

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        check_logits(real_logits, fake_logits)
        return fake_logits - real_logits

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        del real_logits
        return -fake_logits

    def claims() -> Claims:
        return Claims(
            formula=("f - r", "-f"),
            optimum=Optimum("none: the cost is unbounded unless the critic is constrained"),
            divergence=Divergence(
                "W1(p, q) among 1-Lipschitz critics; none on points without a metric, so there is nothing to check here"
            ),
            saturating=False,
            zero_sum=True,
            shift_invariant=True,
        )

    return AdversarialLoss(discriminator, generator, generator_reads_real=False, claims=claims)
