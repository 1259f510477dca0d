"""What ``gan-jax verify`` checks: a name or a user's object to its battery."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from gan_jax.errors import ConfigError, GanJaxError, nearest
from gan_jax.losses import LOSSES, VARIANTS
from gan_jax.options import is_reference, options_of, parameters_of, taken
from gan_jax.penalties import PENALTIES, Penalty
from gan_jax.registry import describe, function_of, make_loss, make_rule, resolve
from gan_jax.rules import RULES, Rule
from gan_jax.verification.checks import Check
from gan_jax.verification.losses import verify_loss

Verified = tuple[str, list[Check]]


def verify(name: str | None = None, options: Mapping[str, Any] | None = None) -> Iterator[Verified]:
    """Check a registered loss, penalty or update rule, a user's, or without a name all that are registered.

    Without options a registered loss is checked under each of its ``VARIANTS``.

    Yields:
      (title, checks), one at a time.

    Raises:
      ConfigError: no such name, or options that it does not take.
    """
    options = dict(options or {})
    if name is None:
        if options:
            raise ConfigError("--options is for one loss, penalty or rule; give its name")
        for each in (*LOSSES, *PENALTIES, *RULES):
            yield from verify(each)
        return
    component = _component(name, options)
    if isinstance(component, Penalty):
        yield _penalty(component, name, options)
    elif isinstance(component, Rule):
        yield _rule(component, name, options)
    else:
        for variant in [options] if options or name not in LOSSES else VARIANTS[name]:
            yield _loss(component, name, variant)


def _component(name: str, options: Mapping[str, Any]) -> Any:
    """What a name stands for; the options of what is registered are checked."""
    known: Mapping[str, Any] = {**LOSSES, **PENALTIES, **RULES}
    if name in known:
        allowed = options_of(function_of(known[name]))
        for option in options:
            if option not in allowed:
                listed = ", ".join(allowed) or "none"
                raise ConfigError(f"{option!r} is no option of {name}{nearest(option, allowed)}; allowed: {listed}")
        return known[name]
    if is_reference(name):
        return resolve("loss", name)
    raise ConfigError(
        f"{name!r} is unknown{nearest(name, known)}; allowed: {', '.join(known)}, or package.module:attribute"
    )


def _loss(component: Any, name: str, options: dict[str, Any]) -> Verified:
    try:
        loss = make_loss(component, options, name)
    except GanJaxError:
        raise
    except Exception as error:
        raise ConfigError(f"{name}: {describe(error)}") from error
    takes_axis = callable(component) and "axis_name" in parameters_of(component)
    factory = partial(component, **options) if takes_axis else None
    return _title(name, options), verify_loss(loss, factory)


def _penalty(penalty: Penalty, name: str, options: dict[str, Any]) -> Verified:
    from gan_jax.verification.penalties import verify_penalty

    if options:
        penalty = penalty._replace(
            function=partial(penalty.function, **options),
            of_norm=penalty.of_norm and partial(penalty.of_norm, **options),
            follow=penalty.follow and partial(penalty.follow, **taken(penalty.follow, options)),
        )
    return _title(name, options), verify_penalty(penalty)


def _rule(rule: Rule, name: str, options: dict[str, Any]) -> Verified:
    from gan_jax.verification.rules import verify_rule

    return _title(name, options), verify_rule(make_rule(rule, options, name), options)


def _title(name: str, options: Mapping[str, Any]) -> str:
    listed = ", ".join(f"{k}={v}" for k, v in options.items())
    return f"{name} ({listed})" if listed else name
