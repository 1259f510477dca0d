"""Eight Gaussians on a circle: the smallest problem on which a GAN drops modes. No data set is needed."""

from ml_collections import ConfigDict

from gan_jax.config import default_config


def get_config() -> ConfigDict:
    """The experiment's configuration."""
    config = default_config()
    config.data.name = "ring"
    config.steps = 1000
    config.batch_size = 512
    config.latent_dim = 256
    for name in ("generator", "discriminator"):
        config[name].mlp.widths = (128, 128)
        config[name].mlp.activation = "tanh"
        config[name].mlp.initializer = "saxe_2014"
    config.generator.mlp.output = "linear"
    config.optimizer.discriminator.learning_rate = 1e-4
    config.optimizer.generator.learning_rate = 1e-3
    return config
