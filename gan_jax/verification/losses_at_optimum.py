"""Properties of the game that a loss makes: its best discriminator, what the generator then minimizes, its slopes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.losses import AdversarialLoss, Claims
from gan_jax.verification.checks import Finding
from gan_jax.verification.optimum import EQUAL, PAIRS, Best, Pair, Play, points

REJECTED = 1e-4  # p / q of a point that the best discriminator takes for generated
FLAT = 0.1  # a slope below this fraction of that at p = q is called saturated


def optimum(loss: AdversarialLoss, claims: Claims, game: Play, bests: Sequence[Best]) -> Finding:
    """The claimed discriminator costs what the best one that was found does; at a flat minimum there are several."""
    if claims.optimum is None or claims.optimum.function is None:
        said = claims.optimum.text if claims.optimum else "nothing claimed"
        return None, f"found at p/q={_listed(PAIRS[0].p / PAIRS[0].q)}: {_listed(bests[0].logits)} ({said})"
    gap, distance = 0.0, 0.0
    for pair, best in zip((*PAIRS, EQUAL), bests, strict=True):
        claimed = _claimed(claims.optimum.function, pair)
        if claimed.shape != best.logits.shape:
            return False, f"the claimed function gives {list(claimed.shape)}; allowed: one logit a point"
        cost = float(game.discriminator(points(pair.real), points(pair.fake), claimed)[0])
        gap = max(gap, _relative(cost, best.cost), key=lambda x: (not np.isfinite(x), abs(x)))
        difference = claimed - best.logits
        if pair is not EQUAL:
            distance = max(
                distance, float(np.abs(difference - bool(claims.shift_invariant) * np.mean(difference)).max())
            )
    shift = " up to a shift" if claims.shift_invariant else ""
    told = f"{claims.optimum.text}: costs {gap:.1e} more than the best found; logits differ by {distance:.1e}{shift}"
    return abs(gap) < 1e-8, told


def divergence(name: str) -> Callable[[AdversarialLoss, Claims, Play, Sequence[Best]], Finding]:
    """The property that a claimed function of p and q is the measured cost at the best discriminator."""

    def measure(loss: AdversarialLoss, claims: Claims, game: Play, bests: Sequence[Best]) -> Finding:
        function = getattr(claims.divergence, name, None)
        if function is None:
            return None, "nothing claimed"
        worst, found = 0.0, []
        for pair, best in zip((*PAIRS, EQUAL), bests, strict=True):
            measured = _cost(name, game, pair, best)
            found.append(measured)
            error = _relative(float(_claimed(function, pair)), measured)
            worst = max(worst, abs(error), key=lambda x: (not np.isfinite(x), x))
        told = f"largest error {worst:.1e} relative to 1 + |cost|; measured {_listed(found)}, the last at p = q"
        return worst < (1e-8 if name == "value" else 1e-5), told

    return measure


def _claimed(function: Callable[[jax.Array, jax.Array], jax.Array], pair: Pair) -> np.ndarray:
    return np.asarray(function(jnp.asarray(pair.p), jnp.asarray(pair.q)), np.float64)


def _cost(name: str, game: Play, pair: Pair, best: Best) -> float:
    real, fake, t = points(pair.real), points(pair.fake), best.logits
    if name == "value":
        return best.cost
    cost = float(game.generator(real, fake, t, t)[0])
    return cost if name == "criterion" else cost + float(game.generator(fake, real, t, t)[0])


def slope(loss: AdversarialLoss, claims: Claims, game: Play, bests: Sequence[Best]) -> Finding:
    """The generator's cost of each point, discriminator fixed at its best, is the derivative of what is claimed."""
    if claims.divergence is None or claims.divergence.slope is None:
        return None, "nothing claimed"
    if loss.batchwise:
        return None, "not checked: the cost of a single point has no meaning for a batchwise loss"
    worst = 0.0
    for pair, best in zip(PAIRS, bests, strict=False):
        cost = np.asarray(game.per_point(points(pair.real), best.logits))
        claimed = _claimed(jax.grad(claims.divergence.slope, 1), pair)
        error = np.abs((cost - cost.mean()) - (claimed - claimed.mean())).max() / (1 + np.ptp(cost))
        worst = max(worst, float(error), key=lambda x: (not np.isfinite(x), x))
    return worst < 1e-5, f"{claims.divergence.text}: derivatives in q differ by {worst:.1e} (up to a constant)"


