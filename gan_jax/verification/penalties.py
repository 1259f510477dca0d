"""Checks of a penalty: shapes, finiteness, closed forms, derivatives, and what must not change it.

Linear and quadratic critics have gradients that are known exactly; everything else is checked on `penalty_world`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.options import defaults_of, parameters_of
from gan_jax.penalties import SUPPLIED, Penalty
from gan_jax.registry import describe
from gan_jax.verification.checks import Check, Finding, compiled, guarded
from gan_jax.verification.penalty_world import (
    BATCH,
    ONE_EACH,
    SHAPE,
    SIZE,
    at_points,
    call,
    draw,
    gap,
    memory_of,
    on_two_devices,
    own,
    slope,
    supply,
    value,
)

SINGLE = 2e-5  # largest relative difference between two float32 computations of the same numbers
CANCELLED = 1e-3  # the same against float64, where a penalty is a small difference of larger numbers
DOUBLE = 1e-6  # of a float64 derivative and its finite difference


class Subject(NamedTuple):
    """A penalty and the program that most checks run: World -> (mean, gradient)."""

    penalty: Penalty
    whole: Callable[..., Any]
    names: frozenset[str]


Property = Callable[[Subject], Finding]


def verify_penalty(penalty: Penalty) -> list[Check]:
    """Check what holds for all penalties, and the closed forms of one that has ``of_norm``.

    Only a penalty that names ``axis_name``, and so says that it is one of the whole minibatch, may let examples see one
    another, or return a scalar of examples. A discriminator's must not be negative; a generator's may be, and is told.
    """
    try:
        wrong = _arguments(penalty)
        parameters = tuple(parameters_of(penalty.function))
    except Exception as error:  # as for a callable without a signature
        return [Check("arguments", False, describe(error))]
    checks = [Check("arguments", not wrong, wrong or ", ".join(parameters))]
    subject = Subject(penalty, compiled(lambda w: slope(penalty, w, memory_of(penalty, w))), frozenset(parameters))
    for title, check in PROPERTIES.items():
        if checks[-1].passed is False and title in ("shape and dtype", "finite in float32"):
            break  # it cannot be called, or gives no numbers to average: the rest would say the same
        checks.append(guarded(title, partial(check, subject)))
    return checks


def _verdict(gap: float, bound: float, what: str) -> Finding:
    return gap <= bound, f"{what}: relative difference {gap:.1e}, allowed {bound:.0e}"


def _arguments(penalty: Penalty) -> str:
    if penalty.player not in ("discriminator", "generator"):
        return f"player {penalty.player!r} is not 'discriminator' or 'generator'"
    for function in (penalty.function, penalty.follow):
        for key, parameter in parameters_of(function).items() if function else ():
            if key not in SUPPLIED and type(parameter.default) not in (float, int, bool):
                return f"{key!r} is neither supplied ({', '.join(SUPPLIED)}) nor an option with a number as default"
    if "memory" in parameters_of(penalty.function) and penalty.start is None:
        return "it reads 'memory' but has no start"
    return ""


def _shape(subject: Subject) -> Finding:
    penalty = subject.penalty
    y = jax.eval_shape(lambda w: value(penalty, w, memory_of(penalty, w)), draw(0))
    if not hasattr(y, "shape"):
        return False, f"returned {type(y).__name__}, not an array"
    found = f"{y.dtype}{list(y.shape)} for {BATCH} float32 examples"
    examples = subject.names & set(ONE_EACH)
    if y.shape == () and examples and "axis_name" not in subject.names:
        return False, f"{found}: give [B]; a scalar of {', '.join(sorted(examples))} has to take means over axis_name"
    if y.shape not in ((), (BATCH,)):
        return False, f"{found}: give [B], or a scalar"
    return y.dtype == jnp.float32, found


def _finite(subject: Subject, dtype: Any = jnp.float32) -> Finding:
    mean, gradient = subject.whole(draw(0, dtype))
    worst = max(float(jnp.max(jnp.abs(g.astype(jnp.float32)))) for g in jax.tree.leaves(gradient))
    good = bool(np.isfinite(float(mean)) and np.isfinite(worst)) and mean.dtype in (jnp.float32, dtype)
    return good, f"mean {float(mean):.4g} ({mean.dtype}), largest derivative {worst:.3g}"


def _flat(subject: Subject) -> Finding:
    world = draw(0)
    found = subject.whole(world._replace(discriminator=jax.tree.map(jnp.zeros_like, world.discriminator)))
    bad = sum(int(jnp.sum(~jnp.isfinite(g))) for g in jax.tree.leaves(found))
    return bad == 0, f"all weights of the critic 0: {bad} numbers of value and gradient are not finite"


def _sign(subject: Subject) -> Finding:
    penalty = subject.penalty
    values = compiled(lambda w: value(penalty, w, memory_of(penalty, w)))
    lowest = min(float(jnp.min(values(draw(seed)))) for seed in (0, 1))
    if lowest >= 0:
        return True, f"lowest value {lowest:.3g}"
    return (False if penalty.player == "discriminator" else None), f"lowest value {lowest:.3g}: a reward"


def _weights() -> jax.Array:
    return jax.random.normal(jax.random.key(5), SHAPE, jnp.float32)


def _linear_critic(w: jax.Array) -> Callable[[jax.Array], jax.Array]:
    return lambda x: x.reshape(x.shape[0], -1) @ w.reshape(-1) + 0.5


def _where_claimed(check: Callable[[Penalty, Callable[..., Any], frozenset[str]], Finding]) -> Property:
    def measure(subject: Subject) -> Finding:
        of_norm = subject.penalty.of_norm
        return check(subject.penalty, of_norm, subject.names) if of_norm else (None, "of_norm is not given")

    return measure


@_where_claimed
def _linear(penalty: Penalty, of_norm: Callable[..., Any], names: frozenset[str]) -> Finding:
    world, worst = draw(0), 0.0
    values = compiled(lambda w: at_points(penalty, world, _linear_critic(w), world.real))
    for scale in (0.05, 1.0):  # norms below and above 1
        w = scale * _weights()
        want = jnp.broadcast_to(of_norm(jnp.linalg.norm(w.reshape(-1))), (BATCH,))
        worst = max(worst, gap(values(w), want))
    return _verdict(worst, SINGLE, "of_norm(||w||), over all axes of an example, at w.x + b")


@_where_claimed
def _quadratic(penalty: Penalty, of_norm: Callable[..., Any], names: frozenset[str]) -> Finding:
    a = jax.random.normal(jax.random.key(6), (SIZE, SIZE), jnp.float32) / 4
    a = a + a.T

    def critic(x: jax.Array) -> jax.Array:
        x = x.reshape(x.shape[0], -1)
        return 0.5 * jnp.sum(x * (x @ a), axis=1)

    points = [jnp.full((BATCH, *SHAPE), 0.7, jnp.float32)]  # no spread: a perturbation by standard deviations is none
    if "axis_name" not in names:
        points.append(draw(0).real)
    world, worst = draw(0), 0.0
    values = compiled(lambda x: at_points(penalty, world, critic, x))
    for x in points:
        want = jax.vmap(of_norm)(jnp.linalg.norm(x.reshape(BATCH, -1) @ a, axis=1))
        worst = max(worst, gap(values(x), want))
    return _verdict(worst, SINGLE, "of_norm(||A x||), each example its own, at x^T A x / 2")


@_where_claimed
def _linear_derivative(penalty: Penalty, of_norm: Callable[..., Any], names: frozenset[str]) -> Finding:
    w, world = _weights(), draw(0)
    norm = jnp.linalg.norm(w.reshape(-1))
    want = jax.grad(of_norm)(norm) * w / norm
    got = compiled(jax.grad(lambda w: jnp.mean(at_points(penalty, world, _linear_critic(w), world.real))))(w)
    return _verdict(gap(got, want), SINGLE, "of_norm'(||w||) w / ||w||, at w.x + b")


def _finite_differences(subject: Subject) -> Finding:
    penalty, step, worst = subject.penalty, 1e-5, 0.0
    with jax.enable_x64(True):
        world = draw(0, jnp.float64)
        memory = compiled(lambda w: memory_of(penalty, w))(world)
        mean = compiled(lambda w: jnp.mean(value(penalty, w, memory)))
        gradient = subject.whole(world)[1]
        for seed in (8, 9):
            direction = own(penalty, draw(seed, jnp.float64))
            up, down = (
                float(mean(world._replace(**{
                    penalty.player: jax.tree.map(lambda a, b, s=s: a + s * b, own(penalty, world), direction)
                })))
                for s in (step, -step)
            )  # fmt: skip
            pairs = zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
            worst = max(worst, gap(sum(float(jnp.vdot(a, b)) for a, b in pairs), (up - down) / (2 * step)))
    return _verdict(worst, DOUBLE, "float64, along two directions of the parameters")


def _apart(subject: Subject) -> Finding:
    penalty = subject.penalty
    if "axis_name" in subject.names:
        return None, "a penalty of the whole minibatch: it names axis_name"
    if not subject.names & set(ONE_EACH):
        return None, "a function of the parameters alone"
    world, other = draw(0), draw(1)
    memory = memory_of(penalty, world)
    values = compiled(lambda w: value(penalty, w, memory))
    fresh = {k: jnp.concatenate([getattr(world, k)[:-1], getattr(other, k)[-1:]]) for k in ("real", "latent", "keys")}
    before, after = np.asarray(values(world)), np.asarray(values(world._replace(**fresh)))
    same = np.array_equal(before[:-1], after[:-1])
    return same, f"the last example changed, the others {'bit-equal' if same else f'went from {before} to {after}'}"


def _traced(subject: Subject) -> Finding:
    options = {k: v for k, v in defaults_of(subject.penalty.function).items() if type(v) is float}
    if not options:
        return None, "no float option"

    def run(world: Any, options: Any) -> jax.Array:
        supplied = supply(subject.penalty, world, memory_of(subject.penalty, world))
        return jnp.mean(call(subject.penalty.function, supplied, options))

    found = compiled(run)(draw(0), {k: jnp.float32(v) for k, v in options.items()})
    return _verdict(gap(found, subject.whole(draw(0))[0]), SINGLE, f"traced {', '.join(options)} against the defaults")


def _jit(subject: Subject) -> Finding:
    world = draw(0)
    eager = jnp.mean(value(subject.penalty, world, memory_of(subject.penalty, world)))
    return _verdict(gap(subject.whole(world)[0], eager), SINGLE, "mean, compiled and not")


def _runs(subject: Subject) -> Finding:
    worlds = [draw(0), draw(1)]
    stacked = jax.tree.map(lambda *a: jnp.stack(a), *worlds)
    penalty = subject.penalty
    together = compiled(jax.vmap(lambda w: slope(penalty, w, memory_of(penalty, w))))(stacked)
    gaps = (gap(jax.tree.map(lambda a, i=i: a[i], together), subject.whole(w)) for i, w in enumerate(worlds))
    return _verdict(max(gaps), SINGLE, "two runs under vmap, and each alone")


def _devices(subject: Subject) -> Finding:
    world = draw(0)
    memory = memory_of(subject.penalty, world)
    two = on_two_devices(lambda w, axis: slope(subject.penalty, w, memory, axis), world)
    mean = jax.tree.map(lambda a: jnp.mean(a, axis=0), two)
    return _verdict(gap(mean, subject.whole(world)), SINGLE, "value and gradient of two halves, and of the whole")


def _memory(subject: Subject) -> Finding:
    penalty, world = subject.penalty, draw(0)
    if penalty.start is None or penalty.follow is None:
        return None, "it has none" if penalty.start is None else "it stays"
    first, follow = penalty.start(own(penalty, world)), penalty.follow
    whole = call(follow, supply(penalty, world, first))
    before, after = (jax.tree.map(lambda a: (jnp.shape(a), jnp.result_type(a)), tree) for tree in (first, whole))
    if before != after:
        return False, f"start makes {before}, follow makes {after}"
    two = on_two_devices(lambda w, axis: call(follow, supply(penalty, w, first, axis)), world)
    gaps = (gap(jax.tree.map(lambda a, i=i: a[i], two), whole) for i in (0, 1))
    return _verdict(max(gaps), SINGLE, "after a move, on each of two devices, and on one")


def _double(subject: Subject) -> Finding:
    single = subject.whole(draw(0))
    with jax.enable_x64(True):
        double = subject.whole(draw(0, jnp.float64))
        dtypes = {leaf.dtype.name for leaf in jax.tree.leaves(double)}
        if dtypes != {"float64"}:
            return False, f"value and gradient are {', '.join(sorted(dtypes))} for float64 inputs"
        return _verdict(gap(single, double), CANCELLED, "float32 against float64")


PROPERTIES: dict[str, Property] = {
    "shape and dtype": _shape,
    "finite in float32": _finite,
    "finite in bfloat16": lambda subject: _finite(subject, jnp.bfloat16),
    "finite where the critic is flat": _flat,
    "sign": _sign,
    "closed form on a linear critic": _linear,
    "closed form on a quadratic critic": _quadratic,
    "derivative on a linear critic": _linear_derivative,
    "derivative by finite differences": _finite_differences,
    "examples apart": _apart,
    "traced options": _traced,
    "jit": _jit,
    "runs in one program": _runs,
    "two devices": _devices,
    "memory": _memory,
    "float64": _double,
}
