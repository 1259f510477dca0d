"""What every metric of features refuses, with the same line."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import MetricError
from gan_jax.metrics.density_coverage import density_coverage
from gan_jax.metrics.features import blocks, check_features
from gan_jax.metrics.frechet import moments
from gan_jax.metrics.inception_score import inception_score
from gan_jax.metrics.kernel_distance import kernel_distance, kernel_distance_of_all
from gan_jax.metrics.nearest_neighbour import nearest_neighbour
from gan_jax.metrics.prd import prd
from gan_jax.metrics.prdc import prdc
from gan_jax.metrics.precision_recall import precision_recall

PAIRS = {
    "kernel_distance": lambda real, fake: kernel_distance(real, fake, jax.random.key(0), subset_size=5),
    "kernel_distance_of_all": kernel_distance_of_all,
    "precision_recall": precision_recall,
    "density_coverage": density_coverage,
    "prdc": prdc,
    "nearest_neighbour": nearest_neighbour,
    "prd": lambda real, fake: prd(real, fake, jax.random.key(0)),
}
SINGLE = {"features": moments, "logits": inception_score}
GOOD = np.random.default_rng(0).standard_normal((1200, 3)).astype(np.float32)


def spoilt(value, dtype=np.float32):
    features = GOOD.astype(dtype)
    features[1100, 2] = value
    return features


BAD = {
    "nan": (spoilt(np.nan), "must be finite numbers of magnitude at most 1e\\+15, got nan in row 1100, column 2"),
    "infinity": (
        spoilt(-np.inf),
        "must be finite numbers of magnitude at most 1e\\+15, got -inf in row 1100, column 2",
    ),
    "large": (spoilt(1e16, np.float64), "must be finite numbers .* got 1e\\+16 in row 1100, column 2"),
    "short nan": (jnp.asarray(spoilt(np.nan), jnp.bfloat16), "must be finite numbers .* got nan in row 1100, column 2"),
    "images": (
        np.zeros((20, 4, 4, 1)),
        r"must be a 2-D array \[rows, columns\] with columns, got shape \(20, 4, 4, 1\)",
    ),
    "no columns": (np.zeros((20, 0)), r"must be a 2-D array \[rows, columns\] with columns, got shape \(20, 0\)"),
    "complex": (np.zeros((20, 3), complex), "must hold real numbers, got dtype complex128"),
    "booleans": (np.zeros((20, 3), bool), "must hold real numbers, got dtype bool"),
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


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", SINGLE)
def test_every_metric_of_one_set_refuses_bad_features(name, bad):
    features, line = BAD[bad]
    with pytest.raises(MetricError, match=f"^{name} {line}$"):
        SINGLE[name](features)


@pytest.mark.parametrize("metric", PAIRS)
def test_every_metric_of_two_sets_needs_one_dimension(metric):
    with pytest.raises(MetricError, match=r"^fake must have as many columns as real, 3, got 2$"):
        PAIRS[metric](GOOD, GOOD[:, :2])


def test_features_may_be_of_any_real_dtype_and_are_not_copied():
    assert check_features(GOOD, "x", least=1) is GOOD
    for dtype in (np.float16, np.float64, np.uint8, np.int64):
        assert check_features(np.ones((2, 2), dtype), "x", least=1).dtype == dtype
    assert check_features(jnp.ones((2, 2), jnp.bfloat16), "x", least=1).dtype == jnp.bfloat16


@pytest.mark.parametrize("num", [0, 1, 1023, 1024, 1025, 3000])
def test_blocks_cover_every_row_once(num):
    assert [row for rows in blocks(num) for row in range(rows.start, rows.stop)] == list(range(num))
    assert all(rows.stop - rows.start <= 1024 for rows in blocks(num))
