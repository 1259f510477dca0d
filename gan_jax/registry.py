"""Names to components: explicit tables, and ``package.module:attribute`` for a user's own."""

import functools
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Collection, Mapping
from typing import Any

import flax.linen as nn
import jax

from gan_jax.data import SOURCES
from gan_jax.errors import ConfigError, nearest
from gan_jax.games import GAMES
from gan_jax.losses import LOSSES, AdversarialLoss
from gan_jax.networks import DISCRIMINATORS, GENERATORS
from gan_jax.options import check_taken, is_reference, parameters_of
from gan_jax.penalties import PENALTIES, Penalty
from gan_jax.penalties import SUPPLIED as SUPPLIED_TO_PENALTIES
from gan_jax.returned import difference, in_words, is_float
from gan_jax.rules import RULES, Rule

# Configuration section -> table of its registered components.
TABLES: Mapping[str, Mapping[str, Any]] = {
    "loss": LOSSES,
    "generator": GENERATORS,
    "discriminator": DISCRIMINATORS,
    "game": GAMES,
    "data": SOURCES,
    "rule": RULES,
    "penalties": PENALTIES,
}

# Role -> the table that its networks come from. A game's module may define more of them, as ``ROLES``.
ROLES: Mapping[str, str] = {"generator": "generator", "discriminator": "discriminator"}


def function_of(component: Any) -> Any:
    """What has a component's options: the function of a rule or a penalty, else the component itself."""
    if isinstance(component, Rule):
        return component.direction
    return component.function if isinstance(component, Penalty) else component


def resolve(section: str, name: str, table_of: str = "") -> Any:
    """The component ``name`` of a configuration's section: from its table, a role's ``table_of``, or a user's module.

    Raises:
      ConfigError: no such name, module or attribute, or the user's module fails on import (with its file and line).
    """
    table = TABLES[table_of or section]
    if name in table:
        return table[name]
    if not is_reference(name):
        raise ConfigError(
            f"{section}.name={name!r} is unknown{nearest(name, table)}; "
            f"allowed: {', '.join(sorted(table))}, or package.module:attribute"
        )
    return resolve_reference(f"{section}.name", name)


def resolve_reference(field: str, name: str) -> Any:
    """What ``package.module:attribute`` names; a ConfigError, which begins with ``field``, as of ``resolve``."""
    if not is_reference(name):
        raise ConfigError(f"{field}={name!r} is not possible; allowed: package.module:attribute")
    module_name, _, attribute = name.partition(":")
    try:
        target: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(error.name + ".")):
            raise ConfigError(f"{field}={name!r}: {describe(error)}") from error
        raise ConfigError(f"{field}={name!r}: there is no module {error.name!r} on the Python path") from error
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{field}={name!r}: {describe(error)}") from error
    for part in attribute.split("."):
        if not hasattr(target, part):
            public = [n for n in dir(target) if not n.startswith("_")]
            raise ConfigError(f"{field}={name!r}: {module_name} has no attribute {part!r}{nearest(part, public)}")
        target = getattr(target, part)
    return target


def roles_of(game: str) -> dict[str, str]:
    """The roles of a game, {role: table of its networks}: its module's ``ROLES``, and always those of a GAN.

    Raises:
      ConfigError: there is no such game, or its ``ROLES`` are not of this form.
    """
    build = resolve("game", game)
    own = getattr(sys.modules.get(getattr(build, "__module__", "")), "ROLES", {})
    proper = isinstance(own, Mapping) and all(
        isinstance(role, str) and role.isidentifier() and table in ROLES and ROLES.get(role, table) == table
        for role, table in own.items()
    )
    if not proper:
        raise ConfigError(
            f"game.name={game!r}: ROLES={own!r} is not possible; "
            "allowed: {role: 'generator' or 'discriminator'}, where these two are their own"
        )
    return {**ROLES, **own}


def describe(error: BaseException) -> str:
    """One line for an exception in a user's file: type, message, file and line."""
    if isinstance(error, SyntaxError):
        at = f" ({error.filename}, line {error.lineno})" if error.filename else ""  # a NUL byte has no place
        return f"{type(error).__name__}: {error.msg}{at}"
    frames = traceback.extract_tb(error.__traceback__)
    not_own = (f"{os.path.dirname(__file__)}{os.sep}", f"{sys.prefix}{os.sep}", f"{sys.base_prefix}{os.sep}", "<")
    own = [f for f in frames if not f.filename.startswith(not_own)]
    where = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}{where}"


