import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from gan_jax.errors import MetricError
from gan_jax.metrics.accuracy import accuracy


def test_against_scikit_learn():
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(500, 10)).astype(np.float32), random.integers(0, 10, 500)
    found = accuracy(logits, labels)
    assert found.value == accuracy_score(labels, logits.argmax(1))
    np.testing.assert_allclose(found.standard_error, np.std(logits.argmax(1) == labels) / np.sqrt(500))


def test_ends_and_ties():
    logits = np.eye(3)
    assert accuracy(logits, np.arange(3)) == (1.0, 0.0)
    assert accuracy(logits, np.array([1, 2, 0])) == (0.0, 0.0)
    assert accuracy(np.zeros((2, 3)), np.array([0, 1])).value == 0.5


@pytest.mark.parametrize(
    ("logits", "labels", "said"),
    [
        (np.zeros((2, 3)), np.array([0, 3]), "labels contain 3; allowed: 0 to 2"),
        (np.zeros((2, 3)), np.array([-1, 0]), "labels contain -1"),
        (np.zeros((2, 3)), np.array([0.0, 1.0]), "labels are float64"),
        (np.zeros((2, 3)), np.array([0]), r"shape \[1\]; allowed: integers of shape \[2\]"),
        (np.full((2, 3), np.inf), np.array([0, 1]), "logits is not finite in 2 of 2 rows"),
        (np.zeros((0, 3)), np.zeros(0, int), r"logits has the shape \[0, 3\]"),
    ],
)
def test_refusals(logits, labels, said):
    with pytest.raises(MetricError, match=said):
        accuracy(logits, labels)
