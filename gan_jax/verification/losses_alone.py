"""Properties of a loss's two functions by themselves: shapes, finiteness, gradients, independence of examples."""

from collections.abc import Callable, Mapping
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.losses import AdversarialLoss, Claims
from gan_jax.losses.adversarial import PairLoss
from gan_jax.registry import describe
from gan_jax.verification.checks import Check, Finding, compiled

PLAYERS = ("discriminator", "generator")
WRONG = 30.0  # a logit that is surely wrong; sigmoid(-30) = 1e-13 is far from underflow in float32
NEAR = 6.0  # where derivatives are compared with differences


def shape_and_dtype(loss: AdversarialLoss) -> Check:
    """[B] in, [B] out, in the logits' dtype; bfloat16 may give float32."""
    allowed = {"float32": ("float32",), "bfloat16": ("bfloat16", "float32")}
    for player in PLAYERS:
        for dtype, results in allowed.items():
            logits = jax.ShapeDtypeStruct((7,), dtype)
            try:
                out = jax.eval_shape(getattr(loss, player), logits, logits)
            except Exception as error:
                return Check("shape and dtype", False, f"{player}, {dtype} [7]: {describe(error)}")
            if not hasattr(out, "shape"):
                return Check("shape and dtype", False, f"{player} gives {type(out).__name__}; allowed: an array [B]")
            if out.shape != (7,) or str(out.dtype) not in results:
                given = f"{out.dtype} {list(out.shape)}"
                return Check(
                    "shape and dtype", False, f"{player} gives {given} for {dtype} [7]; allowed: [7], one per example"
                )
    return Check("shape and dtype", True, "[B] -> [B] in float32 and bfloat16")


def finite(loss: AdversarialLoss, claims: Claims) -> Finding:
    """Values and slopes are finite on all pairs of a grid over the domain, in float32 and bfloat16."""
    real, fake = _pairs(_grid(claims.domain))
    for dtype in ("float32", "bfloat16"):
        for what, numbers in _outputs(loss, real, fake, dtype).items():
            bad = ~np.isfinite(numbers)
            if bad.any():
                at = int(np.argmax(bad))
                return False, (
                    f"{dtype}: {what} is {numbers[at]} at r={real[at]:g}, f={fake[at]:g} "
                    f"({int(bad.sum())} of {bad.size} pairs; a narrower range is declared in Claims.domain)"
                )
    return True, f"logits from {claims.domain[0]:g} to {claims.domain[1]:g}, {real.size} pairs, float32 and bfloat16"


def precise(loss: AdversarialLoss, claims: Claims) -> Finding:
    """Values and slopes in float32 are those of float64, over the domain."""
    real, fake = _pairs(_grid(claims.domain))
    worst, where = 0.0, "nowhere"
    single = _outputs(loss, real, fake, "float32")
    for what, numbers in _outputs(loss, real, fake, "float64").items():
        error = np.abs(single[what] - numbers) / (1 + np.abs(numbers))
        if not np.isfinite(error).all():
            return False, f"{what} is not finite in both"
        if error.max() > worst:
            at = int(np.argmax(error))
            worst, where = float(error[at]), f"{what} at r={real[at]:g}, f={fake[at]:g}"
    return worst < 1e-4, f"largest error {worst:.1e} relative to 1 + |value| ({where})"


def gradient(loss: AdversarialLoss, claims: Claims) -> Finding:
    """The gradient, in float64, is that of finite differences; at a kink it lies between those of the two sides."""
    step, size = 1e-5, 8
    low, high = max(claims.domain[0] + 1, -NEAR), min(claims.domain[1] - 1, NEAR)
    draws = np.random.default_rng(1).uniform(low, high, (4, 2 * size))
    worst = 0.0
    with jax.enable_x64(True):
        for player in PLAYERS:
            slope, here, up, down = (np.asarray(x) for x in _differences(getattr(loss, player), draws, step))
            right, left = (up - here) / step, (here - down) / step
            outside = np.maximum(np.minimum(left, right) - slope, slope - np.maximum(left, right))
            kink = np.abs(right - left) > 1e-2 * (1 + np.abs(slope))
            error = np.where(kink, np.maximum(outside, 0), np.abs((left + right) / 2 - slope)) / (1 + np.abs(slope))
            if not error.max() < 1e-5:
                draw, at = np.unravel_index(np.argmax(error), error.shape)
                which = f"{'r' if at < size else 'f'}={draws[draw, at]:.3f}"
                found = f"slope {slope[draw, at]:.6g}, differences {left[draw, at]:.6g} and {right[draw, at]:.6g}"
                return False, f"{player}: {found} at {which}"
            worst = max(worst, float(error.max()))
    return True, f"largest error {worst:.1e} relative to 1 + |slope|, 64 logits a player, float64"


