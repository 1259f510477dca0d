"""Batch statistics of averaged parameters: those that their own activations have."""

import flax.linen as nn
import jax
import numpy as np
from support.commands import image_run

from gan_jax import load_run


def normalized(run, stats):
    """Activations of the generator's batch norms before scale and bias, [examples, features] each, for fresh inputs."""
    params = run.weights.params["generator"]
    z = jax.random.normal(jax.random.key(123), (4000, run.config.latent_dim))
    _, seen = run.game.networks["generator"].apply(
        {"params": params, **stats}, z, train=False,
        capture_intermediates=lambda module, _: isinstance(module, nn.BatchNorm), mutable=["intermediates"],
    )  # fmt: skip
    layers = {name: own["__call__"][0] for name, own in seen["intermediates"].items()}
    assert len(layers) == 2
    own = jax.tree.map(np.asarray, params)
    return [(np.asarray(y) - own[name]["bias"]) / own[name]["scale"] for name, y in layers.items()]


def test_activations_of_averaged_parameters_have_mean_0_and_variance_1(tmp_path_factory):
    run = load_run(image_run(tmp_path_factory))
    assert run.weights.statistics == "anew from 2000"
    for y in normalized(run, run.weights.stats["generator"]):
        np.testing.assert_allclose(y.mean(0), 0, atol=5 * (1 / 2000 + 1 / 4000) ** 0.5)
        np.testing.assert_allclose(y.var(0), 1, atol=0.2)
    raw = normalized(run, run.state.stats["generator"])
    assert max(np.abs(y.var(0) - 1).max() for y in raw) > 0.4  # those of the training would not do


def test_without_averages_the_statistics_of_the_training_are_taken(tmp_path_factory):
    run = load_run(image_run(tmp_path_factory))
    weights = run.sampler.weights(run.state.replace(ema={}))
    assert (weights.parameters, weights.statistics) == ("current", "running")
    assert weights.stats["generator"] is run.state.stats["generator"]
