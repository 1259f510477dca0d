"""Conditional GANs on MNIST and Fashion-MNIST: concatenated labels, and projection.

    gan-jax data prepare mnist
    gan-jax train --config=experiments/conditional/config.py:mnist --workdir=runs/conditional
    gan-jax sample --workdir=runs/conditional --label=0,1,2,3,4,5,6,7,8,9 --out=digits.png

What came out is in README.md beside this file.

References:
  Mirza, Osindero, Conditional Generative Adversarial Nets, 2014, arXiv:1411.1784.
  Miyato, Koyama, cGANs with Projection Discriminator, 2018, arXiv:1802.05637.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config
from gan_jax.errors import ConfigError

VARIANTS = ("mnist", "fashion", "projection_mnist", "projection_fashion", "mirza", "dense")


def get_config(variant: str = "mnist") -> ConfigDict:
    """A variant; sample grids have a row for each class."""
    if variant not in VARIANTS:
        raise ConfigError(f"there is no variant {variant!r}; allowed: {', '.join(VARIANTS)}")
    config = default_config()
    config.data.name = "fashion_mnist" if variant.endswith("fashion") else "mnist"
    config.sample_count = 100
    config.log_every = 100
    if variant == "mirza":
        return _mirza(config)
    if variant == "dense":
        return _dense(config)
    return _projection(config) if variant.startswith("projection") else _concatenation(config)


def _concatenation(config: ConfigDict) -> ConfigDict:
    """Labels one-hot beside the latent variables and as planes beside the image; small DCGAN, hinge, spectral norm."""
    config.game.name = "conditional"
    config.generator.name = config.discriminator.name = "dcgan"
    config.generator.dcgan.channels = config.discriminator.dcgan.channels = 32
    config.discriminator.dcgan.batch_norm = False
    config.discriminator.dcgan.spectral_norm = True
    return _trained(config)


def _projection(config: ConfigDict) -> ConfigDict:
    """Gains and biases by class in the generator, the features times a vector of the label; all else the same."""
    config.game.name = "projection"
    config.generator.name = config.discriminator.name = "projection"
    config.generator.projection.channels = config.discriminator.projection.channels = 32
    return _trained(config)


def _trained(config: ConfigDict) -> ConfigDict:
    config.loss.name = "hinge"
    config.batch_size = 64
    config.latent_dim = 100
    config.steps = 10_000
    for player in ("generator", "discriminator"):
        config.optimizer[player].learning_rate = 2e-4
        config.optimizer[player].b1 = 0.0
        config.optimizer[player].b2 = 0.9
    config.ema.decay = 0.999
    config.sample_every = config.checkpoint_every = 2000
    config.evaluation.every = 2000
    config.evaluation.metrics = ("frechet_lenet", "accuracy_lenet")
    return config


def _dense(config: ConfigDict) -> ConfigDict:
    """The dense networks of experiments/mnist: a minute."""
    config.game.name = "conditional"
    config.game.conditional.uniform = False
    config.batch_size = 100
    config.steps = 10_000
    config.discriminator.mlp.dropout = 0.5
    config.optimizer.generator.learning_rate = config.optimizer.discriminator.learning_rate = 1e-3
    config.ema.decay = 0.999
    config.sample_every = config.checkpoint_every = 2000
    config.evaluation.every = 2000
    config.evaluation.metrics = ("frechet_lenet", "accuracy_lenet")
    config.log_every = 200
    return config


def _mirza(config: ConfigDict) -> ConfigDict:
    """The networks and the optimizer of 2014 on MNIST, for its Parzen likelihood."""
    config.game.name = "conditional"
    config.generator.name = config.discriminator.name = "mirza"
    config.batch_size = 100
    config.latent, config.latent_dim, config.latent_scale = "uniform", 100, 1.0
    config.steps = 60_000
    for player in ("generator", "discriminator"):
        config.optimizer[player].name = "sgd"
        config.optimizer[player].learning_rate = 0.1
        config.optimizer[player].momentum = 0.5
        config.optimizer[player].schedule = "exponential"
        config.optimizer[player].decay_rate = 1 / 1.00004
        config.optimizer[player].decay_steps = 1.0
    config.sample_every = config.checkpoint_every = 10_000
    config.evaluation.every = 20_000
    config.evaluation.metrics = ("frechet_lenet", "accuracy_lenet", "parzen")
    return config
