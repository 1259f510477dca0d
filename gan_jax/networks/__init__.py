"""Generators and discriminators, one family a file, by name.

A generator is `(z [B, n], train, keys, axis_name) -> examples [B, *shape]`, or takes images in the place of z. A
discriminator is a trunk, `(x [B, *shape], train, keys, axis_name, head=False) -> features [B, F]`, and by default a
head on it: one logit, [B], or a map of them, [B, h, w]. `keys` are one for each example, `axis_name` is the mapped axis
that carries parts of the same batch. Other heads are in `nn.heads`; `nn.conditional` adds labels to any of these.
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
