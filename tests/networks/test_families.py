"""Each family against its paper: parameter counts by hand, shapes, ranges, closed forms, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.networks import dcgan, maxout, mlp
from gan_jax.threefry import fast


def count(module, *shape):
    variables = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((2, *shape)))
    return sum(a.size for a in jax.tree.leaves(variables["params"]))


MNIST = (28, 28, 1)


@pytest.mark.parametrize(
    ("module", "shape", "number"),
    [
        # 64-256-256-784 and 784-256-256-1
        (mlp.Generator(MNIST), (64,), 64 * 256 + 256 + 256 * 256 + 256 + 256 * 784 + 784),
        (mlp.Discriminator(MNIST), MNIST, 784 * 256 + 256 + 256 * 256 + 256 + 256 + 1),
        # a normalized layer has a gain and a bias, and no bias of its own
        (mlp.Generator((2,), widths=(9,), batch_norm=True), (4,), 4 * 9 + 2 * 9 + 9 * 2 + 2),
        # Jang's 1-6-5-1
        (mlp.Generator((1,), widths=(6, 5)), (1,), 12 + 35 + 6),
        (maxout.Generator(MNIST), (100,), 100 * 1200 + 1200 + 1200 * 1200 + 1200 + 1200 * 784 + 784),
        (maxout.Discriminator(MNIST), MNIST, 785 * 1200 + 241 * 1200 + 241),
        # 4x4x256, 128, 64, 1 with kernels of 4: each normalized map has two numbers a channel
        (
            dcgan.Generator((32, 32, 1)),
            (100,),
            100 * 4096 + 512 + 16 * 256 * 128 + 256 + 16 * 128 * 64 + 128 + 1024 + 1,
        ),
        (dcgan.Discriminator((32, 32, 1)), (32, 32, 1), 1024 + 64 + 16 * 64 * 128 + 256 + 16 * 128 * 256 + 512 + 4097),
        (dcgan.Generator(MNIST, kernel_size=5), (100,), 100 * 6272 + 256 + 25 * 128 * 64 + 128 + 25 * 64 + 1),
        (dcgan.Discriminator(MNIST, kernel_size=5), MNIST, 25 * 64 + 64 + 25 * 64 * 128 + 256 + 6272 + 1),
        (dcgan.Generator((32, 32, 1), batch_norm=False), (100,), 101 * 4096 + 4097 * 128 + 2049 * 64 + 1025),
    ],
    ids=lambda value: type(value).__module__ if not isinstance(value, int | tuple) else "",
)
def test_parameter_counts_by_hand(module, shape, number):
    assert count(module, *shape) == number


@pytest.mark.parametrize("size", [16, 28, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_dcgan_takes_every_resolution_and_number_of_channels(size, channels):
    shape = (size, size, channels)
    for module, x in (
        (dcgan.Generator(shape), jnp.zeros((2, 10))),
        (dcgan.Discriminator(shape, kernel_size=5), jnp.zeros((2, *shape))),
    ):
        variables = jax.eval_shape(module.init, jax.random.key(0), x)
        y = jax.eval_shape(module.apply, variables, x)
        assert y.shape == ((2, *shape) if isinstance(module, dcgan.Generator) else (2,))


def test_dcgan_widths_are_those_of_the_paper_at_64_pixels():
    module = dcgan.Generator((64, 64, 3), channels=128, kernel_size=5)
    params = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((2, 100)))["params"]
    assert params["project"]["kernel"].shape == (100, 4 * 4 * 1024)
    assert [params[name]["kernel"].shape[2:] for name in ("up_0", "up_1", "up_2", "output")] == [
        (1024, 512),
        (512, 256),
        (256, 128),
        (128, 3),
    ]
    module = dcgan.Discriminator((64, 64, 3), channels=128)
    params = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((2, 64, 64, 3)))["params"]
    assert [params[f"down_{i}"]["kernel"].shape[3] for i in range(4)] == [128, 256, 512, 1024]
    assert "norm_0" not in params
    assert set(params["down_0"]) == {"kernel", "bias"}
    assert set(params["down_1"]) == {"kernel"}


def compiled(function):
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 1})


def run(module, x):
    """The parameters that a module draws, and what it makes of x with them."""

    def both(key, x):
        variables = module.init(fast(key), x)
        return variables["params"], module.apply(variables, x)

    return jax.tree.map(np.asarray, compiled(both)(jax.random.key(1), x))


def test_images_are_in_range_and_a_linear_output_is_not_bounded():
    z = 100 * np.random.default_rng(0).standard_normal((8, 4), np.float32)
    for output in ("tanh", "sigmoid", "linear"):
        _, y = run(mlp.Generator((3,), widths=(5,), output=output, output_scale=2.0), z)
        assert (np.abs(y).max() > 2) == (output == "linear")


def test_mlp_is_its_formula():
    z = np.random.default_rng(0).standard_normal((7, 3), np.float32)
    params, y = run(mlp.Generator((2,), widths=(6,), activation="leaky_relu", leak=0.1, output_scale=5.0), z)
    hidden = z @ params["hidden_0"]["kernel"] + params["hidden_0"]["bias"]
    hidden = np.where(hidden > 0, hidden, 0.1 * hidden)
    want = 5 * np.tanh(hidden @ params["output"]["kernel"] + params["output"]["bias"])
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-6)


def test_maxout_discriminator_works_on_pixels_from_0_to_1():
    module = maxout.Discriminator((4,), widths=(3,), pieces=2, irange=0.5)
    x = np.random.default_rng(0).uniform(-1, 1, (6, 4)).astype(np.float32)
    params, y = run(module, x)
    linear = params["maxout_0"]["linear"]
    hidden = ((x + 1) / 2) @ linear["kernel"] + linear["bias"]
    hidden = hidden.reshape(6, 2, 3).max(axis=1)
    want = hidden @ params["output"]["kernel"][:, 0] + params["output"]["bias"][0]
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-6)
    assert np.abs(linear["kernel"]).max() <= 0.5
    # A logit is linear in the units that the last dropout keeps: its mean over masks is the undropped logit.
    only_last = module.clone(input_dropout=0.0)
    keys = jax.random.split(jax.random.key(2), 20_000)
    apply = compiled(lambda x, keys: only_last.apply({"params": params}, x, train=True, keys=fast(keys)))
    many = np.asarray(apply(np.tile(x[:1], (20_000, 1)), keys))
    assert abs(many.mean() - want[0]) < 5 * many.std() / np.sqrt(20_000)


def test_maxout_generator_can_start_at_the_mean_of_the_data():
    images = np.float32([[-1.0, 0.0, 1.0, 0.5], [-1.0, 0.0, 1.0, -0.5]])
    module, z = maxout.Generator((4,), widths=(3,), output_bias=-2.0), np.zeros((1, 2), np.float32)
    params, _ = run(module, z)
    np.testing.assert_array_equal(params["output"]["bias"], -2 * np.ones(4))

    @compiled
    def at_the_mean(images):
        bias = maxout.marginal_bias(images)
        output = {**params["output"], "bias": bias}
        return jax.nn.sigmoid(bias), module.apply({"params": {**params, "output": output}}, z)[0]

    share, y = at_the_mean(images)
    np.testing.assert_allclose(share, [1e-7, 0.5, 1, 0.5], atol=1e-6)
    np.testing.assert_allclose(y, images.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (mlp.Generator((2,), activation="swish"), (3,), "activation='swish' is not possible.*; allowed: one of relu"),
        (mlp.Generator((2,), output="clip"), (3,), "output='clip' is not possible"),
        (
            mlp.Generator((2,), output_scale=0.0),
            (3,),
            "output_scale=0.0 is not possible; allowed: a finite",
        ),
        (mlp.Generator((2,), widths=(3, 0)), (3,), r"widths=\(3, 0\) is not possible"),
        (mlp.Discriminator((2,), dropout=1.0), (2,), "dropout=1.0 is not possible"),
        (mlp.Discriminator((2,), initializer="normal"), (2,), "initializer='normal' is not possible"),
        (maxout.Discriminator((2,), pieces=0), (2,), r"pieces=0 is not possible"),
        (maxout.Discriminator((2,), input_dropout=-0.1), (2,), "input_dropout=-0.1 is not possible"),
        (maxout.Generator((2,), irange=0.0), (3,), "irange=0.0 is not possible"),
        (
            dcgan.Generator((48, 48, 3)),
            (3,),
            r"shape: \(48, 48, 3\) is not allowed; give a square image of 28 pixels or",
        ),
        (dcgan.Generator((32, 16, 3)), (3,), "give a square image"),
        (dcgan.Generator((8, 8, 3)), (3,), "give a square image"),
        (dcgan.Discriminator((32,)), (32,), r"shape: \(32,\) is not allowed; give \(height, width, channels\)"),
        (dcgan.Generator((32, 32, 3), kernel_size=3), (3,), "kernel_size=3 is not possible; allowed: one of 4, 5"),
        (dcgan.Discriminator((16, 16, 1), leak=-0.2), (16, 16, 1), "leak=-0.2 is not possible"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_impossible_options_fail_with_a_line_that_says_what_is_allowed(module, shape, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((2, *shape)))
