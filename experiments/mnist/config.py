"""GANs on MNIST: 60,000 grey digits of 28 x 28 pixels.

    gan-jax train --config=experiments/mnist/config.py[:VARIANT] --workdir=runs/mnist

mlp     the default: two small dense networks, non-saturating loss. 150 to 250 steps/s on two CPU cores, so 40,000 steps
        take 3 to 5 minutes; expect recognizable digits after 15,000.
dcgan   convolutions with batch norm, 28 x 28, 64 and 128 channels. 2.5 to 5 steps/s, so 3,000 steps take 10 to 20
        minutes; expect digits after 1,000.
small_dcgan
        the same with 16 and 32 channels, batches of 64 and averaged parameters: about 60 steps/s, so 5,000 steps take a
        minute and a half.
maxout  the networks and the optimizer of the first paper on GANs. About 30 steps/s, so 25,000 steps (50 epochs) take a
        quarter of an hour; expect digits after 6,000.
hinge, wgan_gp, r3gan
        the networks of mlp without dropout, whose discriminator is kept in bounds by spectral normalization, by the
        gradient penalty of WGAN-GP with five discriminator steps, or by the two penalties of R3GAN.

    gan-jax sweep --config=experiments/mnist/config.py:short --workdir=runs/sweep

trains 30 runs of the first 4,000 steps of mlp: three losses, two learning rates, five seeds.

What came out is in README.md beside this file.

References:
  Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661 (maxout).
  Radford et al., Unsupervised Representation Learning with Deep Convolutional GANs, 2015, arXiv:1511.06434 (dcgan).
  Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018, arXiv:1802.05957 (hinge).
  Gulrajani et al., Improved Training of Wasserstein GANs, 2017, arXiv:1704.00028, Algorithm 1 (wgan_gp).
  Huang et al., The GAN is dead; long live the GAN! A Modern GAN Baseline, 2024, arXiv:2501.05441 (r3gan).
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config
from gan_jax.errors import ConfigError
from gan_jax.sweeps import Sweep, grid, product, zipped


def get_config(variant: str = "mlp") -> ConfigDict:
    """The configuration of a variant."""
    variants = {f.__name__: f for f in (mlp, short, dcgan, small_dcgan, maxout, hinge, wgan_gp, r3gan)}
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


def short(config: ConfigDict) -> ConfigDict:
    """The first tenth of mlp, evaluated four times: for sweeps on a CPU."""
    config = mlp(config)
    config.steps = 4000
    config.log_every = 200
    config.sample_every = config.checkpoint_every = config.evaluation.every = 1000
    config.evaluation.metrics = ("frechet_lenet", "prdc_lenet")
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


def small_dcgan(config: ConfigDict) -> ConfigDict:
    """DCGAN with a quarter of the channels, for tables of many runs on a CPU."""
    config = dcgan(config)
    config.generator.dcgan.channels = config.discriminator.dcgan.channels = 16
    config.batch_size = 64
    config.steps = 5000
    config.ema.decay = 0.999
    config.sample_every = config.checkpoint_every = 1000
    config.log_every = 100
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


def hinge(config: ConfigDict) -> ConfigDict:
    """Hinge loss, a discriminator of spectral norm 1 in each layer; setting C of the paper's table."""
    config = _without_dropout(config)
    config.loss.name = "hinge"
    config.discriminator.mlp.spectral_norm = True
    return config


def wgan_gp(config: ConfigDict) -> ConfigDict:
    """Five critic steps to one of the generator, penalty weight 10, Adam(1e-4, 0, 0.9)."""
    config = _without_dropout(config)
    config.loss.name = "wasserstein"
    config.penalties.wgan_gp.weight = 10.0
    config.schedule.discriminator_steps = 5
    for player in ("discriminator", "generator"):
        optimizer = config.optimizer[player]
        optimizer.learning_rate, optimizer.b1, optimizer.b2 = 1e-4, 0.0, 0.9
    config.steps = 20_000
    return config


def r3gan(config: ConfigDict) -> ConfigDict:
    """The paired relativistic loss as its released code trains it (non-saturating), with R1 and R2."""
    config = _without_dropout(config)
    config.loss.name = "relativistic"
    config.penalties.r1.weight = config.penalties.r2.weight = 1.0
    config.optimizer.discriminator.b1 = config.optimizer.generator.b1 = 0.0
    return config


def _without_dropout(config: ConfigDict) -> ConfigDict:
    config = mlp(config)
    config.discriminator.mlp.dropout = 0.0
    return config


def get_sweep() -> Sweep:
    """Three losses, two learning rates, which both players share, and five seeds."""
    rates = [2e-4, 1e-3]
    return Sweep(
        product(
            grid({"loss.name": ["non_saturating", "least_squares", "minimax"]}),
            zipped({f"optimizer.{player}.learning_rate": rates for player in ("discriminator", "generator")}),
        ),
        seeds=5,
        question="Which loss, and which learning rate, gives the best digits after 4,000 steps of dense networks?",
        metric="frechet_lenet",
    )
