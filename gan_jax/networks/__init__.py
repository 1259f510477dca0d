"""Generators and discriminators, one family a file, by name.

A generator is `(z [B, n], train, keys, axis_name) -> examples [B, *shape]`, or takes images in the place of z. A
discriminator is a trunk, `(x [B, *shape], train, keys, axis_name, head=False) -> features [B, F]`, and by default a
head on it: one logit, [B], or a map of them, [B, h, w]. `keys` are one for each example, `axis_name` is the mapped axis
that carries parts of the same batch. Other heads are in `nn.heads`; `nn.conditional` adds labels to any of these.

Attributes that they share, as far as they have them:
  shape: of one example, (height, width, channels) or (dimension,).
  output: of a generator: "tanh" or "sigmoid", both to [-1, 1], or "linear".
  leak: slope below zero of the leaky ReLU.
  initializer: a name in `nn.initializers.INITIALIZERS`.
  spectral_norm: whether each layer's kernel is divided by its largest singular value, see `nn.spectral`.
  reference: latent variables of a fixed batch that makes batch normalization virtual, see `nn.virtual_batch_norm`; 0
    leaves it what it is.
  dtype: of the computation; parameters are float32, the result at least float32.
  independent: of a discriminator: whether what it says of an example depends on that example alone.
  flattens: of a discriminator: whether numbers have no places, so that labels are put behind them.
On their first call they raise a ValueError for an option with an impossible value, and in training with dropout and
without keys.
"""

import flax.linen as nn

from gan_jax.networks import dcgan, keras_dcgan, maxout, mirza, mlp, patch, projection, salimans, translator

GENERATORS: dict[str, type[nn.Module]] = {
    "mlp": mlp.Generator,
    "maxout": maxout.Generator,
    "dcgan": dcgan.Generator,
    "keras_dcgan": keras_dcgan.Generator,
    "mirza": mirza.Generator,
    "projection": projection.Generator,
    "translator": translator.Generator,
}

DISCRIMINATORS: dict[str, type[nn.Module]] = {
    "mlp": mlp.Discriminator,
    "maxout": maxout.Discriminator,
    "dcgan": dcgan.Discriminator,
    "keras_dcgan": keras_dcgan.Discriminator,
    "mirza": mirza.Discriminator,
    "projection": projection.Discriminator,
    "salimans": salimans.Discriminator,
    "patch": patch.Discriminator,
}