def equilibrium(loss: AdversarialLoss, claims: Claims, game: Play, bests: Sequence[Best]) -> Finding:
    """At p = q a constant discriminator is best, the claimed one is constant, and all samples get the same slope."""
    best, real = bests[-1], points(EQUAL.real)
    low, high = max(claims.domain[0], -5.0), min(claims.domain[1], 5.0)
    told = "constant"
    constants = sorted([*np.linspace(low, high, 21), float(np.mean(best.logits))], key=abs)
    if claims.optimum is not None and claims.optimum.function is not None:
        claimed = _claimed(claims.optimum.function, EQUAL)
        if np.ptp(claimed) > 1e-9:
            return False, f"the claimed optimum is not constant at p = q: {_listed(claimed)}"
        constants, told = [float(claimed[0])], "claimed constant"
    candidates = [np.full(len(EQUAL.real), c) for c in constants]
    costs = [float(game.discriminator(real, real, t)[0]) for t in candidates]
    at = int(np.nanargmin(costs))
    gap = _relative(costs[at], best.cost)
    left = float(np.abs(game.discriminator(real, real, candidates[at])[1]).max())
    moved = np.asarray(game.generator(real, real, candidates[at], candidates[at])[1]) / EQUAL.q
    told = f"{told} {constants[at]:.4g}: costs {gap:.1e} more than the best, slope {left:.1e}"
    told += f"; generator's slope {moved[0]:.4g} at all samples, spread {np.ptp(moved):.1e}"
    return abs(gap) < 1e-8 and left < 1e-5 and bool(np.ptp(moved) < 1e-8 * (1 + abs(moved[0]))), told


def ranking(loss: AdversarialLoss, claims: Claims, game: Play, bests: Sequence[Best]) -> Finding:
    """The best discriminator orders the points by p / q, and tells the extremes apart."""
    spread = np.inf
    for pair, best in zip(PAIRS, bests, strict=False):
        order = np.argsort(pair.p / pair.q)
        ranked = best.logits[order]
        spread = min(spread, float(ranked[-1] - ranked[0]))
        if not (np.diff(ranked) >= -1e-4).all() or not spread > 1e-3:
            return False, f"logits {_listed(ranked)} where p/q is {_listed((pair.p / pair.q)[order])}"
    return True, f"logits rise with p/q; the extremes are {spread:.3g} apart at least"


def raises(loss: AdversarialLoss, claims: Claims, game: Play, bests: Sequence[Best]) -> Finding:
    """At the best discriminator the generator lowers its cost by raising the logit of each sample where p < q."""
    highest, lowest = -np.inf, np.inf
    for pair, best in zip(PAIRS, bests, strict=False):
        moved = game.generator(points(pair.real), points(pair.fake), best.logits, best.logits)[1]
        per_sample = (np.asarray(moved) / pair.q)[pair.p < pair.q]
        highest, lowest = max(highest, float(per_sample.max())), min(lowest, float(per_sample.min()))
        if not (per_sample < -1e-6).all():
            rejected = (pair.p / pair.q)[pair.p < pair.q]
            return False, f"slopes {_listed(per_sample)} where p/q is {_listed(rejected)}; allowed: below 0"
    return True, f"slope in a sample's logit from {lowest:.3g} to {highest:.3g} where p < q"


def saturating(loss: AdversarialLoss, claims: Claims, game: Play, bests: Sequence[Best]) -> Finding:
    """The generator's slope where the discriminator rejects, against that at p = q."""
    low, high = max(claims.domain[0], -10.0), min(claims.domain[1], 0.0)
    function = claims.optimum.function if claims.optimum is not None else None
    if function is None or loss.batchwise:
        there, equal, where = _slope(loss, [high], [1.0], low), _slope(loss, [high], [1.0], high), f"f={low:g}"
    else:
        p, q = jnp.array([REJECTED / 2, 1 - REJECTED / 2]), jnp.array([0.5, 0.5])
        t, same = np.asarray(function(p, q)), np.asarray(function(q, q))
        there, equal = _slope(loss, t, p, t[0]), _slope(loss, same, q, same[0])
        where = f"p/q={REJECTED:g}"
    far = _slope(loss, [high], [1.0], claims.domain[0])
    flat = abs(there) < FLAT * abs(equal) or abs(far) < FLAT * abs(equal)
    told = f"slope {there:.3g} at {where}, {far:.3g} at f={claims.domain[0]:g}, {equal:.3g} at p = q"
    told = f"{'saturates' if flat else 'does not saturate'}: {told}"
    if claims.saturating is None:
        return None, told
    return flat == claims.saturating, f"claimed {claims.saturating}; {told}"


