"""The tables, arrays and images of the Dirac-GAN, on few steps."""

import csv
import io

import numpy as np
import pytest

from gan_jax.figures import dirac, dirac_tables
from gan_jax.figures.dirac_plots import draw
from gan_jax.figures.style import pdf, png, styled

STEPS = 3


@pytest.fixture(scope="module")
def methods():
    return dirac_tables.simulate_all({name: dirac.METHODS[name] for name in ("GAN", "gradient penalty, 1")}, STEPS)


@pytest.fixture(scope="module")
def rules():
    return dirac_tables.simulate_all({name: dirac.RULES[name] for name in ("gradient", "consensus")}, STEPS)


def test_one_alternating_step_by_hand():
    """From theta = psi = 1: the generator's step first, then the discriminator's, with f'(t) = 1 / (1 + e^t)."""
    path = dirac_tables.simulate_all({"GAN": {}}, 1)["GAN"]["alternating"]
    theta = 1 - 0.2 / (1 + np.exp(1.0))
    psi = 1 + 0.2 * theta / (1 + np.exp(theta))
    np.testing.assert_allclose(path[1], [theta, psi], rtol=1e-6)


def test_csv(methods, rules):
    rows = list(csv.DictReader(io.StringIO(dirac_tables.table_csv(methods, rules))))
    assert len(rows) == 12
    first = rows[0]
    assert (first["kind"], first["name"], first["schedule"]) == ("method", "GAN", "simultaneous")
    assert float(first["radius"]) == pytest.approx(np.hypot(*methods["GAN"]["simultaneous"][-1]), rel=1e-5)
    assert (first["published"], first["agrees"]) == ("3.1", "no")  # after 3 steps of 500
    assert (rows[-1]["kind"], rows[-1]["name"], rows[-1]["published"], rows[-1]["agrees"]) == (
        "rule", "consensus", "", "",
    )  # fmt: skip


def test_markdown(methods, rules):
    text = dirac_tables.table_markdown(methods, rules)
    assert "radius after 3 steps" in text
    assert "| GAN | simultaneous | " in text
    assert " | 3.10 | no |" in text
    assert "| consensus | " in text
    assert "2.58e-10, 1.72e-11" in text


def test_trajectories_need_no_pickle(methods, rules):
    data = dirac_tables.trajectories(methods, rules)
    assert data == dirac_tables.trajectories(methods, rules)
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        assert list(arrays["method_names"]) == list(methods)
        assert list(arrays["schedules"]) == list(dirac.SCHEDULES)
        assert arrays["methods"].shape == (2, 3, STEPS + 1, 2)
        np.testing.assert_array_equal(arrays["rules"][1, 2], rules["consensus"]["alternating, D x 5"])


@pytest.mark.parametrize(
    ("ours", "published", "same"),
    [
        (3.0969, 3.10, True), (3.094, 3.10, False), (1.0022, 1.00, True), (2.643e-6, 2.6e-6, True),
        (2.66e-6, 2.6e-6, False), (9.25e-34, 9e-34, True), (5.51e-12, 5e-12, False), (2.58e-10, 2.1e-10, False),
        (11.0, 5e-33, False), (0.0177, 0.02, True), (0.00932, 0.005, False),
    ],
)  # fmt: skip
def test_agreement_is_to_the_digits_printed(ours, published, same):
    assert dirac_tables.agrees(ours, published) is same


def test_numbers_are_printed_with_their_digits():
    shown = [dirac_tables.printed(n, dirac_tables.digits(n)) for n in (3.10, 0.640, 1.00, 0.02, 2.6e-6, 9e-34)]
    assert shown == ["3.10", "0.640", "1.00", "0.02", "2.6e-06", "9e-34"]


def test_images_are_the_same_every_time(rules):
    with styled():
        pictures = [(png(draw(rules)), pdf(draw(rules))) for _ in range(2)]
    assert pictures[0] == pictures[1]
    assert pictures[0][0].startswith(b"\x89PNG\r\n\x1a\n")
    assert pictures[0][1].startswith(b"%PDF-")
