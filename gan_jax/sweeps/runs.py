"""From a sweep to its runs: checked configurations, each without what has no effect in it, and their names."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flax.traverse_util import unflatten_dict
from ml_collections import ConfigDict

from gan_jax.build import build_source, unused_fields
from gan_jax.config import flatten, validate
from gan_jax.errors import ConfigError
from gan_jax.fields import all_fields
from gan_jax.idle import idle_in, refuse_idle
from gan_jax.messages import unknown
from gan_jax.stored import original
from gan_jax.sweeps.space import Point, in_words
from gan_jax.sweeps.sweep import Sweep

# Fields that do not change what is trained: a run keeps its name, and a sweep cannot vary them.
NOT_TRAINED = ("evaluation.", "health.samples", "profile", "data.dir")

Values = Mapping[str, Any]  # {field: value}


def expand(sweep: Sweep, base: ConfigDict) -> list[tuple[dict[str, Any], ConfigDict]]:
    """Every run of a sweep, points outer, seeds inner: ({field: value}, checked and locked configuration).

    Every field that some point sets has a value, None in a run whose game lacks it, and so has "seed".
    """
    points, varied = sweep.space.points, sweep.space.fields
    configs = _configurations(sweep, flatten(validate(base)))
    runs: list[tuple[dict[str, Any], ConfigDict]] = []
    number_of: dict[str, int] = {}
    for number, (point, config) in enumerate(zip(points, configs, strict=True), 1):
        values = flatten(config)
        if (first := number_of.setdefault(run_name(config), number)) != number:
            lost = [field for field, value in point.items() if values.get(field) != value]
            why = f", where {', '.join(lost)} has no effect" if lost else ""
            raise ConfigError(
                f"points {first} and {number} of the sweep give the same configuration: {in_words(point)}{why}; "
                "allowed: each once"
            )
        for seed in sweep.each_seed:
            own = config.copy_and_resolve_references()
            with own.unlocked():
                own.seed = seed
            runs.append(({**{field: values.get(field) for field in varied}, "seed": seed}, own.lock()))
    return runs


def run_name(config: ConfigDict) -> str:
    """The name of a run: 10 hexadecimal digits that depend on nothing but what is trained.

    Only fields that are not at their default count, so that a later version with more fields keeps the names.
    """
    values = flatten(config)
    fields = all_fields(values["game.name"])
    told = {
        original(path): value
        for path, value in values.items()
        if value != fields[path].default and not path.startswith(NOT_TRAINED)
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:10]


def _configurations(sweep: Sweep, base: Values) -> list[ConfigDict]:
    """The configuration of each point."""
    points = sweep.space.points
    _check_fields(points, base)
    made = []
    for number, point in enumerate(points, 1):
        where = f"in point {number} of the sweep: {in_words(point)}"
        replaced: Values = {field: {} for field in _own_options(base) if _replaces(point, base, field)}
        try:
            config = _configuration({**base, **replaced, **point})
        except ConfigError as error:
            raise ConfigError(f"{error}; {where}") from error
        if sweep.halving and sweep.halving.first >= config.steps:
            raise ConfigError(
                f"halving.first={sweep.halving.first} is not below steps={config.steps}, so nothing would be "
                f"halved; {where}; allowed: below steps"
            )
        made.append(config)
    return _with_what_has_an_effect(points, made)


def _configuration(values: Values) -> ConfigDict:
    """Those of some values that are fields of their game, checked."""
    fields = all_fields(str(values["game.name"]))
    return validate(ConfigDict(unflatten_dict({f: v for f, v in values.items() if f in fields}, sep=".")))


def _check_fields(points: Sequence[Point], base: Values) -> None:
    """Refuse a field that is none, that nothing trained depends on, or that is set for games alone that lack it."""
    games = [str(point.get("game.name", base["game.name"])) for point in points]
    known = {field: found for game in sorted({*games}) for field, found in all_fields(game).items()}
    for field in dict.fromkeys(field for point in points for field in point):
        given = {game: point[field] for game, point in zip(games, points, strict=True) if field in point}
        said = f"{field}={next(iter(given.values()))!r}"
        if field not in known:
            raise ConfigError(unknown(field, known, given=said))
        if field.startswith(NOT_TRAINED):
            raise ConfigError(f"{field} changes nothing that is trained; allowed in a space: fields that do")
        if not any(field in all_fields(game) for game in given):
            raise ConfigError(f"{said} has no effect: {_no_field_of(given)}; allowed: with a game that has it")
    own = all_fields(base["game.name"])
    for field, value in base.items():
        if field not in known and value != own[field].default:
            raise ConfigError(f"{field}={value!r} has no effect: {_no_field_of(games)}")
    for field in _own_options(base):
        if all(_replaces(point, base, field) for point in points):
            raise ConfigError(f"{field}={base[field]!r} has no effect: every point replaces {_chooser(field)}")


def _no_field_of(games: Iterable[str]) -> str:
    return f"it is no field of game.name={' or '.join(map(repr, dict.fromkeys(games)))}"


def _own_options(base: Values) -> list[str]:
    """The fields with options of a user's own components."""
    return [field for field, value in base.items() if field.endswith(".options") and value]


def _chooser(field: str) -> str:
    return field.removesuffix("options") + "name"


def _replaces(point: Point, base: Values, options: str) -> bool:
    """Whether a point has another component, and says nothing of its options."""
    chooser = _chooser(options)
    return options not in point and point.get(chooser, base[chooser]) != base[chooser]


def _with_what_has_an_effect(points: Sequence[Point], configs: Sequence[ConfigDict]) -> list[ConfigDict]:
    """The configurations, with fields at their defaults that have an effect in other runs alone.

    As with flags, options of a component go where a point replaces it; those that the point itself sets stay. Where
    games differ, fields go of which a game has no use. What has an effect in no run is refused, here or with the game.
    """
    every = [flatten(config) for config in configs]
    refuse_idle(every)
    unused = _unused(every, configs)
    used = {field for values, own in zip(every, unused, strict=True) for field in values.keys() - own}
    made = []
    for point, values, own in zip(points, every, unused, strict=True):
        fields = all_fields(values["game.name"])
        without = (own & used) | (idle_in(values).keys() - point.keys())
        made.append(_configuration({**values, **{field: fields[field].default for field in without}}))
    return made


def _unused(every: Sequence[Values], configs: Sequence[ConfigDict]) -> list[set[str]]:
    """The fields of which each configuration's game has no use; looked at only where games differ."""
    if len({values["game.name"] for values in every}) == 1:
        return [set() for _ in every]
    sources: dict[str, Any] = {}
    found = []
    for values, config in zip(every, configs, strict=True):
        data = repr([(field, value) for field, value in values.items() if field.startswith("data.")])
        if data not in sources:
            sources[data] = build_source(config)
        found.append(unused_fields(config, sources[data]))
    return found
