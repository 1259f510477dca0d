"""The configuration that the tests of the command line, of resuming and of devices share: a run of seconds."""

from ml_collections import ConfigDict

from gan_jax.config import default_config


def get_config(variant: str = "ring") -> ConfigDict:
    """``ring`` (points) or ``digits`` (images of 8x8 pixels)."""
    config = default_config()
    config.data.name = variant
    config.steps = 60
    config.batch_size = 32
    config.latent_dim = 8
    config.generator.mlp.widths = (16, 16)
    config.discriminator.mlp.widths = (16, 16)
    config.optimizer.generator.learning_rate = 1e-3
    config.optimizer.discriminator.learning_rate = 1e-3
    config.log_every = 5
    config.sample_every = 20
    config.sample_count = 16
    config.checkpoint_every = 10
    if variant == "ring":
        config.generator.mlp.output = "linear"
    return config
