import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, rel_entr, softmax

from gan_jax.errors import MetricError
from gan_jax.metrics.inception_score import inception_score

LOGITS = (3 * np.random.default_rng(2).standard_normal((2117, 10))).astype(np.float32)


def brute(logits, splits):
    scores, n = [], len(logits)
    for split in range(splits):
        p = softmax(logits[split * n // splits : (split + 1) * n // splits].astype(np.float64), axis=1)
        scores.append(np.exp(np.mean([rel_entr(row, p.mean(0)).sum() for row in p])))
    return np.mean(scores), np.std(scores)


@pytest.mark.parametrize("splits", [1, 10])
def test_inception_score_is_the_formula(splits):
    found, (mean, std) = inception_score(LOGITS, splits=splits), brute(LOGITS, splits)
    assert found.mean == pytest.approx(mean, rel=1e-12)
    assert found.std == pytest.approx(std, rel=1e-9, abs=1e-14)


def test_inception_score_has_ten_splits_unless_told():
    assert inception_score(LOGITS) == inception_score(LOGITS, splits=10)
    assert inception_score(LOGITS) != inception_score(LOGITS, splits=5)


def test_inception_score_of_sure_and_even_classes_is_their_number():
    logits = 1e5 * np.eye(10, dtype=np.float32)
    assert inception_score(logits, splits=1).mean == pytest.approx(10, rel=1e-14)
    assert inception_score(np.tile(logits, (3, 1)), splits=3) == pytest.approx((10, 0), abs=1e-13)


def test_inception_score_of_equal_rows_is_one():
    found = inception_score(np.tile(LOGITS[:1], (40, 1)), splits=4)
    assert found == pytest.approx((1, 0), abs=1e-13)


def test_inception_score_laws():
    value = inception_score(LOGITS, splits=1).mean
    shifted = LOGITS.astype(np.float64) + np.arange(2117)[:, None]
    assert inception_score(shifted, splits=1).mean == pytest.approx(value, rel=1e-12)
    assert inception_score(LOGITS[::-1, ::-1], splits=1).mean == pytest.approx(value, rel=1e-12)
    assert inception_score(log_softmax(LOGITS.astype(np.float64), axis=1), splits=1).mean == pytest.approx(value)


@given(arrays(np.float32, (8, 3), elements=st.floats(-(2.0**99), 2.0**99, width=32).map(lambda x: x / 2.0**50)))
def test_inception_score_is_between_one_and_the_number_of_classes(logits):
    found = inception_score(logits, splits=2)
    assert 1 - 1e-12 <= found.mean <= 3 + 1e-12
    assert found.mean == pytest.approx(brute(logits, 2)[0], rel=1e-12)


def test_inception_score_refuses():
    with pytest.raises(MetricError, match="logits must have at least 10 rows, got 9"):
        inception_score(LOGITS[:9])
    with pytest.raises(MetricError, match="splits must be an integer of at least 1, got 0"):
        inception_score(LOGITS, splits=0)
    bad = LOGITS.copy()
    bad[1500, 3] = -np.inf
    with pytest.raises(MetricError, match=r"logits must be finite numbers .* got -inf in row 1500, column 3"):
        inception_score(bad)
