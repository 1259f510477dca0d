"""Eight Gaussians on a circle: the smallest problem on which a GAN drops modes. No data set is needed.

    gan-jax train --config=experiments/ring/config.py --workdir=runs/ring

Networks and learning rates of the released code behind LSGAN's mixture figure, with eight distinct modes.
10,000 steps take about two minutes on two CPU cores. Expect modes to appear, vanish and come back: which of them are
covered changes from checkpoint to checkpoint.

References:
  Mao et al., Least Squares Generative Adversarial Networks, 2016, arXiv:1611.04076, figure of the Gaussian mixture.
  Metz et al., Unrolled Generative Adversarial Networks, 2016, arXiv:1611.02163, section 3.1.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config


def get_config() -> ConfigDict:
    """The configuration."""
    config = default_config()
    config.data.name = "ring"
    config.data.ring.std = 0.01
    config.steps = 10_000
    config.batch_size = 512
    config.latent_dim = 256
    for name in ("generator", "discriminator"):
        config[name].mlp.widths = (128, 128)
        config[name].mlp.activation = "tanh"
        config[name].mlp.initializer = "saxe_2014"
    config.generator.mlp.output = "linear"
    config.optimizer.discriminator.learning_rate = 1e-4
    config.optimizer.generator.learning_rate = 1e-3
    config.log_every = 500
    config.sample_every = 2500
    config.checkpoint_every = 2500
    config.sample_count = 1000
    return config
