"""Semi-supervised GANs on MNIST: a classifier from a hundred labels.

    gan-jax data prepare mnist
    gan-jax train --config=experiments/semi_supervised/config.py:salimans --workdir=runs/salimans
    gan-jax evaluate --workdir=runs/salimans --metrics=score:accuracy

What came out is in README.md beside this file.

References:
  Odena, Semi-Supervised Learning with Generative Adversarial Networks, 2016, arXiv:1606.01583.
  Salimans et al., Improved Techniques for Training GANs, 2016, arXiv:1606.03498, section 5 and table 1.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config
from gan_jax.errors import ConfigError

EPOCH = 600  # steps of 100 images
VARIANTS = ("salimans", "salimans_300", "supervised", "odena", "odena_cnn")


def get_config(variant: str = "salimans") -> ConfigDict:
    """40 epochs of the paper's 300 (``salimans_300``); ``supervised`` and ``odena_cnn`` are the classifiers alone."""
    if variant not in VARIANTS:
        raise ConfigError(f"there is no variant {variant!r}; allowed: {', '.join(VARIANTS)}")
    config = default_config()
    config.game.name = "semi_supervised"
    config.data.name = "mnist"
    config.batch_size = 100
    config.log_every = 200
    config.evaluation.metrics = ("score:accuracy",)
    config.evaluation.every = 5 * EPOCH
    config.checkpoint_every = 5 * EPOCH
    made = _odena(config) if variant.startswith("odena") else _salimans(config)
    if variant in ("supervised", "odena_cnn"):
        made.game.semi_supervised.unlabelled = 0.0
        return made
    return _against_a_generator(made, variant)


def _salimans(config: ConfigDict) -> ConfigDict:
    config.data.labelled = 100
    config.steps = 40 * EPOCH
    config.discriminator.name = "salimans"
    config.optimizer.discriminator.learning_rate = 3e-3
    config.optimizer.discriminator.b1 = 0.5
    config.ema.decay = 0.9999
    return config


def _odena(config: ConfigDict) -> ConfigDict:
    config.data.labelled = 1000
    config.steps = 20 * EPOCH
    config.discriminator.name = "dcgan"
    config.discriminator.dcgan.channels = 32
    config.discriminator.dcgan.dropout = 0.3
    config.optimizer.discriminator.learning_rate = 2e-4
    config.optimizer.discriminator.b1 = 0.5
    return config


def _against_a_generator(config: ConfigDict, variant: str) -> ConfigDict:
    config.loss.name = "minimax"
    config.latent_dim = 100
    own = config.optimizer.discriminator
    config.optimizer.generator.learning_rate, config.optimizer.generator.b1 = own.learning_rate, own.b1
    if variant == "odena":
        config.loss.name = "non_saturating"
        config.game.semi_supervised.matching = False
        config.generator.name = "dcgan"
        config.generator.dcgan.channels = 32
        return config
    if variant == "salimans_300":
        config.steps = 300 * EPOCH
    config.latent, config.latent_scale = "uniform", 1.0
    config.generator.mlp.widths = (500, 500)
    config.generator.mlp.activation = "softplus"
    config.generator.mlp.batch_norm = True
    config.generator.mlp.output = "sigmoid"
    config.generator.mlp.initializer = "glorot_2010"
    return config
