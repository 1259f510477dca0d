"""Auxiliary-classifier GANs (AC-GAN) on MNIST and Fashion-MNIST.

    gan-jax data prepare mnist
    gan-jax train --config=experiments/auxiliary/config.py:mnist --workdir=runs/auxiliary

What came out is in README.md beside this file.

References:
  Odena, Olah, Shlens, Conditional Image Synthesis With Auxiliary Classifier GANs, 2017, arXiv:1610.09585.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config
from gan_jax.errors import ConfigError

VARIANTS = ("mnist", "fashion", "real_only_mnist", "real_only_fashion")


def get_config(variant: str = "mnist") -> ConfigDict:
    """The networks and settings of experiments/conditional; ``real_only`` learns classes from real examples alone."""
    if variant not in VARIANTS:
        raise ConfigError(f"there is no variant {variant!r}; allowed: {', '.join(VARIANTS)}")
    config = default_config()
    config.game.name = "auxiliary"
    config.game.auxiliary.classify_fakes = not variant.startswith("real_only")
    config.data.name = "fashion_mnist" if variant.endswith("fashion") else "mnist"
    config.generator.name = config.discriminator.name = "dcgan"
    config.generator.dcgan.channels = config.discriminator.dcgan.channels = 32
    config.discriminator.dcgan.batch_norm = False
    config.discriminator.dcgan.spectral_norm = True
    config.loss.name = "hinge"
    config.batch_size = 64
    config.latent_dim = 100
    config.steps = 10_000
    for player in ("generator", "discriminator"):
        config.optimizer[player].learning_rate = 2e-4
        config.optimizer[player].b1 = 0.0
        config.optimizer[player].b2 = 0.9
    config.ema.decay = 0.999
    config.sample_count = 100
    config.log_every = 100
    config.sample_every = config.checkpoint_every = 2000
    config.evaluation.every = 2000
    config.evaluation.metrics = ("frechet_lenet", "accuracy_lenet")
    return config
