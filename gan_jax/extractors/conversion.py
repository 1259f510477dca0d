"""Networks written in Flax with weights that were trained in another framework."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import DataError
from gan_jax.extractors import torch_files

# Last part of a variable's name in Flax, and what PyTorch calls it.
TORCH_NAMES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}


def conv_norm(
    x: jax.Array,
    features: int,
    kernel_size: tuple[int, int],
    names: tuple[str, str],
    stride: int = 1,
    padding: str = "SAME",
    groups: int = 1,
    epsilon: float = 1e-3,
) -> jax.Array:
    """Convolution without bias and batch normalization with fixed statistics, not activated: two layers of these names.

    Products are made in full float32: accelerators round to fewer bits by default, and a distance between features
    would depend on the machine.
    """
    x = nn.Conv(
        features,
        kernel_size,
        (stride, stride),
        padding,
        use_bias=False,
        feature_group_count=groups,
        precision=jax.lax.Precision.HIGHEST,
        name=names[0],
    )(x)
    return nn.BatchNorm(use_running_average=True, epsilon=epsilon, name=names[1])(x)


def convert(
    network: nn.Module, shape: Sequence[int], tensors: Mapping[str, np.ndarray], where: str, unused: Sequence[str] = ()
) -> Any:
    """Float32 variables of a Flax network from PyTorch's tensors, whose names are the paths of the modules.

    ``shape`` is of an example (H, W, C); ``where`` begins the messages. In the file convolutions are [out, in, h, w],
    dense layers [out, in]. Names in ``unused`` must be there and are not taken; counters of batches never are.

    Raises:
      DataError: a tensor is missing, too many, or of another shape.
    """
    expected = jax.eval_shape(network.init, jax.random.key(0), jax.ShapeDtypeStruct((1, *shape), jnp.float32))
    left = {name for name in tensors if not name.endswith(".num_batches_tracked")}
    variables = {}
    for path, leaf in flax.traverse_util.flatten_dict(expected).items():
        name = ".".join((*path[1:-1], TORCH_NAMES[path[-1]]))
        if name not in tensors:
            raise DataError(f"{where} lack the tensor {name}")
        value = tensors[name]
        axes = {"kernel": (2, 3, 1, 0) if len(leaf.shape) == 4 else (1, 0)}.get(path[-1], (0,))
        if value.ndim != len(axes) or value.transpose(axes).shape != leaf.shape or value.dtype != np.float32:
            raise DataError(f"{where} have {name} as {value.dtype} {list(value.shape)}, which does not fit the network")
        variables[path] = jnp.asarray(np.ascontiguousarray(value.transpose(axes)))
        left.discard(name)
    if missing := set(unused) - left:
        raise DataError(f"{where} lack the tensor {min(missing)}")
    if extra := left - set(unused):
        raise DataError(f"{where} hold {min(extra)}, which this network does not have")
    return flax.traverse_util.unflatten_dict(variables)


def read_weights(path: str | Path, file: str, sha256: str, where: str) -> dict[str, np.ndarray]:
    """The tensors of a file of weights, refused unless it is the published ``file``, of which ``where`` says more.

    Raises:
      DataError: the file is missing, unsafe, damaged or another one.
    """
    if not Path(path).is_file():
        raise DataError(f"there is no file {path}: give the path of {where}")
    tensors, found = torch_files.read(path)
    if found != sha256:
        raise DataError(f"the weights {path} are not {file}: sha256 {found}, must be {sha256}")
    return tensors