def make_loss(component: Any, options: Mapping[str, Any], field: str, axis_name: str | None = None) -> AdversarialLoss:
    """An ``AdversarialLoss`` from a factory, an ``AdversarialLoss`` or a plain pair of functions.

    A factory with an argument ``axis_name`` is given the mapped axis over which the minibatch is split. What a user's
    functions return is looked at when they are traced: a scalar, or [B, B] by broadcasting, would train in silence.

    Raises:
      ConfigError: it is none of these, or does not take these options; from its functions, where one does not return a
        value for each example.
    """
    if isinstance(component, tuple):
        if options:
            raise ConfigError(f"{field} is a pair of functions and takes no options; given {sorted(options)}")
        made: Any = component
    elif callable(component):
        takes_axis = "axis_name" in parameters_of(component)
        try:
            made = component(**options, **({"axis_name": axis_name} if takes_axis else {}))
        except TypeError as error:
            raise ConfigError(f"{field}: {describe(error)}") from error
    else:
        made = component
    if isinstance(made, tuple) and len(made) == 2 and all(callable(f) for f in made):
        made = AdversarialLoss(*made)
    if isinstance(made, AdversarialLoss):
        if component in LOSSES.values():
            return made
        return made._replace(
            discriminator=_per_example(made.discriminator, "discriminator", field),
            generator=_per_example(made.generator, "generator", field),
        )
    raise ConfigError(
        f"{field} gives {type(made).__name__}; allowed: AdversarialLoss, a pair (discriminator, generator) of "
        "functions of (real_logits, fake_logits), or a function that returns one"
    )


def _per_example(function: Callable[..., Any], who: str, field: str) -> Callable[..., jax.Array]:
    @functools.wraps(function)
    def checked(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        value, shape = function(real_logits, fake_logits), real_logits.shape
        if not is_float(value, shape):
            raise ConfigError(
                f"{field}: its {who} loss returns {in_words(value)} for logits of shape {shape}; "
                f"allowed: one value per example, float of shape {shape}"
            )
        made: jax.Array = value
        return made

    return checked


def make_rule(component: Any, options: Mapping[str, Any], field: str) -> Rule:
    """A ``Rule`` from a rule or a plain function (round, **options) -> directions, which is taken to be joint.

    Raises:
      ConfigError: it is neither, or has no such option; from a user's rule, where a direction is not like the gradient.
    """
    rule = component if isinstance(component, Rule) else Rule(component)
    if not callable(rule.direction):
        raise ConfigError(f"{field} gives {type(component).__name__}; allowed: a Rule, or a function of a round")
    check_taken(rule.direction, options, field)
    return rule if rule in RULES.values() else rule._replace(direction=_like_gradients(rule.direction, field))


def _like_gradients(direction: Callable[..., Any], field: str) -> Callable[..., Any]:
    @functools.wraps(direction)
    def checked(round: Any, **options: Any) -> Any:
        made = direction(round, **options)
        for name in round.movers:
            if not isinstance(made, Mapping) or name not in made:
                raise ConfigError(
                    f"{field} gives no direction to {name!r}; allowed: {{player: direction}} of all movers"
                )
            if differs := difference(made[name], round.start[name]):
                raise ConfigError(f"{field} gives {name!r} a direction unlike its gradient: {differs}")
        return made

    return checked


def make_penalty(
    component: Any, options: Mapping[str, Any], field: str, roles: Collection[str] = tuple(ROLES)
) -> Penalty:
    """A ``Penalty`` from a penalty or a plain function of supplied arguments, which is taken to be the discriminator's.

    Raises:
      ConfigError: it is neither, has no such option, or asks for what no game supplies.
    """
    penalty = component if isinstance(component, Penalty) else Penalty(component, "discriminator")
    if not callable(penalty.function):
        raise ConfigError(f"{field} gives {type(component).__name__}; allowed: a Penalty, or a function")
    if penalty.player not in roles:
        raise ConfigError(f"{field} belongs to player={penalty.player!r}; allowed: {', '.join(roles)}")
    check_taken(penalty.function, options, field)
    for name, parameter in parameters_of(penalty.function).items():
        if name not in SUPPLIED_TO_PENALTIES and parameter.default is parameter.empty:
            raise ConfigError(
                f"{field} asks for {name!r}{nearest(name, SUPPLIED_TO_PENALTIES)}; "
                f"allowed: options with defaults, and {', '.join(SUPPLIED_TO_PENALTIES)}"
            )
    return penalty


def make_network(component: Any, field: str, **arguments: Any) -> nn.Module:
    """A Flax module from its class or factory, called with ``shape``, ``dtype`` and its options.

    Raises:
      ConfigError: it cannot be called so, or the result is not a Flax module.
    """
    try:
        module = component(**arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{field}: {describe(error)}") from error
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{field} gives {type(module).__name__}; allowed: a flax.linen.Module")
    return module
