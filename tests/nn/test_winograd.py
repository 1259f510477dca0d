"""Convolution by fewer products: the identity it rests on, how many products it makes, and what rounding costs."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import lax

from gan_jax.nn import convolutions
from gan_jax.nn.cpu import winograd

SAME = {4: (1, 1), 5: (1, 2), 3: (1, 1)}  # zeros before and after, at strides of 2, 2 and 1 and even sizes


@pytest.mark.parametrize("cells", [2, 3])
@given(st.data())
def test_two_outputs_along_an_axis_are_exact_in_whole_numbers(cells, data):
    numbers = st.integers(-1000, 1000)
    d = np.array(data.draw(st.lists(numbers, min_size=cells + 1, max_size=cells + 1)))
    g = np.array(data.draw(st.lists(numbers, min_size=cells, max_size=cells)))
    left, right = np.array(winograd.CELLS[cells]) @ d, np.array(winograd.KERNELS[cells]) @ g
    got = np.array(winograd.OUTPUTS[cells]) @ (left * right)
    np.testing.assert_array_equal(got, [d[:cells] @ g, d[1:] @ g])


def multiplications(jaxpr):
    """Multiplications of the matrix products in a jaxpr and the loops and calls in it."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            ((contracted, _), _), shape = equation.params["dimension_numbers"], equation.invars[0].aval.shape
            total += equation.outvars[0].aval.size * int(np.prod([shape[i] for i in contracted]))
        inner = [x for x in jax.tree.leaves(equation.params, is_leaf=is_jaxpr) if is_jaxpr(x)]
        times = equation.params["length"] if equation.primitive.name == "scan" else 1
        inner = inner[:1] if equation.primitive.name == "cond" else inner  # the branches of backends: CPUs first
        total += times * sum(multiplications(getattr(x, "jaxpr", x)) for x in inner)
    return total


def is_jaxpr(x):
    return hasattr(x, "eqns")


@pytest.mark.parametrize(
    ("kernel", "stride", "size", "share"),
    [(4, 2, 16, 9 / 16), (4, 2, 14, 64 * 9 / (49 * 16)), (5, 2, 16, 64 / 100), (3, 1, 8, 16 / 36), (4, 2, 6, 1.0)],
)
@pytest.mark.parametrize("transpose", [False, True])
def test_number_of_products_in_value_and_gradients(kernel, stride, size, share, transpose):
    batch, channels, features = 128, 32, 48
    outputs = size // stride
    function = convolutions.conv_transpose if transpose else convolutions.conv
    if transpose:
        size, outputs = outputs, size
    x = jax.ShapeDtypeStruct((batch, size, size, channels), jnp.float32)
    w = jax.ShapeDtypeStruct((kernel, kernel, channels, features), jnp.float32)

    def forward(x, w):
        return function(x, w, strides=(stride, stride))

    def backward(x, w, y):
        return jax.vjp(forward, x, w)[1](y)

    direct = batch * min(size, outputs) ** 2 * kernel**2 * channels * features
    assert multiplications(jax.make_jaxpr(forward)(x, w).jaxpr) == pytest.approx(share * direct, rel=1e-12)
    y = jax.ShapeDtypeStruct((batch, outputs, outputs, features), jnp.float32)
    all_three = multiplications(jax.make_jaxpr(backward)(x, w, y).jaxpr)
    assert all_three == pytest.approx(3 * share * direct, rel=1e-12)


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (5, 2), (3, 1)])
def test_rounding_stays_within_three_times_that_of_a_direct_sum(kernel, stride):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(8, 16, 16, 64)), rng.normal(size=(kernel, kernel, 64, 32))
    x, w = np.float32(x), np.float32(w)
    strides, padding = (stride, stride), (SAME[kernel], SAME[kernel])
    assert winograd.suits(w.shape, strides, (16 // stride, 16 // stride))

    def direct(x, w):
        return lax.conv_general_dilated(x, w, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))

    with jax.enable_x64(True):
        exact = np.asarray(jax.jit(direct)(x.astype(np.float64), w.astype(np.float64)))

    def error(y):
        return np.sqrt(np.mean((np.asarray(y, np.float64) - exact) ** 2)) / exact.std()

    ours = error(jax.jit(lambda x, w: convolutions.conv(x, w, strides=strides, padding=padding))(x, w))
    one_at_a_time = np.zeros(exact.shape, np.float32)  # products added one after another, as a loop would
    padded = np.pad(x, ((0, 0), SAME[kernel], SAME[kernel], (0, 0)))
    end = 16 - stride + 1
    for i, j, c in itertools.product(range(kernel), range(kernel), range(64)):
        taken = padded[:, i : i + end : stride, j : j + end : stride, c]
        one_at_a_time += taken[..., None] * w[i, j, c]
    assert ours < 1e-6
    assert ours < 3 * error(one_at_a_time)
    assert ours < 5 * error(jax.jit(direct)(x, w))
