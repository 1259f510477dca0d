"""What discriminators tell about their last hidden layer, and refusals of the options of normalization."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.networks import DISCRIMINATORS, dcgan, mlp
from gan_jax.threefry import fast

FAST = {"xla_backend_optimization_level": 1}
SMALL = {
    "mlp": {"widths": (5, 4)},
    "maxout": {"widths": (5,), "pieces": 2},
    "dcgan": {"channels": 2},
    "keras_dcgan": {"depth": 1},
}
SHAPE = (16, 16, 1)
FEATURES = {"mlp": 4, "maxout": 5, "dcgan": 4 * 4 * 4, "keras_dcgan": 2 * 2 * 8}


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_the_logit_is_linear_in_the_sown_features(name):
    module = DISCRIMINATORS[name](SHAPE, **SMALL[name])
    x = np.random.default_rng(0).standard_normal((3, *SHAPE), np.float32)

    def both(key):
        variables = module.init(fast(key), x)
        return variables, module.apply(variables, x, mutable=["intermediates"])

    variables, (logits, sown) = jax.tree.map(np.asarray, jax.jit(both, compiler_options=FAST)(jax.random.key(1)))
    assert "intermediates" not in variables
    (features,) = sown["intermediates"]["features"]
    assert (features.shape, features.dtype) == ((3, FEATURES[name]), jnp.float32)
    output = variables["params"]["output"]
    np.testing.assert_allclose(logits, features @ output["kernel"][:, 0] + output["bias"][0], rtol=1e-4, atol=1e-5)
    half = module.clone(dtype=jnp.bfloat16)
    sown = jax.eval_shape(lambda v, x: half.apply(v, x, mutable=["intermediates"]), variables, x)[1]
    assert sown["intermediates"]["features"][0].dtype == jnp.float32


def test_features_leave_out_what_minibatch_discrimination_appends():
    module = mlp.Discriminator((4,), widths=(5,), minibatch_features=3)
    x = jnp.zeros((2, 4))
    variables = jax.eval_shape(module.init, jax.random.key(0), x)
    sown = jax.eval_shape(lambda v: module.apply(v, x, mutable=["intermediates"]), variables)[1]
    assert sown["intermediates"]["features"][0].shape == (2, 5)


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (mlp.Generator((2,), reference=4), (3,), "reference: 4 is not allowed without batch_norm"),
        (mlp.Generator((2,), batch_norm=True, reference=-1), (3,), "reference: -1 is not allowed; give a whole number"),
        (dcgan.Generator((16, 16, 1), batch_norm=False, reference=4), (3,), "reference: 4 is not allowed without"),
        (mlp.Discriminator((2,), minibatch_features=-1), (2,), "minibatch_features: -1 is not allowed"),
        (mlp.Discriminator((2,), minibatch_features=2, minibatch_dims=0), (2,), r"minibatch_dims: \(0,\) is not"),
    ],
)  # fmt: skip
def test_impossible_options_are_refused(module, shape, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((2, *shape)))
