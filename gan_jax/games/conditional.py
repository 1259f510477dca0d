"""The conditional game: generator and discriminator are both told the label.

References:
  Mirza, Osindero, Conditional Generative Adversarial Nets, 2014, arXiv:1411.1784, equation 2.
"""

from typing import Annotated

from gan_jax.game import Game
from gan_jax.games import gan, moves
from gan_jax.options import at_least
from gan_jax.setup import Setup


def build(
    setup: Setup,
    packing: Annotated[int, at_least(1), "examples that the discriminator judges at once; 1 is the usual game"] = 1,
    embedding: Annotated[int, at_least(0), "numbers of a learned vector of each class; 0: labels are one-hot"] = 0,
    uniform: moves.Uniform = True,
) -> Game:
    """The game ``gan`` with labels.

    In the discriminator's move generated examples get the labels of the minibatch, so that a real example and the
    generated one beside it have the same, and a penalty between the two is at their own. Networks that take a label
    themselves do with it what they do; to others it is put beside the input.

    Args:
      setup: of data with the features "image" and "label".
      packing: how many examples, with their labels, the discriminator judges at once.
      embedding: numbers of a learned vector in the place of a one-hot label; 0 is one-hot.
      uniform: whether the generator's move draws labels uniformly over the classes, each from its example's key; else
        they are those of the minibatch. Where its loss reads real examples they always are.

    Returns:
      Game with the players "discriminator" and "generator", whose output "image" reads "label".

    Raises:
      ConfigError: the data have no labels; an option has no effect on these networks or this loss.
    """
    parts = moves.parts_with_labels(setup, uniform, packing)
    *size, channels = setup.feature("image").shape
    packed = (*size, channels * packing)
    networks = {
        "discriminator": setup.network("discriminator", label="label", embedding=embedding, shape=packed),
        "generator": setup.network("generator", label="label", embedding=embedding),
    }
    return gan.assembled(setup, parts, networks, packed)
