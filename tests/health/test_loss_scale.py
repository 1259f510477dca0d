import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.health import loss_scale
from gan_jax.losses import VARIANTS, get

EXPECTED = {
    "minimax": (np.log(4), 0),
    "non_saturating": (np.log(4), 0),
    "maximum_likelihood": (np.log(4), 0),
    "least_squares": (0.25, 0),
    "hinge": (2, 0),
    "wasserstein": (None, None),
    "relativistic": (np.log(2), 0),
    "relativistic_pairing": (np.log(2), 0),
    "relativistic_average": (np.log(4), 0),
    "relativistic_average_least_squares": (2, 0),
    "f_gan": (None, None),
}


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_equilibrium_and_least_cost(name):
    loss = get(name)
    found = loss_scale(loss.discriminator, loss.log_odds)
    equilibrium, won = EXPECTED[name]
    if equilibrium is None:
        assert (found.equilibrium, found.won, found.remaining(0.5)) == (None, None, None)
        return
    np.testing.assert_allclose([found.equilibrium, found.won], [equilibrium, won], atol=1e-6)
    assert found.remaining(found.equilibrium) == 1
    assert found.remaining(found.won) == 0


@pytest.mark.parametrize(
    ("name", "options", "equilibrium", "won"),
    [
        # By hand: -(0.9 log c + 0.1 log(1 - c)) - log(1 - c) at c = 0.45, and the entropy of 0.9.
        ("minimax", {"real_target": 0.9}, -0.9 * np.log(0.45) - 1.1 * np.log(0.55), 0.3250830),
        ("least_squares", {"a": -1.0, "b": 1.0, "c": 0.0}, 1.0, 0.0),
        ("f_gan", {"divergence": "jensen_shannon"}, 0.0, -np.log(4)),
        ("f_gan", {"divergence": "squared_hellinger"}, 0.0, -2.0),
    ],
)
def test_with_options(name, options, equilibrium, won):
    found = loss_scale(get(name, **options).discriminator)
    np.testing.assert_allclose([found.equilibrium, found.won], [equilibrium, won], atol=1e-3)  # of a grid of logits


def test_an_own_loss_without_a_least_cost():
    assert loss_scale(lambda r, f: f - r).won is None
    assert loss_scale(lambda r, f: 0 * r).won is None  # nothing to win
    assert loss_scale(lambda r, f: jnp.exp(f) - r).won is None
