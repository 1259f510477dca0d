"""Writes the pages that are made from the code: python docs/generate.py."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gan_jax import losses
from gan_jax.fields import all_fields
from gan_jax.losses import Claims
from gan_jax.options import defaults_of
from gan_jax.penalties import PENALTIES
from gan_jax.rules import RULES

CONFIGURATION = """# Configuration

Every field, its default and what is allowed; made by `make docs` from `gan_jax/fields.py` and signatures.
Set one with `--config.FIELD=VALUE`, or in a file whose `get_config()` starts from `gan_jax.default_config()`.
An option of a component that is not chosen is refused when a run begins, unless it is at its default. In a sweep it
needs an effect in some run: `loss.least_squares.a` may stand in the base of a sweep over `loss.name`. A flag that
chooses another component than the file sets the options of the file's one back to their defaults.

| field | default | meaning | allowed |
|---|---|---|---|
"""

LOSSES = """# Losses, penalties, update rules

Made by `make docs` from what the losses claim about themselves and from docstrings.

**Convention.** A discriminator returns logits, and D(x) = sigmoid(logit) is its probability that x is real. A loss is a
pair of functions of the logits r of a real and f of a generated example, one for each player; *both are minimized*.
There is no factor 1/2 before the costs, which the tutorial of 2016 has; least squares keeps the one of its own paper.
The mean over the minibatch is taken once, by the game, in float32. p is the density of the data, q the generator's.

**Verify it.** `gan-jax verify` checks the claims below numerically, `gan-jax verify NAME` those of one loss or the
properties of one penalty, `gan-jax verify package.module:attribute` yours.
"""

LOSSES_TABLE = """
## Losses: `loss.name`

*Optimal logit*: of the best discriminator against a fixed generator. *Divergence*: what the generator minimizes while
the discriminator stays optimal. In italics: nothing in closed form is there to be checked, and the cell says why.
*Saturating*: the generator's slope vanishes where the best discriminator rejects its samples. *Shift-invariant*: one
number added to all logits changes nothing. *Logits*: between which values and gradients are finite in float32 and
bfloat16, where that is not -1e4 to 1e4. Options are set by `loss.NAME.OPTION`.

