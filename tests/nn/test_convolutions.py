"""Convolutions against XLA's own: values, gradients, second derivatives, in loops, under vmap, on other backends."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import export, lax

from gan_jax.nn import convolutions, layers
from gan_jax.nn.cpu import patches, winograd

DIMENSIONS = ("NHWC", "HWIO", "NHWC")
KINDS = {  # ours and XLA's, of one signature
    "conv": (
        lambda x, w, strides, padding: convolutions.conv(x, w, strides=strides, padding=padding),
        lambda x, w, strides, padding: lax.conv_general_dilated(x, w, strides, padding, dimension_numbers=DIMENSIONS),
    ),
    "transpose": (
        lambda x, w, strides, padding: convolutions.conv_transpose(x, w, strides=strides, padding=padding),
        lambda x, w, strides, padding: lax.conv_transpose(x, w, strides, padding),
    ),
}
# Height, width, channels, features, kernel, strides, padding. Cases for every form of the code: patches are gathered or
# scattered, of whole cells of strides or not, with zeros around or cropped; large ones take fewer products.
SMALL = [
    (8, 8, 3, 4, (4, 4), (2, 2), "SAME"),
    (7, 6, 4, 1, (5, 5), (2, 2), "SAME"),
    (5, 7, 1, 4, (3, 3), (1, 1), "SAME"),
    (6, 6, 5, 2, (3, 3), (1, 1), ((1, 2), (0, 1))),
    (8, 7, 2, 3, (3, 4), (2, 1), "VALID"),
    (4, 4, 3, 5, (1, 1), (2, 2), "SAME"),
    (6, 5, 2, 3, (2, 2), (3, 3), ((3, 2), (1, 3))),
    (6, 7, 2, 3, (2, 2), (3, 3), "VALID"),
    (1, 1, 6, 5, (4, 4), (1, 1), ((3, 3), (3, 3))),
]
LARGE = [
    (9, 7, 16, 24, (4, 4), (2, 2), ((2, 1), (3, 4))),
    (8, 8, 16, 16, (5, 5), (2, 2), "SAME"),
    (7, 6, 32, 32, (4, 3), (2, 1), ((1, 1), (1, 1))),
]
# Derivatives depend on the form alone: gathered, scattered, and the same with fewer products, two and three strides.
OF_EACH_FORM = [SMALL[0], LARGE[-1]]
# Compilation is most of these tests' time, and most programs run once: little optimization makes it faster.
FAST = {"xla_backend_optimization_level": 1}


@pytest.mark.parametrize("case", LARGE, ids=str)
def test_large_cases_take_fewer_products(case):
    *_, channels, features, kernel, strides, padding = case
    x = jax.ShapeDtypeStruct((1, *case[:3]), jnp.float32)
    w = jax.ShapeDtypeStruct((*kernel, channels, features), jnp.float32)
    size = jax.eval_shape(lambda x, w: convolutions.conv(x, w, strides=strides, padding=padding), x, w).shape[1:3]
    assert winograd.suits(w.shape, strides, size)


def draw(case, dtype, batch=2):
    height, width, channels, features, kernel, _, _ = case
    rng = np.random.default_rng(0)
    x = jnp.array(rng.normal(size=(batch, height, width, channels)), dtype)
    return x, jnp.array(rng.normal(size=(*kernel, channels, features)), dtype)


def derivatives(function, x, w):
    """Value, both gradients of a nonlinear loss, and its Hessian times a vector by reverse mode twice."""

    def loss(args):
        y = function(*args)
        return jnp.sum(jnp.sin(y) * jnp.arange(1, y.size + 1, dtype=y.dtype).reshape(y.shape) / y.size), y

    def slope(args):
        (gx, gw), y = jax.grad(loss, has_aux=True)(args)
        return jnp.sum(gx * jnp.cos(x)) + jnp.sum(gw * jnp.cos(w)), (y, gx, gw)

    return jax.grad(slope, has_aux=True)((x, w))


def assert_near(ours, theirs, tolerance):
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1.0, np.abs(b).max()))


def in_both_ways(kind, case, measure, dtype=jnp.float64):
    """What ``measure`` makes of a convolution of this module, and of XLA's."""
    *_, strides, padding = case

    def both(x, w):
        return [measure(lambda x, w, of=of: of(x, w, strides, padding), x, w) for of in KINDS[kind]]

    with jax.enable_x64(dtype == jnp.float64):
        return jax.jit(both, compiler_options=FAST)(*draw(case, dtype))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", [*SMALL, *LARGE], ids=str)
