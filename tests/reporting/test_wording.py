"""Numbers, names and axes of reports."""

import math

import pytest

from gan_jax.reporting.axes import axis, reach
from gan_jax.reporting.commands import as_flag, quoted
from gan_jax.reporting.curves import thinned
from gan_jax.reporting.wording import duration, interval, number, short_names, shown, with_spread, words_of

MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (656.21, "656.2"), (0.87812, "0.8781"), (12345.6, "12,346"), (0, "0"), (-1.5, f"{MINUS}1.500"),
        (1.234e-7, "1.23e-07"), (2e9, "2e+09"), (math.inf, "∞"), ("-inf", f"{MINUS}∞"),
        (None, DASH),
    ],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


def test_intervals_and_spreads():
    assert interval(1.0, 2.0) == "[1.000, 2.000]"
    assert interval(None, 2.0) == DASH
    assert with_spread(147.23, 8.13) == "147.2 ± 8.1"
    assert with_spread(1147.23, 81.3) == "1,147 ± 81"
    assert with_spread(0.047, 0.0061) == "0.0470 ± 0.0061"
    assert with_spread(1.0, 0.0) == "1.000 ± 0"
    assert with_spread(1.0, None) == "1.000"
    assert with_spread(None, None) == DASH
    assert with_spread("inf", None) == "∞"


def test_durations():
    assert [duration(s) for s in (4.11, 185, 7800, None)] == ["4.1 s", "3 min 5 s", "2 h 10 min", DASH]


def test_short_names_tell_fields_apart():
    generator, discriminator = "optimizer.generator.learning_rate", "optimizer.discriminator.learning_rate"
    assert short_names(["loss.name", generator]) == {"loss.name": "loss", generator: "learning_rate"}
    both = short_names([generator, discriminator])
    assert both == {generator: "generator.learning_rate", discriminator: "discriminator.learning_rate"}
    assert short_names(["penalties.r1.weight"]) == {"penalties.r1.weight": "r1.weight"}
    assert short_names(["loss.name", "loss.options"]) == {"loss.name": "loss", "loss.options": "loss.options"}


def test_settings_in_words():
    assert words_of({}, {}) == ("the base configuration",)
    assert words_of({"loss.name": "hinge"}, {"loss.name": "loss"}) == ("hinge",)
    assert words_of({"batch_size": 64}, {"batch_size": "batch_size"}) == ("batch_size=64",)
    short = {"a.x": "x", "b.y": "y"}
    assert words_of({"a.x": (1, 2), "b.y": True}, short) == ("x=[1, 2]", "y=True")


def test_values_as_flags_and_words():
    assert [as_flag(v) for v in ("hinge", 0.1, [1, 2], True)] == ["hinge", "0.1", "(1, 2)", "True"]
    assert [shown(v) for v in ("", 1.0, 2e-4, {"b": 1, "a": 2})] == ['""', "1.0", "0.0002", '{"a": 2, "b": 1}']
    assert quoted(["/home/someone/bin/gan-jax", "train", "--config.x=a b"]) == ("gan-jax", "train", "'--config.x=a b'")
    assert quoted([]) == ()


def test_axes():
    assert axis([None, "inf"]) is None
    made = axis([100.0, 200.0])
    assert (made.place(100.0), made.place(200.0)) == (4.0, 96.0)
    assert [text for _, text in made.ticks] == ["100", "150", "200"]
    assert not made.logarithmic
    assert axis([1.0, 1000.0]).logarithmic
    assert axis([-5.0, -1.0], zero=True).ticks[-1][1] == "0"
    assert axis([3.0]).place(3.0) == 50.0
    assert axis([0.0]).place(0.0) == 50.0


def test_far_values_are_beyond_the_axis_and_said():
    distances = [0.0, 1.0, 2.0, 3.0, 4.0, 500.0]
    assert reach(distances) == 15.0
    assert reach([0.0, 1.0, 500.0]) == math.inf  # too few to call one of them far
    assert reach([0.0, 1.0, 2.0, 3.0, 4.0]) == math.inf
    made = axis(distances, (-math.inf, 15.0))
    assert made.beyond(distances) == (False, True)
    assert made.point(500.0) is None
    assert made.interval(4.0, 500.0) == (made.place(4.0), made.place(15.0))
    assert made.interval(499.0, 500.0) is None
    assert made.said(distances) == "Arrows: beyond the axis, which ends at 15.0 so that the others can be told apart."
    assert made.said([1.0, None]) == ""


def test_thinning_keeps_the_ends():
    steps = list(range(0, 5000, 7))
    assert thinned(steps, 200)[0] == 0
    assert thinned(steps, 200)[-1] == steps[-1]
    assert len(thinned(steps, 200)) == 200
    assert thinned(steps[:50], 200) == steps[:50]
