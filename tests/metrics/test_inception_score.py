import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, rel_entr, softmax

from gan_jax.errors import MetricError
from gan_jax.metrics.inception_score import inception_score

LOGITS = (3 * np.random.default_rng(2).standard_normal((2117, 10))).astype(np.float32)


def score(logits, splits):
    return inception_score(logits, splits)["inception_score"][:2]


def brute(logits, splits):
    scores, n = [], len(logits)
    for split in range(splits):
        p = softmax(logits[split * n // splits : (split + 1) * n // splits].astype(np.float64), axis=1)
        scores.append(np.exp(np.mean([rel_entr(row, p.mean(0)).sum() for row in p])))
    return np.mean(scores), np.std(scores)


@pytest.mark.parametrize("splits", [1, 10])
def test_inception_score_is_the_formula(splits):
    (found, spread), (mean, std) = score(LOGITS, splits), brute(LOGITS, splits)
    assert found == pytest.approx(mean, rel=1e-12)
    assert spread == pytest.approx(std, rel=1e-9, abs=1e-14)


def test_inception_score_has_ten_splits_unless_told():
    assert inception_score(LOGITS) == inception_score(LOGITS, splits=10)
    assert inception_score(LOGITS) != inception_score(LOGITS, splits=5)


def test_inception_score_of_sure_and_even_classes_is_their_number():
    logits = 1e5 * np.eye(10, dtype=np.float32)
    assert score(logits, 1)[0] == pytest.approx(10, rel=1e-14)
    assert score(np.tile(logits, (3, 1)), 3) == pytest.approx((10, 0), abs=1e-13)


def test_inception_score_of_equal_rows_is_one():
    assert score(np.tile(LOGITS[:1], (40, 1)), 4) == pytest.approx((1, 0), abs=1e-13)


def test_inception_score_laws():
    value = score(LOGITS, 1)[0]
    shifted = LOGITS.astype(np.float64) + np.arange(2117)[:, None]
    assert score(shifted, 1)[0] == pytest.approx(value, rel=1e-12)
    assert score(LOGITS[::-1, ::-1], 1)[0] == pytest.approx(value, rel=1e-12)
    assert score(log_softmax(LOGITS.astype(np.float64), axis=1), 1)[0] == pytest.approx(value)


@given(arrays(np.float32, (8, 3), elements=st.floats(-(2.0**99), 2.0**99, width=32).map(lambda x: x / 2.0**50)))
def test_inception_score_is_between_one_and_the_number_of_classes(logits):
    found, _ = score(logits, 2)
    assert 1 - 1e-12 <= found <= 3 + 1e-12
    assert found == pytest.approx(brute(logits, 2)[0], rel=1e-12)


def test_inception_score_refuses():
    with pytest.raises(MetricError, match="logits must have at least 10 rows, got 9"):
        inception_score(LOGITS[:9])