def test_value_equals_xla_in_float64(kind, case):
    if kind == "transpose" and case[0] == 1:
        case = (*case[:6], "VALID")
    assert_near(*in_both_ways(kind, case, lambda function, x, w: function(x, w)), 1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", OF_EACH_FORM, ids=str)
def test_value_gradients_and_double_reverse_equal_xla_in_float64(kind, case):
    assert_near(*in_both_ways(kind, case, derivatives), 1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(jnp.float32, 3e-6), (jnp.bfloat16, 2e-2)], ids=["f32", "bf16"])
def test_value_and_gradients_equal_xla_in_lower_precision(kind, dtype, tolerance):
    def measure(function, x, w):
        y, back = jax.vjp(function, x, w)
        return y, back(jnp.cos(y))

    assert_near(*in_both_ways(kind, SMALL[0], measure, dtype), tolerance)


def brute_force(x, w, strides, dilation, padding):
    """Convolution by its definition, in loops over outputs."""
    batch, height, width, channels = x.shape
    spread = np.zeros((batch, (height - 1) * dilation[0] + 1, (width - 1) * dilation[1] + 1, channels))
    spread[:, :: dilation[0], :: dilation[1]] = x
    spread = np.pad(spread, [(0, 0), *padding, (0, 0)])
    rows, columns = ((n - k) // s + 1 for n, k, s in zip(spread.shape[1:3], w.shape[:2], strides, strict=True))
    y = np.zeros((batch, rows, columns, w.shape[3]))
    for r, c in itertools.product(range(rows), range(columns)):
        patch = spread[:, r * strides[0] : r * strides[0] + w.shape[0], c * strides[1] : c * strides[1] + w.shape[1]]
        y[:, r, c] = np.tensordot(patch, w, 3)
    return y


pads = st.tuples(st.integers(0, 4), st.integers(0, 4))
strides = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=12, deadline=None)
@given(
    st.tuples(st.integers(3, 8), st.integers(3, 8), st.integers(1, 4), st.integers(1, 4)),
    st.sampled_from([(1, 1), (3, 3), (4, 4), (5, 5), (7, 7), (2, 5)]),
    strides,
    st.tuples(pads, pads),
    st.booleans(),
)
def test_value_equals_the_definition(shape, kernel, strides, padding, transpose):
    x, w = draw((*shape, kernel, None, None), jnp.float32)
    spread = [
        (n - 1) * (s if transpose else 1) + 1 + sum(p) for n, s, p in zip(shape[:2], strides, padding, strict=True)
    ]
    function = convolutions.conv_transpose if transpose else convolutions.conv
    if any(n < k for n, k in zip(spread, kernel, strict=True)):
        with pytest.raises(ValueError, match="the output would be empty"):
            function(x, w, strides=strides, padding=padding)
        return
    one = (1, 1)
    want = brute_force(np.asarray(x), np.asarray(w), *((one, strides) if transpose else (strides, one)), padding)
    got = jax.jit(lambda x, w: function(x, w, strides=strides, padding=padding), compiler_options=FAST)(x, w)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "numbers", "examples"), [("conv", 4 * 4 * 16 * 3, 0.5), ("transpose", 8 * 8 * 16 * 4, 2.5)]
)
def test_parts_of_a_batch_give_what_the_whole_gives(kind, numbers, examples, monkeypatch):
    *_, strides, padding = SMALL[0]

    def function(x, w):
        return KINDS[kind][0](x, w, strides, padding)

    def run():
        program = jax.jit(lambda x, w: derivatives(function, x, w), compiler_options=FAST)
        return program(x, w), "scan" in str(jax.make_jaxpr(function)(x, w))

    with jax.enable_x64(True):
        x, w = draw(SMALL[0], jnp.float64, batch=6)
        whole, loop = run()
        assert not loop
        monkeypatch.setattr(patches, "PATCH_NUMBERS", int(examples * numbers))
        jax.clear_caches()
        parts, loop = run()
        assert loop
        assert_near(parts, whole, 1e-12)


def energies():
    """Of images that both kinds of convolution change, one after the other: by this module, and by XLA."""
    *_, strides, padding = SMALL[0]
    for conv, transpose in zip(*KINDS.values(), strict=True):

        def energy(x, w, conv=conv, transpose=transpose):
            y = transpose(jnp.tanh(conv(x, w, strides, padding)), w.transpose(0, 1, 3, 2), strides, padding)
            return jnp.sum(jnp.sin(y))

        yield energy


