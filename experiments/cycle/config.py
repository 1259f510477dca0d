"""CycleGAN between MNIST and Fashion-MNIST: two domains that share nothing but their size, a smoke test of the method.

    gan-jax data prepare mnist && gan-jax data prepare fashion_mnist
    gan-jax train --config=experiments/cycle/config.py --workdir=runs/cycle
    gan-jax translate --workdir=runs/cycle --input=FOLDER --out=translated

The networks of the paper, smaller; least-squares loss, Adam(2e-4, 0.5), a pool of 64 earlier images, cycle weight 10.
What came out is in README.md beside this file.

References:
  Zhu, Park, Isola, Efros, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, 2017,
    arXiv:1703.10593, section 4.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config
from gan_jax.errors import ConfigError


def get_config(variant: str = "mnist_fashion") -> ConfigDict:
    """Residual translators of 8 channels with 2 blocks, discriminators of patches of 16 pixels."""
    if variant != "mnist_fashion":
        raise ConfigError(f"there is no variant {variant!r}; allowed: mnist_fashion")
    config = default_config()
    config.game.name = "cycle"
    config.game.cycle.pool = 64
    config.data.name = "a=mnist,b=fashion_mnist"
    config.loss.name = "least_squares"
    config.generator.name, config.discriminator.name = "translator", "patch"
    config.generator.translator.channels = 8
    config.generator.translator.blocks = 2
    config.discriminator.patch.channels = 16
    config.discriminator.patch.layers = 1
    config.batch_size = 16
    config.steps = 3000
    config.sample_count = 32
    config.sample_every = config.checkpoint_every = 500
    config.evaluation.every = 1500
    config.evaluation.metrics = ("a_to_b:frechet_lenet", "b_to_a:frechet_lenet")
    config.log_every = 50
    return config
