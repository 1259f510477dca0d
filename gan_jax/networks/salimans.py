"""The classifier of the first semi-supervised GANs: weight-normalized dense layers with Gaussian noise before each."""

from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn import layers, options, weight_norm
from gan_jax.options import WIDTHS, at_least


class Discriminator(nn.Module):
    """Images x [B, *shape] in [-1, 1] to logits [B]: noise and a ReLU layer, again and again.

    Pixels are in [0, 1] in the paper's code, to which they are mapped back. Of a head's layers the length of each
    unit's weights is learned too; of these it stays as the first pass over data makes it.

    Attributes:
      shape: of one example.
      widths: units of the hidden layers.
      input_noise: standard deviation of the noise on the pixels in training.
      noise: the same on each hidden layer.
      dtype: of the computation; parameters are float32, the result at least float32.

    Raises:
      ValueError: on the first call, if an option has an impossible value; in training with noise and without keys.

    References:
      Salimans et al.: Improved Techniques for Training GANs, 2016, arXiv 1606.03498, section 5; released code,
      train_mnist_feature_matching.py.
    """

    shape: tuple[int, ...]
    widths: Annotated[tuple[int, ...], WIDTHS, "units of the hidden layers"] = (1000, 500, 250, 250, 250)
    input_noise: Annotated[float, at_least(0.0), "standard deviation of the noise on pixels in [0, 1]"] = 0.3
    noise: Annotated[float, at_least(0.0), "standard deviation of the noise on each hidden layer"] = 0.5
    dtype: Any = jnp.float32

    @property
    def independent(self) -> bool:
        """Whether an example's logit depends on that example alone."""
        return True

    @property
    def starts_from_data(self) -> bool:
        """Whether the first pass should see real examples."""
        return True

    @property
    def weight_norm(self) -> bool:
        """Whether the layers of a head on this trunk are weight-normalized."""
        return True

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        train: bool = False,
        keys: jax.Array | None = None,
        axis_name: str | None = None,
        head: bool = True,
    ) -> jax.Array:
        """Logits [B] for x [B, *shape]; without the head the last hidden layer, [B, F], with its noise."""
        del axis_name
        options.check(self)
        x = (layers.flatten(x, self.shape, self.dtype) + 1) / 2
        x = self._noisy(x, self.input_noise, train, keys, 0)
        for i, width in enumerate(self.widths):
            x = jax.nn.relu(weight_norm.Dense(width, dtype=self.dtype, name=f"hidden_{i}")(x))
            x = self._noisy(x, self.noise, train, keys, i + 1)
        if not head:
            return x.astype(layers.result_dtype(self.dtype))
        logits = weight_norm.Dense(1, True, self.dtype, name="output")(x)
        return logits[:, 0].astype(layers.result_dtype(self.dtype))

    def _noisy(self, x: jax.Array, std: float, train: bool, keys: jax.Array | None, index: int) -> jax.Array:
        if not train or std == 0.0:
            return x
        draw = lambda key: jax.random.normal(key, x.shape[1:], jnp.float32)
        return x + std * layers.per_example(draw, x, keys, index, "noise").astype(x.dtype)