def _slope(loss: AdversarialLoss, real: Any, weights: Any, fake: float) -> float:
    """The generator's slope in the logit of one sample, expected over weighted real logits."""
    real, weights = jnp.asarray(real, jnp.float64), jnp.asarray(weights, jnp.float64)

    def cost(f: jax.Array) -> jax.Array:
        if loss.batchwise:
            return loss.generator(real[:1], f[None])[0]
        return jnp.sum(weights * loss.generator(real, jnp.full_like(real, 1.0) * f))

    return float(jax.grad(cost)(jnp.asarray(fake, jnp.float64)))


def zero_sum(loss: AdversarialLoss, claims: Claims, game: Play, bests: Sequence[Best]) -> Finding:
    """Both costs together do not depend on the generated logits."""
    real, fake = _draws(claims)

    def both(f: jax.Array) -> jax.Array:
        return jnp.sum(loss.discriminator(real, f)) + jnp.sum(loss.generator(real, f))

    scale = 1 + float(jnp.abs(jax.grad(lambda f: jnp.sum(loss.discriminator(real, f)))(fake)).max())
    left = float(jnp.abs(jax.grad(both)(fake)).max())
    told = f"slope of the sum in f up to {left:.2g}"
    return _judged(left < 1e-9 * scale, claims.zero_sum, told)


def shift_invariant(loss: AdversarialLoss, claims: Claims, game: Play, bests: Sequence[Best]) -> Finding:
    """One number added to all logits changes neither the discriminator's cost nor any slope."""
    real, fake = _draws(claims)
    shift, worst = 0.75, 0.0
    for function in (loss.discriminator, loss.generator):
        slopes = jax.grad(lambda r, f, function=function: jnp.sum(function(r, f)), (0, 1))
        for here, there in zip(slopes(real, fake), slopes(real + shift, fake + shift), strict=True):
            worst = max(worst, float(jnp.abs(here - there).max()))
    change = jnp.abs(loss.discriminator(real + shift, fake + shift) - loss.discriminator(real, fake)).max()
    worst = max(worst, float(change))
    return _judged(worst < 1e-9, claims.shift_invariant, f"a shift by {shift} changes costs and slopes by {worst:.2g}")


def _draws(claims: Claims) -> tuple[jax.Array, jax.Array]:
    low, high = max(claims.domain[0], -5.0), min(claims.domain[1] - 1, 5.0)
    draws = np.random.default_rng(3).uniform(low, high, (2, 64))
    return jnp.asarray(draws[0]), jnp.asarray(draws[1])


def _judged(measured: bool, claimed: bool | None, told: str) -> Finding:
    return (None, f"measured {measured}; {told}") if claimed is None else (
        measured == claimed, f"claimed {claimed}; {told}"
    )  # fmt: skip


def _relative(claimed: float, measured: float) -> float:
    return (claimed - measured) / (1 + abs(measured))


def _listed(numbers: Any) -> str:
    return "(" + ", ".join(f"{float(x):.3g}" for x in numbers) + ")"


PROPERTIES: Mapping[str, Callable[[AdversarialLoss, Claims, Play, Sequence[Best]], Finding]] = {
    "ranking": ranking,
    "generator raises": raises,
    "equilibrium": equilibrium,
    "optimum": optimum,
    "value": divergence("value"),
    "criterion": divergence("criterion"),
    "symmetric criterion": divergence("symmetric"),
    "slope": slope,
    "saturating": saturating,
    "zero-sum": zero_sum,
    "shift invariance": shift_invariant,
}
