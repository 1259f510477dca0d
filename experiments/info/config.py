"""InfoGAN on MNIST: a category and two numbers that the image tells again.

    gan-jax data prepare mnist
    gan-jax train --config=experiments/info/config.py --workdir=runs/info
    gan-jax sample --workdir=runs/info --output=category --num=100 --out=category.png

What came out is in README.md beside this file.

References:
  Chen et al., InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial Nets,
    2016, arXiv:1606.03657.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config
from gan_jax.errors import ConfigError


def get_config(variant: str = "info") -> ConfigDict:
    """Half the paper's width; ``plain`` is without the information term in the generator's loss."""
    if variant not in ("info", "plain"):
        raise ConfigError(f"there is no variant {variant!r}; allowed: info, plain")
    config = default_config()
    config.game.name = "info"
    if variant == "plain":
        config.game.info.information = 0.0
    config.data.name = "mnist"
    config.latent, config.latent_scale, config.latent_dim = "uniform", 1.0, 62
    config.batch_size = 128
    config.steps = 5000
    config.generator.name = config.discriminator.name = "dcgan"
    config.generator.dcgan.channels = config.discriminator.dcgan.channels = 32
    config.discriminator.dcgan.leak = 0.1
    config.optimizer.generator.learning_rate = 1e-3
    config.optimizer.discriminator.learning_rate = 2e-4
    for player in ("generator", "discriminator"):
        config.optimizer[player].b1 = 0.5
    config.sample_count = 100
    config.log_every = 100
    config.sample_every = config.checkpoint_every = 1000
    config.evaluation.every = 2500
    config.evaluation.metrics = ("clustering_lenet", "code_correlation")
    return config
