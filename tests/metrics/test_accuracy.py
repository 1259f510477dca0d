import numpy as np
from sklearn.metrics import accuracy_score

from gan_jax.metrics.accuracy import accuracy


def test_against_scikit_learn():
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(500, 10)).astype(np.float32), random.integers(0, 10, 500)
    found = accuracy(logits, labels)["accuracy"]
    assert found.value == accuracy_score(labels, logits.argmax(1))
    np.testing.assert_allclose(found.spread, np.std(logits.argmax(1) == labels) / np.sqrt(500))


def test_ends_and_ties():
    logits = np.eye(3)
    assert accuracy(logits, np.arange(3))["accuracy"][:2] == (1.0, 0.0)
    assert accuracy(logits, np.array([1, 2, 0]))["accuracy"][:2] == (0.0, 0.0)
    assert accuracy(np.zeros((2, 3)), np.array([0, 1]))["accuracy"].value == 0.5