def _differences(function: PairLoss, draws: np.ndarray, step: float) -> tuple[jax.Array, ...]:
    """For minibatches [D, 2N] of N real and N generated logits: slopes, costs [D, 1], and costs a step up and down."""

    def total(both: jax.Array) -> jax.Array:
        return jnp.sum(function(*jnp.split(both, 2)))

    def measure(both: jax.Array) -> tuple[jax.Array, ...]:
        moves = step * jnp.eye(both.size)
        moved = jax.vmap(lambda move: total(both + move))
        return jax.grad(total)(both), total(both)[None], moved(moves), moved(-moves)

    return compiled(jax.vmap(measure))(jnp.asarray(draws))


def mistakes(loss: AdversarialLoss, claims: Claims) -> Finding:
    """No player's slope is exactly 0 in float32 where it is surely wrong: that is what clipping does."""
    low, high = max(claims.domain[0], -WRONG), min(claims.domain[1], WRONG)
    real, fake = np.array([low, 0.0, 0.0]), np.array([0.0, high, low])
    slopes = _outputs(loss, real, fake, "float32")
    by_real, by_fake = slopes["discriminator's slope in r"][0], slopes["discriminator's slope in f"][1]
    rejected = slopes["generator's slope in f"][2]
    told = f"discriminator: {by_real:.2g} at r={low:g}, {by_fake:.2g} at f={high:g}; "
    told += f"generator: {rejected:.2g} at f={low:g}"
    return bool(by_real != 0 and by_fake != 0 and rejected != 0), told


def per_example(loss: AdversarialLoss, claims: Claims) -> Finding:
    """The Jacobian is diagonal; or, for a batchwise loss, permuting the pairs permutes the losses."""
    size = 5
    real, fake = np.linspace(-2.0, 3.0, size), np.array([1.0, 0.3, -2.5, 0.9, -1.2])
    leak, moved = 0.0, 0.0
    order = np.array([2, 0, 4, 1, 3])
    with jax.enable_x64(True):
        for player in PLAYERS:
            function = getattr(loss, player)
            for jacobian in compiled(jax.jacobian(function, (0, 1)))(real, fake):
                leak = max(leak, float(np.abs(np.asarray(jacobian)[~np.eye(size, dtype=bool)]).max()))
            there = function(jnp.asarray(real[order]), jnp.asarray(fake[order]))
            here = function(jnp.asarray(real), jnp.asarray(fake))[order]
            moved = max(moved, float(jnp.max(jnp.abs(there - here))))
    if loss.batchwise:
        return moved < 1e-9, f"batchwise is declared (dependence on others {leak:.2g}); permuted pairs: {moved:.1e}"
    more = "" if leak == 0 else "; declare batchwise if a mean over the minibatch is meant"
    return leak == 0 and moved < 1e-9, f"largest slope with respect to another example {leak:.2g}{more}"


