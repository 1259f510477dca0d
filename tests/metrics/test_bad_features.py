"""What every metric of features refuses, with the same line."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import MetricError
from gan_jax.metrics.accuracy import accuracy
from gan_jax.metrics.frechet import frechet
from gan_jax.metrics.inception_score import inception_score
from gan_jax.metrics.kernel_distance import kernel_distance
from gan_jax.metrics.nearest_neighbour import nearest_neighbour
from gan_jax.metrics.prd import prd
from gan_jax.metrics.prdc import prdc
from gan_jax.metrics.precision_recall import precision_recall
from gan_jax.metrics.rows import blocks, check_rows
from gan_jax.metrics.sliced_wasserstein import sliced_wasserstein

PAIRS = {
    "frechet": frechet,
    "kernel_distance": lambda real, fake: kernel_distance(real, fake, jax.random.key(0), subset_size=5),
    "precision_recall": precision_recall,
    "prdc": prdc,
    "nearest_neighbour": nearest_neighbour,
    "prd": lambda real, fake: prd(real, fake, jax.random.key(0)),
}
GOOD = np.random.default_rng(0).standard_normal((1200, 3)).astype(np.float32)


def spoilt(value, dtype=np.float32):
    features = GOOD.astype(dtype)
    features[1100, 2] = value
    return features


BAD = {
    "nan": (spoilt(np.nan), "must be finite numbers of magnitude at most 1e\\+15, got nan in row 1100"),
    "infinity": (spoilt(-np.inf), "must be finite numbers of magnitude at most 1e\\+15, got -inf in row 1100"),
    "large": (spoilt(1e16, np.float64), "must be finite numbers .* got 1e\\+16 in row 1100"),
    "short nan": (jnp.asarray(spoilt(np.nan), jnp.bfloat16), "must be finite numbers .* got nan in row 1100"),
    "empty": (np.zeros((0, 3)), "must have at least [0-9]+ rows, got 0"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("metric", PAIRS)
def test_every_metric_of_two_sets_refuses_bad_features(metric, bad):
    features, line = BAD[bad]
    with pytest.raises(MetricError, match=f"^real {line}$"):
        PAIRS[metric](features, GOOD)
    with pytest.raises(MetricError, match=f"^fake {line}$"):
        PAIRS[metric](GOOD, features)


def test_other_metrics_refuse_what_is_not_finite():
    with pytest.raises(MetricError, match=r"^real must be finite numbers, got nan in row 1100$"):
        sliced_wasserstein(spoilt(np.nan), GOOD, jax.random.key(0))
    with pytest.raises(MetricError, match=r"^logits must be finite numbers, got inf in row 1100$"):
        accuracy(spoilt(np.inf), np.zeros(1200, np.int32))
    with pytest.raises(
        MetricError, match=r"^logits must be finite numbers of magnitude at most 1e\+15, got -inf in row"
    ):
        inception_score(spoilt(-np.inf))


def test_rows_may_be_of_any_real_dtype_and_are_not_copied():
    assert check_rows(GOOD, "x") is GOOD
    for dtype in (np.float16, np.float64, np.uint8, np.int64):
        assert check_rows(np.ones((2, 2), dtype), "x").dtype == dtype
    assert check_rows(jnp.ones((2, 2), jnp.bfloat16), "x").dtype == jnp.bfloat16


@pytest.mark.parametrize("num", [0, 1, 1023, 1024, 1025, 3000])
def test_blocks_cover_every_row_once(num):
    assert [row for rows in blocks(num) for row in range(rows.start, rows.stop)] == list(range(num))
    assert all(rows.stop - rows.start <= 1024 for rows in blocks(num))
