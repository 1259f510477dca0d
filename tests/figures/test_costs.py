"""The generator costs of the 2016 tutorial: the CSV against published values and the formulas in float64."""

import csv
import io

import numpy as np
import pytest

from gan_jax.figures import costs

LOSSES = ("minimax", "non_saturating", "maximum_likelihood")

# d -> cost of each loss, slope of each with respect to the logit, as printed: the analytic values.
PUBLISHED = {
    0.01: (("-0.0050", "2.303", "-0.0051"), ("-.005", "-.495", "-.0051")),
    0.5: (("-0.347", "0.347", "-0.5"), ("-.25", "-.25", "-.5")),
    0.9: (("-1.151", "0.053", "-4.5"), ("-.45", "-.05", "-4.5")),
    0.99: (("-2.303", "0.005", "-49.5"), ("-.495", "-.005", "-49.5")),
}


@pytest.fixture(scope="module")
def files():
    return costs.files()


@pytest.fixture(scope="module")
def table(files):
    rows = list(csv.reader(io.StringIO(files["costs.csv"].decode())))
    assert rows[0] == ["d", *LOSSES, *(f"{name}_slope" for name in LOSSES)]
    return dict(zip(rows[0], np.array(rows[1:], float).T, strict=True))


@pytest.mark.parametrize("d", PUBLISHED)
def test_values_to_the_digits_printed(table, d):
    (row,) = np.flatnonzero(table["d"] == d)  # exactly, not nearly
    for suffix, values in zip(("", "_slope"), PUBLISHED[d], strict=True):
        for name, text in zip(LOSSES, values, strict=True):
            decimals = len(text.partition(".")[2])
            assert abs(table[name + suffix][row] - float(text)) <= 0.5001 * 10.0**-decimals, name + suffix


def test_formulas_in_float64(table):
    d = table["d"]
    expected = {
        "minimax": 0.5 * np.log1p(-d),
        "non_saturating": -0.5 * np.log(d),
        "maximum_likelihood": -0.5 * d / (1 - d),
        "minimax_slope": -0.5 * d,
        "non_saturating_slope": -0.5 * (1 - d),
        "maximum_likelihood_slope": -0.5 * d / (1 - d),
    }
    for name, values in expected.items():
        # A rounding of the logit is amplified by up to the logit itself, 14 at the ends: 3e-15, and some for libraries.
        np.testing.assert_allclose(table[name], values, rtol=1e-13, err_msg=name)


def test_grid_is_fine_increasing_and_inside():
    d = costs.grid()
    assert d.dtype == np.float64
    assert 0 < d[0] < 1e-5
    assert 1 - 1e-5 < d[-1] < 1
    assert 0 < np.diff(d).min() <= np.diff(d).max() < 1.1e-3


def test_files_are_the_same_every_time(files):
    assert files.keys() == {"costs.png", "costs.pdf", "costs.csv"}
    assert files["costs.png"].startswith(b"\x89PNG\r\n\x1a\n")
    assert len(files["costs.png"]) < 200_000
    assert files["costs.pdf"].startswith(b"%PDF-")
    assert b"CreationDate" not in files["costs.pdf"]
    assert costs.files() == files
