"""GANs on MNIST: 60,000 grey digits of 28 x 28 pixels.

    gan-jax train --config=experiments/mnist/config.py[:mlp|dcgan|maxout] --workdir=runs/mnist

mlp     the default: two small dense networks, non-saturating loss. 150 to 250 steps/s on two CPU cores, so 40,000 steps
        take 3 to 5 minutes; expect recognizable digits after 15,000.
dcgan   convolutions with batch norm, 28 x 28, 64 and 128 channels. 2.5 to 5 steps/s, so 3,000 steps take 10 to 20
        minutes; expect digits after 1,000.
maxout  the networks and the optimizer of the first paper on GANs. About 30 steps/s, so 25,000 steps (50 epochs) take a
        quarter of an hour; expect digits after 6,000.

What came out is in README.md beside this file.

References:
  Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661 (maxout).
  Radford et al., Unsupervised Representation Learning with Deep Convolutional GANs, 2015, arXiv:1511.06434 (dcgan).
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config
from gan_jax.errors import ConfigError


def get_config(variant: str = "mlp") -> ConfigDict:
    """The configuration of a variant: mlp, dcgan or maxout."""
    variants = {"mlp": mlp, "dcgan": dcgan, "maxout": maxout}
    if variant not in variants:
        raise ConfigError(f"there is no variant {variant!r}; allowed: {', '.join(variants)}")
    return variants[variant](default_config())


def mlp(config: ConfigDict) -> ConfigDict:
    """Dense layers of 256 units, Adam with b1 = 0.5; samples come from averaged parameters, which are less noisy.

    Without dropout in the discriminator it wins outright under minimax, whose generator then has no gradient.
    """
    config.discriminator.mlp.dropout = 0.5
    config.batch_size = 100
    config.steps = 40_000
    config.ema.decay = 0.999
    config.sample_every = 5000
    config.checkpoint_every = 5000
    config.log_every = 500
    return config


def dcgan(config: ConfigDict) -> ConfigDict:
    """The guidelines of DCGAN at 28 x 28."""
    config.generator.name = config.discriminator.name = "dcgan"
    config.latent_dim = 100
    config.latent = "uniform"
    config.batch_size = 128
    config.steps = 3000
    config.sample_every = 500
    config.checkpoint_every = 500
    config.log_every = 50
    return config


def maxout(config: ConfigDict) -> ConfigDict:
    """Goodfellow et al. 2014: both players move at once, by SGD with momentum.

    The released code halves the discriminator's cost; with plain SGD that is half the learning rate. Its momentum rises
    from 0.5 to 0.7 over 250 epochs; here it stays at 0.5.
    """
    config.generator.name = config.discriminator.name = "maxout"
    config.data.split = "train[:50000]"
    config.latent_dim = 100
    config.latent = "uniform"
    config.latent_scale = 3**0.5
    config.batch_size = 100
    config.steps = 25_000
    config.schedule.simultaneous = True
    for player, rate in (("discriminator", 0.05), ("generator", 0.1)):
        optimizer = config.optimizer[player]
        optimizer.name = "sgd"
        optimizer.learning_rate = rate
        optimizer.momentum = 0.5
        optimizer.schedule = "exponential"
        optimizer.decay_rate = 1 / 1.000004
        optimizer.decay_steps = 1.0
        optimizer.final_scale = 1e-6 / 0.1
    config.sample_every = 2500
    config.checkpoint_every = 2500
    config.log_every = 250
    return config
