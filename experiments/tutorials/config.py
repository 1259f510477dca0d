"""The settings of well-known first tutorials, as their code has them.

    gan-jax train --config=experiments/tutorials/config.py:yunjey --workdir=runs/yunjey

yunjey       MNIST, dense, Choi's PyTorch tutorial 2017
udacity      MNIST, dense, Udacity's deep-learning course 2017, one-sided label smoothing
wiseodd      MNIST, dense, Kristiadi's generative-models 2016; its discriminator sees [0, 1], ours [-1, 1]
keras_dcgan  MNIST, convolutions with dropout, Atienza's deep-learning experiments 2017
jang         N(-1, 1) in one dimension, Jang 2016; without its regression of D to the density beforehand
aylien       N(4, 0.5) in one dimension, Glover's gan-intro 2016; aylien_minibatch with its minibatch layer

On two CPU cores: jang and aylien take 20 s, udacity 4 minutes, wiseodd 9, yunjey 10 to 17, keras_dcgan two days (16 s a
step). Expect digits from the first three, a shifted bell from jang, and from aylien mostly a spike; README.md beside
this file has numbers.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config
from gan_jax.errors import ConfigError


def get_config(variant: str = "yunjey") -> ConfigDict:
    """The configuration of a variant."""
    if variant not in VARIANTS:
        raise ConfigError(f"there is no variant {variant!r}; allowed: {', '.join(VARIANTS)}")
    return VARIANTS[variant](default_config())


def yunjey(config: ConfigDict) -> ConfigDict:
    """200 epochs of 600 minibatches; Adam with its default decay rates."""
    config.latent_dim = 64
    config.batch_size = 100
    config.steps = 200 * 600
    _adam(config, 2e-4)
    return _rarely(config)


def udacity(config: ConfigDict) -> ConfigDict:
    """100 epochs of 550 minibatches; one hidden layer of 128 with slope 0.01 below zero; real targets 0.9."""
    config.loss.non_saturating.real_target = 0.9
    config.latent_dim = 100
    config.latent = "uniform"
    config.batch_size = 100
    config.steps = 100 * 550
    config.data.split = "train[:55000]"
    _one_hidden(config, "leaky_relu", "glorot_2010")
    _adam(config, 2e-3)
    return _rarely(config)


def wiseodd(config: ConfigDict) -> ConfigDict:
    """One hidden layer of 128, pixels in [0, 1] by a sigmoid; the original loops a million times."""
    config.latent_dim = 100
    config.latent = "uniform"
    config.batch_size = 128
    config.steps = 100_000
    config.generator.mlp.output = "sigmoid"
    _one_hidden(config, "relu", "xavier_wiseodd")
    _adam(config, 1e-3)
    return _rarely(config)


def keras_dcgan(config: ConfigDict) -> ConfigDict:
    """5 x 5 convolutions with dropout 0.4, RMSprop with a decaying rate, 10,000 steps of 256."""
    config.generator.name = config.discriminator.name = "keras_dcgan"
    config.latent_dim = 100
    config.latent = "uniform"
    config.batch_size = 256
    config.steps = 10_000
    for player, rate in (("discriminator", 2e-4), ("generator", 1e-4)):
        optimizer = config.optimizer[player]
        optimizer.name = "rmsprop"
        optimizer.learning_rate = rate
        optimizer.b2 = 0.9
        optimizer.eps = 1e-7
    config.sample_every = config.checkpoint_every = 500
    return config


def jang(config: ConfigDict) -> ConfigDict:
    """Nets 1-6-5-1 of tanh, stratified latents, SGD with momentum 0.6 and a staircase."""
    config.data.name = "gaussian"
    config.data.gaussian.mean = (-1.0,)
    config.data.gaussian.std = 1.0
    config.latent_dim = 1
    config.latent = "stratified"
    config.latent_scale = 5.0
    config.batch_size = 200
    config.steps = 10_000
    for name in ("generator", "discriminator"):
        config[name].mlp.widths = (6, 5)
        config[name].mlp.activation = "tanh"
        config[name].mlp.initializer = "glorot_2010"
        optimizer = config.optimizer[name]
        optimizer.name = "sgd"
        optimizer.learning_rate = 1e-3
        optimizer.momentum = 0.6
        optimizer.schedule = "staircase"
        optimizer.decay_rate = 0.95
        optimizer.decay_steps = 2500.0
    config.generator.mlp.output_scale = 5.0
    return _points(config)


def aylien(config: ConfigDict) -> ConfigDict:
    """A generator of four softplus units, batches of 8; mean and spread vary widely from seed to seed."""
    config.data.name = "gaussian"
    config.data.gaussian.mean = (4.0,)
    config.data.gaussian.std = 0.5
    config.latent_dim = 1
    config.latent = "stratified"
    config.latent_scale = 8.0
    config.batch_size = 8
    config.steps = 5000
    config.generator.mlp.widths = (4,)
    config.generator.mlp.activation = "softplus"
    config.generator.mlp.output = "linear"
    config.discriminator.mlp.widths = (8, 8, 8)
    config.discriminator.mlp.activation = "relu"
    config.generator.mlp.initializer = config.discriminator.mlp.initializer = "unit_normal"
    _adam(config, 1e-3)
    return _points(config)


def aylien_minibatch(config: ConfigDict) -> ConfigDict:
    """The third hidden layer replaced by minibatch discrimination, 5 kernels of 3 numbers."""
    config = aylien(config)
    config.discriminator.mlp.widths = (8, 8)
    config.discriminator.mlp.minibatch_features = 5
    config.discriminator.mlp.minibatch_dims = 3
    return config


VARIANTS = {
    "yunjey": yunjey,
    "udacity": udacity,
    "wiseodd": wiseodd,
    "keras_dcgan": keras_dcgan,
    "jang": jang,
    "aylien": aylien,
    "aylien_minibatch": aylien_minibatch,
}


def _adam(config: ConfigDict, learning_rate: float) -> None:
    for player in ("generator", "discriminator"):
        config.optimizer[player].learning_rate = learning_rate
        config.optimizer[player].b1 = 0.9


def _one_hidden(config: ConfigDict, activation: str, initializer: str) -> None:
    for name in ("generator", "discriminator"):
        config[name].mlp.widths = (128,)
        config[name].mlp.activation = activation
        config[name].mlp.leak = 0.01
        config[name].mlp.initializer = initializer


def _rarely(config: ConfigDict) -> ConfigDict:
    config.log_every = 1000
    config.sample_every = config.checkpoint_every = 5000
    return config


def _points(config: ConfigDict) -> ConfigDict:
    config.log_every = 500
    config.sample_every = config.checkpoint_every = 2500
    config.sample_count = 1000
    return config