![The generator's cost and its slope for the three losses of the tutorial](images/costs.png)
*`gan-jax figure costs`: the cost of the generator, here with the tutorial's factor 1/2, and its slope.*

"""

PENALTIES_TABLE = """
## Penalties: `penalties.NAME.weight`

A player minimizes its loss plus weight times each penalty that is on; any number may be. Options are set by
`penalties.NAME.OPTION`.

"""

RULES_TABLE = """
## Update rules: `rule.name`

v is the field of the game: each player's gradient of its own loss, penalties included. Options are set by
`rule.NAME.OPTION`.

"""

REST = """
![Trajectories of the Dirac-GAN under every update rule](images/dirac_rules.png)
*`gan-jax figure dirac`: the rules on the Dirac-GAN with the minimax loss.*

## Regularizers that are not penalties

| method | field |
|---|---|
| weight clipping | `optimizer.<player>.clip_weights` |
| spectral normalization | `discriminator.<name>.spectral_norm` |
| instance noise, falling linearly | `instance_noise.std`, `instance_noise.end` |
| minibatch discrimination | `discriminator.mlp.minibatch_features` |
| virtual batch normalization | `generator.<name>.reference`, with `generator.<name>.batch_norm` |
| PacGAN: the discriminator judges several examples at once | `game.gan.packing` |
| two time-scales | `optimizer.<player>.learning_rate`, or `schedule.discriminator_steps` |
| label smoothing | `loss.<name>.real_target`, `loss.<name>.fake_target` of `minimax` and `non_saturating` |

![Trajectories of the Dirac-GAN under the methods of Mescheder et al.](images/dirac_methods.png)
*`gan-jax figure dirac`: the methods of Mescheder et al. 2018 (arXiv:1801.04406). The same command writes the radii
after 500 steps beside the published ones.*

## Refused together

What contradicts itself ends with one line and exit status 2, before anything is written.

| settings | why |
|---|---|
| `rule.name` of `heun` or `rk4` with `optimizer.<player>.name` other than `sgd`, or with its `momentum`, \
`weight_decay` or `clip` | these rules integrate the plain field, which anything else would rescale |
| a penalty of the critic's gradient with `discriminator.<name>.batch_norm` or \
`discriminator.mlp.minibatch_features` | it takes the gradient of one example's logit, and such a discriminator mixes \
examples |
| `penalties.feature_matching.weight` with `discriminator.mlp.widths` of `()` | there is no hidden layer to match |
| `generator.<name>.reference` with `latent` other than `normal` | the reference batch is drawn from a standard normal |
| `generator.<name>.reference` without `generator.<name>.batch_norm` | there is no normalization to make virtual |
| `game.gan.packing` that does not divide `batch_size`, or each device's part of it | an example would be left over |
| `penalties.bcr.weight` with data that are points | there is nothing to shift |
| `schedule.simultaneous` with `schedule.discriminator_steps` other than 1 | one round has one move of each player |
| `instance_noise.end` without `instance_noise.std` | there is no noise to end |
| `penalties.own.weight` without `penalties.own.name` | it is the weight of nothing |
"""


def configuration() -> str:
    """The text of configuration.md."""
    rows = [
        f"| `{path}` | `{field.default!r}` | {field.meaning} | {field.allowed or field.kind} |"
        for path, field in all_fields().items()
    ]
    return CONFIGURATION + "\n".join(rows) + "\n"


def losses_page() -> str:
    """The text of losses.md."""
    of_losses = [
        _loss_row(name, options, losses.get(name, **options).claims())
        for name in losses.LOSSES
        for options in losses.VARIANTS[name]
    ]
    head = (
        "loss", "options", "discriminator minimizes", "generator minimizes", "optimal logit",
        "divergence", "saturating", "zero-sum", "shift-invariant", "logits", "reference",
    )  # fmt: skip
    rules = [_rule_row(name) for name in RULES]
    return "".join(
        [
            LOSSES,
            LOSSES_TABLE,
            table(head, of_losses),
            PENALTIES_TABLE,
            table(("penalty", "whose", "formula", "convention", "options", "reference"), _penalty_rows()),
            RULES_TABLE,
            table(("rule", "formula", "through the optimizer", "evaluates", "options", "reference"), rules),
            REST,
        ]
    )


def _loss_row(name: str, options: Mapping[str, Any], claims: Claims) -> list[str]:
    best, divergence = claims.optimum, claims.divergence
    if best is None or divergence is None or not all(claims.formula):
        raise ValueError(f"loss {name} with {options} has claims without a formula, optimum or divergence")
    low, high = claims.domain
    return [
        code(name),
        ", ".join(code(f"{k}={v!r}") for k, v in options.items()) or _options(losses.LOSSES[name]),
        code(claims.formula[0]),
        code(claims.formula[1]),
        plain(best.text) if best.function else f"*{plain(best.text)}*",
        plain(divergence.text) if any(divergence[1:]) else f"*{plain(divergence.text)}*",
        *(_said(claim) for claim in (claims.saturating, claims.zero_sum, claims.shift_invariant)),
        "" if claims.domain == Claims().domain else f"{low:g} to {high:g}",
        plain(_references(losses.LOSSES[name])),
    ]


def _said(claim: bool | None) -> str:
    return {True: "yes", False: "no", None: "not claimed"}[claim]


def _penalty_rows() -> list[list[str]]:
    names: dict[Callable[..., Any], list[str]] = {}
    for name, penalty in PENALTIES.items():
        names.setdefault(penalty.function, []).append(name)
    rows = []
    for function, same in names.items():
        parts = paragraphs(function)
        formula = _part(function, r"^Formula: (.*)$", "\n".join(parts[1:2]))
        if len(parts) < 3 or parts[2].startswith("Args:"):
            raise ValueError(f"the docstring of {function.__name__} says nothing of its convention after Formula:")
        rows.append(
            [
                ", ".join(code(name) for name in same),
                ", ".join(PENALTIES[name].player for name in same),
                code(formula.rstrip(".")),
                plain(_joined(parts[2])),
                _options(function),
                plain(_references(function)),
            ]
        )
    return rows


def _rule_row(name: str) -> list[str]:
    rule = RULES[name]
    said = paragraphs(rule.direction)[1]
    return [
        code(name),
        plain(_part(rule.direction, r"^Formula: (.*?)(?=\nThrough the optimizer:)", said)),
        plain(_part(rule.direction, r"\nThrough the optimizer: (.*)$", said)),
        "all players" if rule.joint else "movers only",
        _options(rule.direction),
        plain(_references(rule.direction)),
    ]


def paragraphs(function: Callable[..., Any]) -> list[str]:
    """The paragraphs of a docstring, as they stand there."""
    return (inspect.getdoc(function) or "").split("\n\n")


def _part(function: Callable[..., Any], pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.DOTALL)
    if not found:
        raise ValueError(f"the docstring of {function.__name__} has no part that matches {pattern!r}")
    return _joined(found[1])


def _references(function: Callable[..., Any]) -> str:
    said = _part(function, r"^References:\n(.*)$", paragraphs(function)[-1])
    same = re.match(r"As for `(\w+)`", said)
    if not same:
        return said
    return _references(RULES[same[1]].direction if same[1] in RULES else PENALTIES[same[1]].function)


def _joined(text: str) -> str:
    return " ".join(text.split())


def _options(function: Callable[..., Any]) -> str:
    return ", ".join(code(f"{name}={value!r}") for name, value in defaults_of(function).items())


def code(text: str) -> str:
    """Text as code in a cell of a table."""
    return f"`{text}`".replace("|", r"\|")


def plain(text: str) -> str:
    """Text in a cell of a table: what Markdown would take for markup is escaped, but for code in backticks."""
    parts = re.split(r"(`+[^`]+`+)", text)
    escaped = [part if part.startswith("`") else re.sub(r"([*_<>\[\]])", r"\\\1", part) for part in parts]
    return "".join(escaped).replace("|", r"\|")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


PAGES = {"configuration.md": configuration, "losses.md": losses_page}


if __name__ == "__main__":
    for page, make in PAGES.items():
        Path(__file__).with_name(page).write_text(make(), encoding="utf-8")