def test_loops_vmap_and_forward_mode():
    def descend(energy):
        return lambda x, w: lax.fori_loop(0, 3, lambda _, w: w - 0.01 * jax.grad(energy, 1)(x, w), w)

    def forward_over_reverse(energy):
        return lambda x, w: jax.jvp(jax.grad(energy, (0, 1)), (x, w), (jnp.cos(x), jnp.cos(w)))[1]

    ours, theirs = energies()
    with jax.enable_x64(True):
        x, w = map(np.asarray, draw(SMALL[0], jnp.float64))
        xs, ws = np.stack([x, 2 * x, -x]), np.stack([w, w + 1, 0.5 * w])
        got = jax.jit(jax.vmap(descend(ours)), compiler_options=FAST)(xs, ws)
        alone = jax.jit(descend(theirs), compiler_options=FAST)
        assert_near(got, np.stack([alone(x, w) for x, w in zip(xs, ws, strict=True)]), 1e-12)
        both = [forward_over_reverse(ours), forward_over_reverse(theirs)]
        assert_near(*jax.jit(lambda x, w: [of(x, w) for of in both], compiler_options=FAST)(x, w), 1e-12)


def step(x, w):
    def loss(w):
        y = convolutions.conv(x, w, strides=(2, 2))
        return jnp.sum(convolutions.conv_transpose(jnp.tanh(y), w.transpose(0, 1, 3, 2), strides=(2, 2)) ** 2)

    return lax.fori_loop(0, 2, lambda _, w: w - jax.grad(loss)(w), w)


@pytest.mark.parametrize(("platform", "plain"), [("cuda", True), ("tpu", True), ("cpu", False)])
def test_accelerators_get_plain_convolutions_and_cpus_none(platform, plain):
    x, w = jnp.zeros((128, 16, 16, 8)), jnp.zeros((4, 4, 8, 16))
    text = export.export(jax.jit(step), platforms=[platform])(x, w).mlir_module()
    assert ("stablehlo.convolution" in text) == plain
    assert ("stablehlo.dot_general" in text) != plain


def test_memory_stays_near_that_of_the_images():
    x, w = jax.ShapeDtypeStruct((128, 32, 32, 64), jnp.float32), jax.ShapeDtypeStruct((5, 5, 64, 16), jnp.float32)
    gradient = jax.jit(jax.grad(lambda x, w: jnp.sum(convolutions.conv(x, w) ** 2), (0, 1)))
    images = 128 * 32 * 32 * 64 * 4
    assert gradient.lower(x, w).compile().memory_analysis().temp_size_in_bytes < 3 * images  # all patches take 25


@pytest.mark.parametrize(("kernel_size", "strides", "use_bias"), [((3, 3), (1, 1), False), ((5, 5), (2, 2), True)])
@pytest.mark.parametrize(("mine", "flax"), [(layers.Conv, nn.Conv), (layers.ConvTranspose, nn.ConvTranspose)])
def test_layers_are_interchangeable_with_those_of_flax(mine, flax, kernel_size, strides, use_bias):
    ours, theirs = (module(4, kernel_size, strides=strides, use_bias=use_bias) for module in (mine, flax))
    rng = np.random.default_rng(0)
    x = jnp.array(rng.normal(size=(2, 6, 6, 3)), jnp.float32)
    shapes = jax.eval_shape(ours.init, jax.random.key(1), x)
    assert shapes == jax.eval_shape(theirs.init, jax.random.key(1), x)
    variables = jax.tree.map(lambda a: jnp.array(rng.normal(size=a.shape), a.dtype), shapes)
    assert_near(*jax.jit(lambda v, x: (ours.apply(v, x), theirs.apply(v, x)))(variables, x), 1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"padding": "same"}, "padding: 'same' is not allowed"),
        ({"padding": (1, 1)}, r"padding: \(1, 1\) is not allowed"),
        ({"strides": (0, 1)}, r"strides: \(0, 1\) is not allowed"),
        ({"kernel": jnp.zeros((3, 3, 2, 4))}, "with the same C"),
        ({"kernel": jnp.zeros((3, 3, 3, 4), jnp.bfloat16)}, "give one dtype"),
    ],
)
@pytest.mark.parametrize("function", [convolutions.conv, convolutions.conv_transpose])
def test_impossible_arguments_fail_with_a_line_that_says_why(function, change, message):
    arguments = {"kernel": jnp.zeros((3, 3, 3, 4)), **change}
    with pytest.raises(ValueError, match=message):
        function(jnp.zeros((2, 8, 8, 3)), **arguments)
