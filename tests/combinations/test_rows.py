"""Everything goes with everything: the covering is one, and its first rows train."""

import pytest
from support import matrix
from support.play import play

from gan_jax.config import load_values
from gan_jax.errors import ConfigError
from gan_jax.losses import LOSSES
from gan_jax.penalties import PENALTIES
from gan_jax.rules import RULES

FIRST = range(matrix.FIRST)
OTHERS = range(matrix.FIRST, len(matrix.rows()))


def test_the_rows_cover_every_meaningful_pair_and_nothing_else():
    met = set().union(*(matrix.pairs_of(row) for row in matrix.rows()))
    assert met == matrix.meaningful_pairs()
    assert all(matrix.has_meaning(row) for row in matrix.rows())


def test_every_registered_component_has_its_turn():
    """All losses, penalties and rules are in some row; the first rows hold every class of every factor."""
    taken = {}
    for number in range(len(matrix.rows())):
        for field, value in matrix.fields(number).items():
            taken.setdefault(field, set()).add(value)
    assert taken["loss.name"] == set(LOSSES)
    assert len(taken["loss.f_gan.divergence"]) == 6
    assert taken["rule.name"] == set(RULES)
    assert {f"penalties.{name}.weight" for name in PENALTIES} <= set(taken)
    for factor, classes in matrix.FACTORS.items():
        assert {matrix.rows()[i][factor] for i in FIRST} == set(classes), factor


def test_pairs_without_meaning_are_refused_with_the_reason():
    networks = matrix.FACTORS["network"]
    for penalty in PENALTIES:
        for network in matrix.MIXING:
            values = {**matrix.BASE, **networks[network][0], f"penalties.{penalty}.weight": 0.1}
            if PENALTIES[penalty].per_example:
                with pytest.raises(ConfigError, match="mixes examples"):
                    load_values(values)
            else:
                load_values(values)


@pytest.mark.parametrize("number", matrix.on("one", FIRST))
def test_one_device(number):
    assert play(number) == "", matrix.rows()[number]


@pytest.mark.slow
@pytest.mark.parametrize("number", matrix.on("one", OTHERS))
def test_one_device_the_others(number):
    assert play(number) == "", matrix.rows()[number]
