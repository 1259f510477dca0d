"""Every loss against float64 NumPy, written from the papers' formulas, over the logits at which it is defined."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_jax import losses
from gan_jax.errors import ConfigError

ALL = [(name, options) for name in losses.LOSSES for options in losses.VARIANTS[name]]
SIZE = 8  # one compiled program serves all examples


def ids(case):
    return f"{case[0]}{list(case[1].values()) or ''}"


def log1pexp(t):
    return np.logaddexp(0.0, t)


def sigmoid(t):
    return np.exp(-log1pexp(-t))


def bce(logit, target):
    return -target * -log1pexp(-logit) - (1 - target) * -log1pexp(logit)


def smoothed(generator):
    def make(real_target=1.0, fake_target=0.0):
        return (
            lambda r, f: bce(r, real_target) + bce(f, fake_target),
            {"minimax": lambda r, f: -bce(f, fake_target), "non_saturating": lambda r, f: bce(f, 1.0)}[generator],
        )

    return make


def least_squares(a, b, c):
    return lambda r, f: ((r - b) ** 2 + (f - a) ** 2) / 2, lambda r, f: (f - c) ** 2 / 2


# g and f* of tables 2 and 6, composed here as they stand there, at full precision of float64.
F_GAN = {
    "kl": (lambda v: v, lambda t: np.exp(t - 1)),
    "reverse_kl": (lambda v: -np.exp(-v), lambda t: -1 - np.log(-t)),
    "pearson": (lambda v: v, lambda t: t**2 / 4 + t),
    "squared_hellinger": (lambda v: 1 - np.exp(-v), lambda t: t / (1 - t)),
    "jensen_shannon": (lambda v: np.log(2) - log1pexp(-v), lambda t: -np.log(2 - np.exp(t))),
    "gan": (lambda v: -log1pexp(-v), lambda t: -np.log(1 - np.exp(t))),
}
# Logits between which the compositions above keep 6 digits, as 1 - exp(-v) and log(1 - sigmoid(v)) do not beyond.
F_RANGE = {
    "reverse_kl": (-88.5, 700.0),
    "squared_hellinger": (-8.0, 8.0),
    "jensen_shannon": (-60.0, 18.0),
    "gan": (-60.0, 18.0),
}


def f_gan(divergence):
    g, conjugate = F_GAN[divergence]
    return lambda r, f: -g(r) + conjugate(g(f)), lambda r, f: -conjugate(g(f))


CLOSED_FORMS = {
    "minimax": smoothed("minimax"),
    "non_saturating": smoothed("non_saturating"),
    "maximum_likelihood": lambda: (lambda r, f: bce(r, 1.0) + bce(f, 0.0), lambda r, f: -np.exp(f)),
    "least_squares": least_squares,
    "hinge": lambda: (lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f), lambda r, f: -f),
    "wasserstein": lambda: (lambda r, f: f - r, lambda r, f: -f),
    "relativistic": lambda: (lambda r, f: log1pexp(-(r - f)), lambda r, f: log1pexp(-(f - r))),
    "relativistic_pairing": lambda: (lambda r, f: log1pexp(-(r - f)), lambda r, f: -log1pexp(-(r - f))),
    "relativistic_average": lambda: (
        lambda r, f: log1pexp(-(r - f.mean())) + log1pexp(f - r.mean()),
        lambda r, f: log1pexp(-(f - r.mean())) + log1pexp(r - f.mean()),
    ),
    "relativistic_average_least_squares": lambda: (
        lambda r, f: (r - f.mean() - 1) ** 2 + (f - r.mean() + 1) ** 2,
        lambda r, f: (f - r.mean() - 1) ** 2 + (r - f.mean() + 1) ** 2,
    ),
    "f_gan": f_gan,
}


def test_every_loss_has_a_closed_form_here():
    assert set(CLOSED_FORMS) == set(losses.LOSSES) == set(losses.VARIANTS)
    assert {options["divergence"] for options in losses.VARIANTS["f_gan"]} == set(F_GAN)


@pytest.fixture(scope="module", params=ALL, ids=ids)
def case(request):
    """(name, options, the loss, its functions compiled with their gradients, the closed forms)."""
    name, options = request.param
    made = losses.get(name, **options)

    @jax.jit
    def both(real, fake):
        return [(fn(real, fake), *jax.vjp(fn, real, fake)[1](jnp.ones_like(real))) for fn in made[:2]]

    return name, options, made, both, CLOSED_FORMS[name](**options)


@settings(max_examples=40)
@given(data=st.data())
def test_values_equal_the_closed_form_and_stay_finite(case, data):
    name, options, made, both, expected = case
    low, high = F_RANGE.get(options.get("divergence"), made.claims().domain)
    logits = st.lists(st.floats(np.float32(low), np.float32(high), width=32), min_size=SIZE, max_size=SIZE)
    real, fake = (np.asarray(data.draw(logits), np.float32) for _ in range(2))
    for (value, *slopes), closed in zip(both(real, fake), expected, strict=True):
        value, wide = np.asarray(value), closed(real.astype(np.float64), fake.astype(np.float64))
        assert value.shape == (SIZE,)
        assert value.dtype == np.float32
        # A mean or a difference of logits of 1e4 is exact to 1e-3 in float32, and its square to that times 1e4.
        coarse = 2e-7 * np.abs(np.concatenate([real, fake])).max() if "relativistic" in name else 0.0
        scale = np.sqrt(np.abs(wide)) if name.endswith("least_squares") else 1.0
        assert (np.abs(value - wide) <= 3e-6 * (1 + np.abs(wide)) + 4 * coarse * (1 + scale)).all()
        assert all(np.isfinite(slope).all() for slope in slopes)


def test_the_ends_of_the_domain_are_finite_and_what_lies_beyond_is_not_hidden(case):
    """Nothing is clipped: where float32 overflows, the loss says so."""
    _, _, made, both, _ = case
    low, high = made.claims().domain
    ends = np.asarray(list(itertools.product((low, high), repeat=2)) * 2, np.float32)
    assert all(np.isfinite(part).all() for parts in both(ends[:, 0], ends[:, 1]) for part in parts)
    for end in {low, high} - {-1e4, 1e4}:
        beyond = np.full(SIZE, end + np.sign(end) * 2, np.float32)
        assert not all(np.isfinite(parts[0]).all() for parts in both(beyond, -beyond) + both(-beyond, beyond))


def test_half_precision_stays_half(case):
    _, _, made, _, _ = case
    logits = jnp.linspace(-3, 3, SIZE, dtype=jnp.bfloat16)
    for function in made[:2]:
        assert function(logits, logits[::-1]).dtype == jnp.bfloat16


def test_each_example_stands_alone(case):
    """The Jacobian with respect to either argument is diagonal, unless a mean over the minibatch is declared."""
    _, _, made, _, _ = case
    real, fake = jnp.linspace(-2.0, 3.0, 5), jnp.array([1.0, 0.3, -2.5, 0.9, -1.2])
    leak = sum(
        np.abs(np.asarray(jacobian)[~np.eye(5, dtype=bool)]).sum()
        for function in made[:2]
        for jacobian in jax.jacobian(function, (0, 1))(real, fake)
    )
    assert (leak > 0) == made.batchwise


def test_generator_reads_real_tells_the_truth(case):
    _, _, made, _, _ = case
    real, fake = jnp.linspace(-2.0, 3.0, 5), jnp.linspace(1.0, -4.0, 5)
    slope = np.abs(jax.jacobian(made.generator, 0)(real, fake)).sum()
    assert (slope > 0) == made.generator_reads_real


def test_no_two_losses_are_the_same():
    """Not even up to scales and constants, but for two members of f_gan: gan is minimax, and jensen_shannon both."""
    rng = np.random.default_rng(0)
    real, fake = jnp.asarray(rng.uniform(-3, 3, 32), jnp.float32), jnp.asarray(rng.uniform(-3, 3, 32), jnp.float32)

    def direction(function):
        values = np.asarray(function(real, fake), np.float64)
        return (values - values.mean()) / values.std()

    directions = {ids(case): [direction(fn) for fn in losses.get(case[0], **case[1])[:2]] for case in ALL}
    same = set()
    for (one, a), (two, b) in itertools.combinations(directions.items(), 2):
        if all(np.abs(x - y).max() < 1e-4 for x, y in zip(a, b, strict=True)):
            same.add((one, two))
    assert same == {
        ("minimax", "f_gan['jensen_shannon']"), ("minimax", "f_gan['gan']"),
        ("f_gan['jensen_shannon']", "f_gan['gan']"),
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in losses.LOSSES if losses.get(name).batchwise])
def test_means_run_over_all_shards(name):
    """Values and the gradient of the mean, on two shards as on one."""
    real, fake = jnp.linspace(-2.0, 3.0, 8), jnp.asarray([1.0, 0.3, -2.5, 0.9, -1.2, 2.0, 0.1, -0.4])
    whole, split = losses.get(name), losses.get(name, axis_name="shards")
    for player in ("discriminator", "generator"):
        one, two = getattr(whole, player), getattr(split, player)
        shards = real.reshape(2, 4), fake.reshape(2, 4)
        np.testing.assert_allclose(
            jax.vmap(two, axis_name="shards")(*shards).ravel(), one(real, fake), rtol=1e-5, atol=1e-6
        )

        def cost_of_shift(shift, fn, r, f):  # of a parameter that every example shares
            return jnp.mean(fn(r * shift, f - shift))

        expected = jax.grad(cost_of_shift)(1.0, one, real, fake)
        grads = jax.vmap(lambda r, f, fn=two: jax.grad(cost_of_shift)(1.0, fn, r, f), axis_name="shards")(*shards)
        np.testing.assert_allclose(grads.mean(), expected, rtol=1e-5)
        alone = jax.vmap(one)(*shards).ravel()
        assert np.abs(alone - one(real, fake)).max() > 0.1  # the mean of a shard would be another loss


def test_a_loss_traces_its_numbers():
    def of(c, target):
        ends = jnp.zeros(1)
        smoothed = losses.get("minimax", real_target=target)
        return losses.get("least_squares", c=c).generator(ends, ends), smoothed.discriminator(ends + 2, ends)

    square, entropy = jax.jit(of)(jnp.float32(3.0), jnp.float32(0.9))
    np.testing.assert_allclose(square, 4.5)
    np.testing.assert_allclose(entropy, bce(2.0, 0.9) + np.log(2), rtol=1e-6)


def test_the_default_targets_change_no_bit():
    """Smoothing that is not asked for multiplies by 1 and adds 0."""
    real, fake = jnp.linspace(-30, 90, 64), jnp.linspace(50, -70, 64)
    for name in ("minimax", "non_saturating", "maximum_likelihood"):
        plain = jax.nn.softplus(-real) + jax.nn.softplus(fake)
        np.testing.assert_array_equal(losses.get(name).discriminator(real, fake), plain)
    np.testing.assert_array_equal(losses.get("minimax").generator(real, fake), -jax.nn.softplus(fake))


def test_unknown_names_options_and_values_are_refused():
    with pytest.raises(ConfigError, match="loss 'hinged' is unknown; allowed: f_gan, hinge, least_squares"):
        losses.get("hinged")
    with pytest.raises(ConfigError, match="unexpected keyword argument 'd'"):
        losses.get("least_squares", d=1.0)
    with pytest.raises(ConfigError, match="divergence='js' is unknown; allowed: kl, reverse_kl, pearson"):
        losses.get("f_gan", divergence="js")


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_arrays_of_other_shapes_are_refused(name):
    """Broadcasting [B] with [B, 1] would give every pair a loss."""
    made = losses.get(name)
    with pytest.raises(AssertionError):
        made.discriminator(jnp.zeros(4), jnp.zeros((4, 1)))
    with pytest.raises(AssertionError):
        made.discriminator(jnp.zeros(4), jnp.zeros(1))
