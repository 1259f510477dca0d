"""What discriminators tell about their last hidden layer, and refusals of the options of normalization."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.told import of_one_input

from gan_jax.networks import DISCRIMINATORS, dcgan, mlp
from gan_jax.threefry import fast

FAST = {"xla_backend_optimization_level": 1}
SMALL = {
    "mlp": {"widths": (5, 4)},
    "maxout": {"widths": (5,), "pieces": 2},
    "dcgan": {"channels": 2},
    "keras_dcgan": {"depth": 1},
    "mirza": {},
    "patch": {"channels": 2, "layers": 1},
    "projection": {"channels": 2, "spectral_norm": False},
    "salimans": {"widths": (5, 4)},
}
SHAPE = (16, 16, 1)
FEATURES = {"mlp": 4, "maxout": 5, "dcgan": 4 * 4 * 4, "keras_dcgan": 2 * 2 * 8, "mirza": 240, "patch": 7 * 7 * 4,
            "projection": 4, "salimans": 4}  # fmt: skip


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_the_logits_are_linear_in_the_features_of_the_trunk(name):
    module = of_one_input(DISCRIMINATORS[name], SHAPE, **SMALL[name])
    x = np.random.default_rng(0).standard_normal((3, *SHAPE), np.float32)

    def both(key):
        variables = module.init(fast(key), x)
        return variables, module.apply(variables, x), module.apply(variables, x, head=False)

    variables, logits, features = jax.tree.map(np.asarray, jax.jit(both, compiler_options=FAST)(jax.random.key(1)))
    assert (features.shape, features.dtype) == ((3, FEATURES[name]), jnp.float32)
    if name not in ("patch", "salimans"):
        output = variables["params"].get("network", variables["params"])["output"]
        np.testing.assert_allclose(logits, features @ output["kernel"][:, 0] + output["bias"][0], rtol=1e-4, atol=1e-5)
    half = of_one_input(DISCRIMINATORS[name], SHAPE, **SMALL[name], dtype=jnp.bfloat16)
    assert jax.eval_shape(lambda v, x: half.apply(v, x, head=False), variables, x).dtype == jnp.float32
    trunk = jax.eval_shape(lambda key: module.init(key, x, head=False), jax.random.key(0))["params"]
    whole = {**variables["params"]}
    below = whole.setdefault("network", dict(whole["network"])) if "network" in whole else whole
    below.pop("output")
    assert jax.tree.structure(trunk) == jax.tree.structure(whole)


def test_features_leave_out_what_minibatch_discrimination_appends():
    module = mlp.Discriminator((4,), widths=(5,), minibatch_features=3)
    x = jnp.zeros((2, 4))
    variables = jax.eval_shape(module.init, jax.random.key(0), x)
    assert jax.eval_shape(lambda v: module.apply(v, x, head=False), variables).shape == (2, 5)
    with pytest.raises(ValueError, match="minibatch_features: 3 is not allowed where a game puts a head of its own"):
        jax.eval_shape(lambda key: module.init(key, x, head=False), jax.random.key(0))


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (mlp.Generator((2,), reference=4), (3,), "reference: 4 is not allowed without batch_norm"),
        (mlp.Generator((2,), batch_norm=True, reference=-1), (3,), "reference=-1 is not possible; allowed: a whole"),
        (dcgan.Generator((16, 16, 1), batch_norm=False, reference=4), (3,), "reference: 4 is not allowed without"),
        (mlp.Discriminator((2,), minibatch_features=-1), (2,), "minibatch_features=-1 is not possible"),
        (mlp.Discriminator((2,), minibatch_features=2, minibatch_dims=0), (2,), "minibatch_dims=0 is not possible"),
        (mlp.Discriminator((2,), widths=(1.5,)), (2,), "holds 1.5; allowed: a tuple of int"),
        (mlp.Discriminator((2,), activation="rleu"), (2,), "did you mean 'relu'"),
    ],
)
def test_impossible_options_are_refused(module, shape, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((2, *shape)))
