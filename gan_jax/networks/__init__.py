"""Generators and discriminators, one family a file, by name.

A generator is `(z [B, n], train, keys, axis_name) -> examples [B, *shape]`, a discriminator
`(x [B, *shape], train, keys, axis_name) -> logits [B]`. `keys` are one for each example, `axis_name` is the mapped axis
that carries parts of the same batch.
"""

import flax.linen as nn

from gan_jax.networks import dcgan, keras_dcgan, maxout, mlp

GENERATORS: dict[str, type[nn.Module]] = {
    "mlp": mlp.Generator,
    "maxout": maxout.Generator,
    "dcgan": dcgan.Generator,
    "keras_dcgan": keras_dcgan.Generator,
}

DISCRIMINATORS: dict[str, type[nn.Module]] = {
    "mlp": mlp.Discriminator,
    "maxout": maxout.Discriminator,
    "dcgan": dcgan.Discriminator,
    "keras_dcgan": keras_dcgan.Discriminator,
}
