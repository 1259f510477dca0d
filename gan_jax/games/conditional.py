"""The conditional game: generator and discriminator are both told the label.

References:
  Mirza, Osindero, Conditional Generative Adversarial Nets, 2014, arXiv:1411.1784, equation 2.
"""

from gan_jax.game import Game
from gan_jax.games import gan
from gan_jax.setup import Setup


def build(setup: Setup) -> Game:
    """The game ``gan`` with labels; generated examples get the labels of the minibatch.

    Args:
      setup: of data with the features "image" and "label".

    Returns:
      Game with the players "discriminator" and "generator", whose output "image" reads "label".
    """
    parts = gan.parts_of(setup, given=("label",))
    networks = {role: setup.network(role, label="label") for role in ("discriminator", "generator")}
    return gan.assembled(setup, parts, networks, setup.feature("image").shape)
