"""Losses with one planted error each, and the property that must name it."""

import jax
import jax.numpy as jnp

from gan_jax import losses
from gan_jax.losses import AdversarialLoss, Claims, Divergence, Optimum

NON_SATURATING = losses.get("non_saturating")
MINIMAX = losses.get("minimax")
softplus = jax.nn.softplus


def entropy(r, f):
    return softplus(-r) + softplus(f)


def rejected(r, f):
    return softplus(-f)


def unclaimed(discriminator=entropy, generator=rejected, reads=False, **more):
    return AdversarialLoss(discriminator, generator, generator_reads_real=reads, **more)


def claimed(base, **changes):
    """The base loss's claims over other functions."""
    return base._replace(**changes)


def with_claims(base, **changes):
    return base._replace(claims=lambda: base.claims()._replace(**changes))


def with_divergence(base, **changes):
    return with_claims(base, divergence=base.claims().divergence._replace(**changes))


def raising(r, f):
    raise RuntimeError("not today")


def branching(r, f):
    return r if r[0] > 0 else f


def clipped(logits):
    return -jnp.log(jnp.clip(jax.nn.sigmoid(logits), 1e-7, 1.0))


def with_nan(r, f):
    return jnp.where(jnp.abs(f) < 5e-3, jnp.nan, softplus(f)) + softplus(-r)


def naive(r, f):
    return -jnp.log(jax.nn.sigmoid(r)) - jnp.log(1 - jax.nn.sigmoid(f))


def hidden(r, f):
    return jnp.nan_to_num(naive(r, f))


@jax.custom_jvp
def custom(f):
    return softplus(f)


custom.defjvp(lambda primals, tangents: (custom(primals[0]), tangents[0] * jax.nn.sigmoid(primals[0]) * 1.01))


# What any loss must have, with nothing claimed: name -> (loss, property).
UNIVERSAL = {
    "raises": (unclaimed(raising), "shape and dtype"),
    "branches on a value": (unclaimed(branching), "shape and dtype"),
    "a scalar": (unclaimed(lambda r, f: jnp.mean(entropy(r, f))), "shape and dtype"),
    "a matrix": (unclaimed(lambda r, f: softplus(-r)[:, None] + softplus(f)), "shape and dtype"),
    "None": (unclaimed(lambda r, f: None), "shape and dtype"),
    "an integer": (unclaimed(generator=lambda r, f: (f > 0).astype(jnp.int32)), "shape and dtype"),
    "the mean for each": (unclaimed(lambda r, f: jnp.full_like(r, jnp.mean(entropy(r, f)))), "per example"),
    "a leak of the neighbour": (unclaimed(lambda r, f: entropy(r, f) + 1e-3 * jnp.roll(f, 1) ** 2), "per example"),
    "order matters": (unclaimed(lambda r, f: entropy(r, f) * jnp.linspace(1, 2, r.size, dtype=r.dtype)), "per example"),
    "sign of the discriminator": (unclaimed(lambda r, f: -entropy(r, f)), "ranking"),
    "real and fake exchanged": (unclaimed(lambda r, f: entropy(f, r)), "ranking"),
    "sign of the generator": (unclaimed(generator=lambda r, f: -rejected(r, f)), "generator raises"),
    "the generator helps the discriminator": (unclaimed(generator=lambda r, f: softplus(f)), "generator raises"),
    "the discriminator sees no fake": (unclaimed(lambda r, f: softplus(-r)), "ranking"),
    "no slope": (unclaimed(generator=lambda r, f: jax.lax.stop_gradient(rejected(r, f))), "gradient"),
    "a stopped term": (unclaimed(lambda r, f: softplus(-r) + jax.lax.stop_gradient(softplus(f))), "gradient"),
    "a wrong derivative": (unclaimed(lambda r, f: softplus(-r) + custom(f)), "gradient"),
    "log of a sigmoid": (unclaimed(naive), "finite"),
    "an exponential without a domain": (unclaimed(generator=lambda r, f: -jnp.exp(f)), "finite"),
    "NaN at zero": (unclaimed(with_nan), "finite"),
    "NaN made large numbers": (unclaimed(hidden), "float32 as float64"),
    "a clipped discriminator": (unclaimed(lambda r, f: clipped(r) + clipped(-f)), "slope at mistakes"),
    "a clipped generator": (unclaimed(generator=lambda r, f: clipped(f)), "slope at mistakes"),
    "reads real and denies it": (unclaimed(generator=lambda r, f: softplus(r - f)), "generator_reads_real"),
    "claims that raise": (unclaimed(claims=lambda: 1 / 0), "claims"),
}  # fmt: skip

# What contradicts a claim.
CLAIMED = {
    "twice the fake term": (
        claimed(NON_SATURATING, discriminator=lambda r, f: softplus(-r) + 2 * softplus(f)), "optimum",
    ),
    "half of the cost": (claimed(MINIMAX, discriminator=lambda r, f: entropy(r, f) / 2), "value"),
    "minimax that does not saturate": (claimed(MINIMAX, generator=rejected), "saturating"),
    "minimax that is not zero-sum": (claimed(MINIMAX, generator=rejected), "zero-sum"),
    "non-saturating that is minimax": (claimed(NON_SATURATING, generator=MINIMAX.generator), "saturating"),
    "an optimum that is off": (
        with_claims(NON_SATURATING, optimum=Optimum("", lambda p, q: 1.01 * jnp.log(p / q))), "optimum",
    ),
    "an optimum of another shape": (
        with_claims(NON_SATURATING, optimum=Optimum("", lambda p, q: jnp.sum(p / q))), "optimum",
    ),
    "an optimum that leans at p = q": (
        with_claims(NON_SATURATING, optimum=Optimum("", lambda p, q: jnp.log(p / q) + 0.01 * p)), "equilibrium",
    ),
    "another value": (with_divergence(MINIMAX, value=lambda p, q: jnp.log(4.0) - jnp.sum(jnp.abs(p - q))), "value"),
    "another criterion": (with_divergence(NON_SATURATING, criterion=lambda p, q: jnp.sum(p)), "criterion"),
    "another slope": (
        with_divergence(NON_SATURATING, slope=lambda p, q: jnp.sum(q * jnp.log(q / p))), "slope",
    ),
    "chi-squared as the slope of least squares": (
        with_divergence(
            losses.get("least_squares", a=-1.0, b=1.0, c=0.0), slope=lambda p, q: jnp.sum((p - q) ** 2 / (p + q)) / 2
        ),
        "slope",
    ),
    "chi-squared without its scheme": (
        with_divergence(losses.get("least_squares"), symmetric=lambda p, q: jnp.sum((p - q) ** 2 / (p + q)) / 2),
        "symmetric criterion",
    ),
    "a shift that matters": (with_claims(NON_SATURATING, shift_invariant=True), "shift invariance"),
    "a domain that is too wide": (
        with_claims(losses.get("maximum_likelihood"), domain=(-1e4, 100.0)), "finite",
    ),
    "a claimed function that raises": (
        with_claims(NON_SATURATING, divergence=Divergence("", value=lambda p, q: raising(p, q))), "value",
    ),
    "a mean that forgets the other shards": (
        losses.get("relativistic_average")._replace(claims=Claims), "shards",
    ),
}  # fmt: skip
