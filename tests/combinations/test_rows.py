"""Everything goes with everything: the covering is one, and its first 40 rows train."""

import pytest
from support import matrix
from support.play import play

from gan_jax.config import load_values
from gan_jax.errors import ConfigError
from gan_jax.losses import LOSSES
from gan_jax.penalties import PENALTIES
from gan_jax.rules import RULES

FIRST = range(matrix.FIRST)


def test_the_rows_cover_every_meaningful_pair_and_nothing_else():
    met = set().union(*(matrix.pairs_of(row) for row in matrix.rows()))
    assert met == matrix.meaningful_pairs()
    assert all(matrix.has_meaning(row) for row in matrix.rows())


def test_every_registered_component_is_a_choice():
    """All losses, penalties and rules are in the matrix; the first rows hold every choice of every factor."""
    chosen = {}
    for factor in matrix.FACTORS.values():
        for choice in factor.values():
            for field, value in choice.items():
                chosen.setdefault(field, set()).add(value)
    assert chosen["loss.name"] == set(LOSSES)
    assert chosen["update.name"] == set(RULES)
    assert {f"penalties.{name}.weight" for name in PENALTIES} <= set(chosen)
    for factor, choices in matrix.FACTORS.items():
        assert {matrix.rows()[i][factor] for i in FIRST} == set(choices), factor


def test_pairs_without_meaning_are_refused_with_the_reason():
    for penalty in set(matrix.FACTORS["gradient penalty"]) - {"none"}:
        for network in matrix.MIXING:
            row = {**matrix.rows()[0], "rule": "gradient", "gradient penalty": penalty, "network": network}
            with pytest.raises(ConfigError, match="mixes examples"):
                load_values(matrix.fields(row, 0))


@pytest.mark.parametrize("number", matrix.on("one", FIRST))
def test_one_device(number):
    assert play(number) == "", matrix.rows()[number]


@pytest.mark.slow
@pytest.mark.parametrize("number", matrix.on("one", range(len(FIRST), len(matrix.rows()))))
def test_one_device_the_others(number):
    assert play(number) == "", matrix.rows()[number]
