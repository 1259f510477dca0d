"""A conditional GAN on MNIST: both networks are told the digit.

    gan-jax data prepare mnist
    gan-jax train --config=experiments/conditional/config.py --workdir=runs/conditional
    gan-jax sample --workdir=runs/conditional --label=0,1,2,3,4,5,6,7,8,9 --out=digits.png

The dense networks of experiments/mnist; the label is one-hot beside the latent variables and beside the image.
What came out is in README.md beside this file.

References:
  Mirza, Osindero, Conditional Generative Adversarial Nets, 2014, arXiv:1411.1784.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config
from gan_jax.errors import ConfigError


def get_config(variant: str = "mnist") -> ConfigDict:
    """Dense networks, non-saturating loss; sample grids have a row for each digit."""
    if variant != "mnist":
        raise ConfigError(f"there is no variant {variant!r}; allowed: mnist")
    config = default_config()
    config.game.name = "conditional"
    config.data.name = "mnist"
    config.batch_size = 100
    config.steps = 10_000
    config.discriminator.mlp.dropout = 0.5
    config.optimizer.generator.learning_rate = config.optimizer.discriminator.learning_rate = 1e-3
    config.ema.decay = 0.999
    config.sample_count = 100
    config.sample_every = config.checkpoint_every = 2000
    config.evaluation.every = 2000
    config.evaluation.metrics = ("frechet_lenet", "accuracy_lenet")
    config.log_every = 200
    return config
