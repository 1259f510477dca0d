"""A code as classifier: against all matchings, and scikit-learn's mutual information."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from gan_jax.errors import MetricError
from gan_jax.metrics.clustering import clustering, matched, recognition


def drawn(seed, categories, classes, num=200):
    """Categories, and classes that follow them three times out of four."""
    draw = np.random.default_rng(seed)
    code = draw.integers(0, categories, num)
    label = np.where(draw.random(num) < 0.75, (code * 3 + 1) % classes, draw.integers(0, classes, num))
    return code, label


@pytest.mark.parametrize(("categories", "classes"), [(5, 5), (3, 6), (6, 4), (1, 3)])
def test_the_error_is_the_least_over_all_matchings(categories, classes):
    code, label = drawn(categories, categories, classes)
    wide = max(categories, classes)
    least = min(np.mean(np.array(names)[code] != label) for names in itertools.permutations(range(wide)))
    assert matched(code, label)[0] == pytest.approx(least)


@pytest.mark.parametrize(("categories", "classes"), [(5, 5), (3, 6), (6, 4)])
def test_the_information_is_scikit_learns(categories, classes):
    code, label = drawn(1, categories, classes)
    assert matched(code, label)[1] == pytest.approx(normalized_mutual_info_score(label, code), rel=1e-10)


def test_ends():
    label = np.arange(60) % 6
    error, information = matched(5 - label, label)
    assert (error, information) == (0, pytest.approx(1))
    error, information = matched(np.repeat(np.arange(6), 10), label % 2 + 0 * label)
    assert matched(np.zeros(60, int), label)[0] == pytest.approx(5 / 6)
    assert matched(np.zeros(60, int), label)[1] == pytest.approx(0)
    assert matched(np.zeros(60, int), np.zeros(60, int)) == (0, 1)


def test_values_and_their_error():
    code, label = drawn(2, 4, 4)
    made = clustering(np.eye(4)[label], code)
    error = made["clustering_error"]
    assert error.value == matched(code, label)[0]
    assert error.spread == pytest.approx(np.sqrt(error.value * (1 - error.value) / len(code)))
    assert made["clustering_nmi"].value == matched(code, label)[1]
    of_real = recognition(code, label)
    assert [value.value for value in of_real.values()] == [value.value for value in made.values()]


def test_what_is_no_category():
    label = np.arange(6)
    with pytest.raises(MetricError, match=r"^categories must be whole numbers of the shape \[N\], got float64\[6\]$"):
        matched(label.astype(float), label)
    with pytest.raises(MetricError, match=r"got int64\[6, 1\]$"):
        matched(label[:, None], label)
    with pytest.raises(MetricError, match=r"^classes must be at least 0, got -1, as of an example without a label$"):
        matched(label, label - 1)
