"""Which settings have no meaning together, each with the reason; checked when a configuration is read."""

from typing import Any

from gan_jax.chosen import Values, chosen, chosen_penalties
from gan_jax.errors import ConfigError, nearest
from gan_jax.metrics.table import METRIC_NAMES, OWN, parse, values_of
from gan_jax.optimizers import scaling_of, schedule_of
from gan_jax.options import is_reference
from gan_jax.penalties import Penalty
from gan_jax.registry import resolve, roles_of
from gan_jax.rules import Rule


def check(values: Values) -> None:
    """Refuse what contradicts itself.

    Raises:
      ConfigError: names the fields, what was given, why it has no meaning, and what is allowed.
    """
    _components(values)
    _optimizers(values)
    _schedule(values)
    _rule(values)
    _penalties(values)
    _noise(values)
    _virtual_batch_norm(values)
    _packing(values)
    _evaluation(values)


def _components(values: Values) -> None:
    for section in ("loss", *roles_of(values["game.name"]), "game", "rule"):
        chosen(values, section)


def _optimizers(values: Values) -> None:
    for role in sorted(roles_of(values["game.name"])):
        options = _below(values, f"optimizer.{role}")
        scaling_of(options, f"optimizer.{role}")
        schedule_of(options, f"optimizer.{role}")


def _below(values: Values, path: str) -> dict[str, Any]:
    return {field.removeprefix(f"{path}."): v for field, v in values.items() if field.startswith(f"{path}.")}


def _schedule(values: Values) -> None:
    steps = values["schedule.discriminator_steps"]
    if values["schedule.simultaneous"] and steps != 1:
        raise ConfigError(f"schedule.discriminator_steps={steps} with schedule.simultaneous=True; allowed: 1")
    if values["steps"] * (steps + 1) * values["batch_size"] >= 2**31:
        raise ConfigError(
            f"steps={values['steps']} reads too many examples at batch_size={values['batch_size']}; "
            "allowed: steps x rounds x batch_size below 2^31, the range of a position in the data"
        )


def _rule(values: Values) -> None:
    rule, name = chosen(values, "rule").component, values["rule.name"]
    if not (isinstance(rule, Rule) and rule.plain):
        return
    for role in sorted(roles_of(values["game.name"])):
        path = f"optimizer.{role}"
        if values[f"{path}.name"] != "sgd":
            raise ConfigError(
                f"{path}.name={values[f'{path}.name']!r} with rule.name={name!r}: the rule integrates the plain "
                "vector field, which an adaptive optimizer would rescale; allowed: sgd"
            )
        for field in ("momentum", "weight_decay", "clip"):
            if values[f"{path}.{field}"] != 0:
                raise ConfigError(
                    f"{path}.{field}={values[f'{path}.{field}']} with rule.name={name!r}: the rule integrates the "
                    "plain vector field; allowed: 0"
                )


def _penalties(values: Values) -> None:
    own, weight = values["penalties.own.name"], values["penalties.own.weight"]
    if own:
        resolve("penalties", own)
    if weight > 0 and not own:
        raise ConfigError(
            f"penalties.own.weight={weight} without penalties.own.name; allowed: package.module:attribute"
        )
    if own and not is_reference(own):
        raise ConfigError(
            f"penalties.own.name={own!r} is not your own; allowed: package.module:attribute; "
            f"the penalty {own!r} is turned on by penalties.{own}.weight"
        )
    active = {name: penalty.component for name, penalty in chosen_penalties(values).items()}
    mixing = _mixing_option(values)
    for name, penalty in active.items():
        if isinstance(penalty, Penalty) and penalty.per_example and mixing:
            raise ConfigError(
                f"penalties.{name}.weight={values[f'penalties.{name}.weight']} with {mixing}={values[mixing]!r}: the "
                "penalty takes the gradient of one example's logit, and such a discriminator mixes examples; "
                f"allowed: {mixing}={type(values[mixing])()!r}"
            )
    if "feature_matching" in active and values.get(f"discriminator.{values['discriminator.name']}.widths") == ():
        raise ConfigError(
            f"penalties.feature_matching.weight={values['penalties.feature_matching.weight']} with "
            f"discriminator.{values['discriminator.name']}.widths=(): there is no hidden layer to match; "
            "allowed: at least one width"
        )


def _mixing_option(values: Values) -> str | None:
    """The field that makes the configured discriminator mix examples, if one does."""
    name = values["discriminator.name"]
    for option in ("batch_norm", "minibatch_features"):
        field = f"discriminator.{name}.{option}"
        if values.get(field):
            return field
    return None


def _noise(values: Values) -> None:
    end = values["instance_noise.end"]
    if end != 1.0 and values["instance_noise.std"] == 0:
        raise ConfigError(f"instance_noise.end={end} without noise; allowed: with instance_noise.std above 0")


def _virtual_batch_norm(values: Values) -> None:
    name = values["generator.name"]
    field, norm = f"generator.{name}.reference", f"generator.{name}.batch_norm"
    if values.get(field, 0) > 0 and not values[norm]:
        raise ConfigError(
            f"{field}={values[field]} with {norm}=False: there is no batch normalization to make virtual; "
            f"allowed: {norm}=True"
        )
    if values.get(field, 0) > 0 and values["latent"] != "normal":
        raise ConfigError(
            f"{field}={values[field]} with latent={values['latent']!r}: the reference batch of virtual batch "
            "normalization is drawn from a standard normal; allowed: latent=normal"
        )


def _packing(values: Values) -> None:
    game = chosen(values, "game")
    packing = game.options.get("packing", 1)
    if values["batch_size"] % packing:
        raise ConfigError(
            f"{game.field('packing')}={packing} does not divide batch_size={values['batch_size']}; "
            "allowed: a divisor of it"
        )


def _evaluation(values: Values) -> None:
    metrics, best = values["evaluation.metrics"], values["evaluation.best"]
    if values["evaluation.every"] and not metrics:
        raise ConfigError(
            f"evaluation.every={values['evaluation.every']} with evaluation.metrics=(); allowed: {METRIC_NAMES}"
        )
    measured = {value: better for name in metrics for value, better in values_of(name).items()}
    ranked = [value for value, better in measured.items() if better]
    if best and (best not in ranked or not values["evaluation.every"]):
        raise ConfigError(
            f"evaluation.best={best!r} is not measured{nearest(best, ranked)}; allowed: with evaluation.every above 0, "
            f"a value of evaluation.metrics of which more or less is better ({', '.join(ranked) or 'there is none'})"
        )
    if any(parse(name).extractor == OWN for name in metrics) and not values["evaluation.extractor"]:
        raise ConfigError("evaluation.extractor='' with a metric of _own; allowed: package.module:attribute")
