"""Projection: the discriminator takes the inner product of an example's features with a vector of its label.

References:
  Miyato, Koyama, cGANs with Projection Discriminator, 2018, arXiv:1802.05637, equation 3.
"""

from gan_jax.game import Game
from gan_jax.games import gan, moves
from gan_jax.nn.heads import Discriminator, Projection, layer_of
from gan_jax.setup import Setup


def build(
    setup: Setup,
    uniform: moves.Uniform = True,
) -> Game:
    """The game ``conditional`` with a discriminator psi(f(x)) + <V_y, f(x)>, of a trunk f and a linear psi.

    The paper's is trained with the hinge loss, spectral norm on every layer (``spectral_norm`` of the trunk, which
    holds for V too) and five moves a generator's move. Of the networks "projection" the generator has a gain and a bias
    for each class in batch normalization, and the trunk sums features over pixels.

    Args:
      setup: of data with the features "image" and "label".
      uniform: as of ``conditional``.

    Returns:
      Game with the players "discriminator" and "generator", whose output "image" reads "label".
    """
    parts, classes = moves.parts_with_labels(setup, uniform), setup.feature("label").classes or 0
    trunk = setup.network("discriminator")
    networks = {
        "discriminator": Discriminator(trunk, Projection(classes, layer_of(trunk))),
        "generator": setup.network("generator", label="label"),
    }
    return gan.assembled(setup, parts, networks, setup.feature("image").shape)
