"""Initializers named by the paper or code that used them.

An `Initializer` holds three functions, because a layer's kernel, its bias and the gain of its normalization are often
drawn together, and some biases depend on the number of inputs, which a bias's own shape does not tell.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax

from gan_jax.nn import options

Init = Callable[..., jax.Array]  # (key, shape, dtype) -> array


def _zero_bias(fan_in: int) -> Init:
    del fan_in
    return nn.initializers.zeros_init()


class Initializer(NamedTuple):
    """How a layer draws its first weights.

    Attributes:
      kernel: (key, shape, dtype) -> array; shape is [..., n_in, n_out], all axes but the last count as inputs.
      bias: number of inputs of one unit -> (key, shape, dtype) -> array.
      gain: (key, shape, dtype) -> array, the scale of a normalization layer.
    """

    kernel: Init
    bias: Callable[[int], Init] = _zero_bias
    gain: Init = nn.initializers.ones_init()


def uniform(limit: float) -> Init:
    """Uniform on [-limit, limit]."""

    def init(key: jax.Array, shape: tuple[int, ...], dtype: Any = float) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -limit, limit)

    return init


def gaussian(std: float, mean: float = 0.0) -> Init:
    """Normal with this mean and standard deviation, not truncated."""

    def init(key: jax.Array, shape: tuple[int, ...], dtype: Any = float) -> jax.Array:
        return mean + std * jax.random.normal(key, shape, dtype)

    return init


def goodfellow_2014(irange: float = 0.05) -> Initializer:
    """Weights uniform on [-irange, irange], biases 0; the paper's code has 0.05 in its generator, 0.005 in its critic.

    References:
      Goodfellow et al.: Generative Adversarial Nets, 2014, arXiv 1406.2661 (the settings are in the released code).
    """
    return Initializer(uniform(irange))


def dcgan(std: float = 0.02) -> Initializer:
    """Weights N(0, std^2), biases 0; gains of normalization layers N(1, std^2).

    References:
      Radford, Metz, Chintala: Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
      Networks, 2015, arXiv 1511.06434, section 4 (the gains are in the released code).
    """
    return Initializer(gaussian(std), gain=gaussian(std, mean=1.0))


def glorot_2010() -> Initializer:
    """Weights uniform on +-sqrt(6 / (n_in + n_out)), biases 0: the default of TensorFlow and Keras.

    References:
      Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks, 2010, equation 16.
    """
    return Initializer(nn.initializers.glorot_uniform())


def he_2015() -> Initializer:
    """Weights normal with standard deviation sqrt(2 / n_in), biases 0.

    References:
      He, Zhang, Ren, Sun: Delving Deep into Rectifiers, 2015, arXiv 1502.01852, equation 10.
    """
    return Initializer(nn.initializers.variance_scaling(2.0, "fan_in", "normal"))


def saxe_2014(gain: float = 1.4) -> Initializer:
    """Weights a random orthogonal matrix times `gain`, biases 0; 1.4 is from the released code of unrolled GANs.

    References:
      Saxe, McClelland, Ganguli: Exact solutions to the nonlinear dynamics of learning in deep linear neural networks,
      2014, arXiv 1312.6120. Metz, Poole, Pfau, Sohl-Dickstein: Unrolled Generative Adversarial Networks, 2017, arXiv
      1611.02163 (the paper's appendix gives 0.8).
    """
    return Initializer(nn.initializers.orthogonal(gain))


def unit_normal() -> Initializer:
    """Weights N(0, 1), biases 0: one-dimensional demonstrations with a handful of units.

    References:
      Glover (AYLIEN): An introduction to Generative Adversarial Networks, with code in TensorFlow, 2016.
    """
    return Initializer(gaussian(1.0))


def pytorch_linear() -> Initializer:
    """Weights and biases uniform on +-1 / sqrt(n_in): the default of PyTorch's Linear and Conv2d layers.

    Used by tutorials that set nothing, such as Choi (yunjey): pytorch-tutorial,
    `tutorials/03-advanced/generative_adversarial_network/main.py`, 2017. PyTorch's transposed convolution counts its
    outputs instead; here it counts its inputs like every other layer.
    """
    kernel = nn.initializers.variance_scaling(1.0 / 3.0, "fan_in", "uniform")
    return Initializer(kernel, bias=lambda fan_in: uniform(1.0 / math.sqrt(fan_in)))


INITIALIZERS: dict[str, Callable[[], Initializer]] = {
    "goodfellow_2014": goodfellow_2014,
    "dcgan": dcgan,
    "glorot_2010": glorot_2010,
    "he_2015": he_2015,
    "xavier_wiseodd": he_2015,  # so called in generative-models, `GAN/vanilla_gan/gan_tensorflow.py`, Kristiadi, 2016
    "saxe_2014": saxe_2014,
    "unit_normal": unit_normal,
    "pytorch_linear": pytorch_linear,
}


def get(name: str) -> Initializer:
    """The initializer called `name`, a key of INITIALIZERS, with its default options."""
    return options.choose("initializer", name, INITIALIZERS)()