def shards(loss: AdversarialLoss, factory: Callable[..., AdversarialLoss] | None) -> Finding:
    """Two halves of a minibatch, each on its shard, give the values and gradients of the whole."""
    if factory is None:
        return None, "not checked: a built loss has no axis_name to set"
    axis = "verification_shards"
    split = factory(axis_name=axis)
    real, fake = np.linspace(-2.0, 3.0, 8), np.array([1.0, 0.3, -2.5, 0.9, -1.2, 2.0, 0.1, -0.4])
    worst = 0.0
    with jax.enable_x64(True):
        for player in PLAYERS:
            whole, parts = getattr(loss, player), getattr(split, player)

            def cost(function: PairLoss, r: jax.Array, f: jax.Array) -> tuple[jax.Array, jax.Array]:
                losses = function(r, f)
                return jnp.mean(losses), losses

            def measure(function: PairLoss, r: jax.Array, f: jax.Array) -> tuple[jax.Array, ...]:
                slopes, losses = jax.grad(lambda r, f: cost(function, r, f), (0, 1), has_aux=True)(r, f)
                return losses, *slopes

            expected = measure(whole, jnp.asarray(real), jnp.asarray(fake))
            halves = jax.vmap(lambda r, f, parts=parts: measure(parts, r, f), axis_name=axis)(
                jnp.asarray(real).reshape(2, 4), jnp.asarray(fake).reshape(2, 4)
            )
            # The gradient of the mean over shards is the mean of the shards' gradients: hence the half.
            for one, two, scale in zip(expected, halves, (1.0, 0.5, 0.5), strict=True):
                worst = max(worst, float(np.abs(np.asarray(one) - scale * np.asarray(two).ravel()).max()))
    return worst < 1e-9, f"two shards against one: {worst:.1e}, values and gradients"


def reads_real(loss: AdversarialLoss, claims: Claims) -> Finding:
    """Where the generator is declared not to read real logits, it does not: it gets others in their place."""
    rng = np.random.default_rng(2)
    low, high = max(claims.domain[0], -3.0), min(claims.domain[1], 3.0)
    one, two, fake = (jnp.asarray(rng.uniform(low, high, 16), jnp.float32) for _ in range(3))
    change = float(np.abs(np.asarray(loss.generator(one, fake)) - np.asarray(loss.generator(two, fake))).max())
    told = f"declared {loss.generator_reads_real}; other real logits change its cost by {change:.2g}"
    if loss.generator_reads_real:
        return (True, told) if change > 0 else (None, f"{told}: declare False to spare its round a minibatch")
    return change == 0, told


PROPERTIES: Mapping[str, Callable[[AdversarialLoss, Claims], Finding]] = {
    "finite": finite,
    "float32 as float64": precise,
    "gradient": gradient,
    "slope at mistakes": mistakes,
    "per example": per_example,
    "generator_reads_real": reads_real,
}


def _grid(domain: tuple[float, float]) -> np.ndarray:
    """Logits over the domain, dense near 0 and up to its ends, all of them bfloat16 numbers inside it."""
    size = np.concatenate([np.linspace(0, 8, 9), np.geomspace(0.01, 1e4, 25)])
    inside = np.unique(np.clip(np.concatenate([-size, size]), *domain))
    short = inside.astype(jnp.bfloat16).astype(np.float64)
    # An end that rounds outwards is moved to the next shorter number.
    short = np.where((short < domain[0]) | (short > domain[1]), short * (1 - 2.0**-7), short)
    return np.unique(short.astype(jnp.bfloat16).astype(np.float64))


def _pairs(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    real, fake = np.meshgrid(grid, grid, indexing="ij")
    return real.ravel(), fake.ravel()


def _outputs(loss: AdversarialLoss, real: np.ndarray, fake: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    """Values and slopes of both players; of a batchwise loss, of minibatches of one pair each."""
    with jax.enable_x64(dtype == "float64"):
        numbers = _compiled(loss)(jnp.asarray(real, dtype), jnp.asarray(fake, dtype))
    what = [f"{player}'s {part}" for player in PLAYERS for part in ("value", "slope in r", "slope in f")]
    return dict(zip(what, (np.asarray(n, np.float64) for n in numbers), strict=True))


@lru_cache(maxsize=2)
def _compiled(loss: AdversarialLoss) -> Callable[[jax.Array, jax.Array], list[jax.Array]]:
    def outputs(real: jax.Array, fake: jax.Array) -> list[jax.Array]:
        numbers = []
        for player in PLAYERS:
            function = getattr(loss, player)
            if loss.batchwise:
                function = jax.vmap(lambda r, f, of=function: of(r[None], f[None])[0])
            value, pull = jax.vjp(function, real, fake)
            numbers += [value, *pull(jnp.ones_like(value))]
        return numbers

    return compiled(outputs)
