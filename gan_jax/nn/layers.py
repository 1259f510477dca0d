"""Layers: dense, maxout and batch normalization, and noise that belongs to an example rather than to a device."""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn import convolutions, options, spectral, virtual_batch_norm
from gan_jax.nn.initializers import Init, Initializer


def result_dtype(dtype: Any) -> Any:
    """The dtype a network returns when it computes in `dtype`: float32, or float64 if it computes in that."""
    return jnp.float64 if jnp.dtype(dtype) == jnp.float64 else jnp.float32


def check_shape(x: jax.Array, shape: tuple[int, ...]) -> None:
    """Raises ValueError unless x is [B, *shape]."""
    if x.shape[1:] != tuple(shape):
        raise ValueError(f"shape: examples of shape {x.shape[1:]} given; this network takes {tuple(shape)}")


def flatten(x: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Examples x [B, *shape] as [B, size of shape] in `dtype`; ValueError if they have another shape."""
    check_shape(x, shape)
    return x.reshape(x.shape[0], math.prod(shape)).astype(dtype)


def per_example(
    draw: Callable[[jax.Array], jax.Array], x: jax.Array, keys: jax.Array | None, index: int, layer: str
) -> jax.Array:
    """`draw` for each example of x [B, ...] with its own key, folded with the layer's index; shape [B, ...].

    An example's noise is thus a function of its key alone, whichever device, or group of runs, it is computed in.
    """
    if keys is None:
        raise ValueError(
            f"keys: None is not allowed; {layer} in training needs a key for each of {x.shape[0]} examples"
        )
    if not jnp.issubdtype(keys.dtype, jax.dtypes.prng_key) or keys.shape != x.shape[:1]:
        raise ValueError(
            f"keys: {keys.dtype}{list(keys.shape)} is not allowed; {layer} needs typed keys of shape [{x.shape[0]}]"
        )
    return jax.vmap(lambda key: draw(jax.random.fold_in(key, index)))(keys)


def dropout(x: jax.Array, rate: float, keys: jax.Array | None, index: int) -> jax.Array:
    """Sets each number of x to 0 with probability `rate` and divides the others by 1 - rate, so that the mean stays.

    `keys` [B] are one for each example, and not needed where `rate` is 0; `index` is the layer's number in its network,
    so that layers draw different masks from the same keys. Raises ValueError for a `rate` outside [0, 1).

    References:
      Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout: A Simple Way to Prevent Neural Networks from
      Overfitting, 2014.
    """
    options.check_rate("dropout", rate)
    if rate == 0.0:
        return x
    # The probability is float32 so that the same keys drop the same units in every precision.
    keep = jnp.float32(1.0 - rate)
    mask = per_example(lambda key: jax.random.bernoulli(key, keep, x.shape[1:]), x, keys, index, "dropout")
    return jnp.where(mask, x * (1.0 / (1.0 - rate)), jnp.zeros_like(x))


def dense(
    x: jax.Array,
    features: int,
    initializer: Initializer,
    dtype: Any,
    name: str,
    use_bias: bool = True,
    spectral_norm: bool = False,
) -> jax.Array:
    """A dense layer of the calling module: x [B, n] to [B, features] in `dtype`, parameters kernel and bias float32.

    With `spectral_norm` the kernel is divided by its largest singular value, see `spectral`.
    """
    kind = spectral.Dense if spectral_norm else nn.Dense
    layer = kind(
        features,
        use_bias=use_bias,
        dtype=dtype,
        kernel_init=initializer.kernel,
        bias_init=initializer.bias(x.shape[-1]),
        name=name,
    )
    return layer(x)


def conv(
    x: jax.Array,
    features: int,
    size: int,
    initializer: Initializer,
    dtype: Any,
    name: str,
    *,
    stride: int = 1,
    padding: convolutions.Padding = "SAME",
    use_bias: bool = True,
    spectral_norm: bool = False,
) -> jax.Array:
    """`Conv` of the calling module, by a kernel of size x size: [B, H, W, C] to [B, H', W', features]."""
    layer = Conv(
        features,
        (size, size),
        (stride, stride),
        padding,
        use_bias,
        kernel_init=initializer.kernel,
        bias_init=initializer.bias(size**2 * x.shape[-1]),
        dtype=dtype,
        spectral_norm=spectral_norm,
        name=name,
    )
    return layer(x)


def instance_norm(x: jax.Array, dtype: Any) -> jax.Array:
    """Each channel of each example of x [B, ..., C] less its mean over the pixels, over its standard deviation.

    There are no parameters. Statistics are in float32 or better.

    References:
      Ulyanov, Vedaldi, Lempitsky: Instance Normalization: The Missing Ingredient for Fast Stylization, 2016, arXiv
      1607.08022, equation 2.
    """
    pixels = tuple(range(1, x.ndim - 1))
    x = x.astype(result_dtype(x.dtype))
    variance = jnp.var(x, axis=pixels, keepdims=True)
    return ((x - jnp.mean(x, axis=pixels, keepdims=True)) * jax.lax.rsqrt(variance + 1e-5)).astype(dtype)


def batch_norm(
    x: jax.Array,
    train: bool,
    axis_name: str | None,
    initializer: Initializer,
    dtype: Any,
    name: str,
    momentum: float = 0.9,
    epsilon: float = 1e-5,
) -> jax.Array:
    """Batch normalization of the calling module, over all axes of x [B, ..., C] but the last; result in `dtype`.

    In training it uses the mean and the biased variance of the batch, over every device of `axis_name`, in float32 or
    better, and moves the running averages of collection "batch_stats", whose old value has the weight `momentum`;
    otherwise it uses these averages. The scale is drawn by the initializer's `gain`, the bias starts at 0.

    References:
      Ioffe, Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift,
      2015, arXiv 1502.03167.
    """
    layer = nn.BatchNorm(
        use_running_average=not train,
        momentum=momentum,
        epsilon=epsilon,
        dtype=dtype,
        scale_init=initializer.gain,
        axis_name=axis_name,
        use_fast_variance=False,
        name=name,
    )
    with jax.numpy_dtype_promotion("standard"):  # the layer mixes float32 statistics with inputs of other dtypes
        return layer(x)


def batch_or_virtual_norm(
    x: jax.Array,
    train: bool,
    axis_name: str | None,
    initializer: Initializer,
    dtype: Any,
    name: str,
    reference: int,
) -> jax.Array:
    """`batch_norm` of x [B, ..., C], or with `reference` > 0 virtual batch norm of x [reference + B, ..., C]."""
    if not reference:
        return batch_norm(x, train, axis_name, initializer, dtype, name)
    return virtual_batch_norm.VirtualBatchNorm(reference, initializer.gain, dtype=dtype, name=name)(x)


class Conv(nn.Module):
    """Convolution of images, [B, H, W, C] to [B, H', W', features], with the parameters of Flax's `nn.Conv`.

    Attributes:
      features: channels of the result.
      kernel_size: height and width.
      strides: vertical and horizontal.
      padding: as for `convolutions.conv`.
      use_bias: whether a bias is added to each channel.
      kernel_init: of kernel [h, w, C, features].
      bias_init: of bias [features].
      dtype: of the computation and result; parameters are float32.
      spectral_norm: whether the kernel is divided by its largest singular value, see `spectral`.
    """

    features: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: convolutions.Padding = "SAME"
    use_bias: bool = True
    kernel_init: Init = nn.initializers.lecun_normal()
    bias_init: Init = nn.initializers.zeros_init()
    dtype: Any = jnp.float32
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H', W', features]."""
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = self.param("bias", self.bias_init, (self.features,), jnp.float32) if self.use_bias else None
        if self.spectral_norm:
            kernel = spectral.normalize(self, kernel)
        y = self._convolved(x.astype(self.dtype), kernel.astype(self.dtype))
        return y if bias is None else y + bias.astype(self.dtype).reshape(1, 1, 1, -1)

    def _convolved(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        return convolutions.conv(x, kernel, strides=self.strides, padding=self.padding)


class ConvTranspose(Conv):
    """Transposed convolution of images with the parameters of Flax's `nn.ConvTranspose`.

    Attributes: those of `Conv`; `padding` is as for `convolutions.conv_transpose`.
    """

    def _convolved(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        return convolutions.conv_transpose(x, kernel, strides=self.strides, padding=self.padding)


class Maxout(nn.Module):
    """The largest of `pieces` linear functions for each of `features` units: [B, n] to [B, features].

    Attributes:
      features: units.
      pieces: linear functions in each unit.
      initializer: of kernel [n, pieces * features] and bias [pieces * features]; piece p of unit f is at
        p * features + f.
      dtype: of the computation and result.
      spectral_norm: whether the whole kernel is divided by its largest singular value, see `spectral`.

    References:
      Goodfellow, Warde-Farley, Mirza, Courville, Bengio: Maxout Networks, 2013, arXiv 1302.4389, section 3.
    """

    features: int
    pieces: int
    initializer: Initializer
    dtype: Any = jnp.float32
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, n] to [B, features]."""
        options.check_widths("features", (self.features,))
        options.check_widths("pieces", (self.pieces,))
        units = self.pieces * self.features
        x = dense(x, units, self.initializer, self.dtype, "linear", spectral_norm=self.spectral_norm)
        x = x.reshape(*x.shape[:-1], self.pieces, self.features)
        # Chosen by index: the derivative of a maximum compares numbers for equality, and is 0 / 0 where the compiler
        # computes them twice and rounds them differently.
        largest = jnp.expand_dims(jnp.argmax(x, axis=-2), -2)
        chosen = jax.lax.broadcasted_iota(largest.dtype, x.shape, x.ndim - 2) == largest
        return jnp.sum(jnp.where(chosen, x, jnp.zeros_like(x)), axis=-2)
