"""Whether continuous codes mean something that can be measured of a digit: its slant, the width of its strokes."""

import numpy as np
import scipy.stats

from gan_jax.errors import MetricError
from gan_jax.metrics.metric import HIGHER, Metric, Value
from gan_jax.metrics.rows import check_rows
from gan_jax.metrics.strokes import slant, width


def code_correlation(fake_images: np.ndarray, fake_codes: np.ndarray) -> dict[str, Value]:
    """Spearman's rank correlation with slant and with stroke width, of the code variable that has the largest one.

    In [0, 1], without its sign, which no code is told. Of many variables one correlates by chance, at N examples by
    about 1 / sqrt(N), so the protocol states how many there are. The measurements are those of `strokes`.

    References:
      Spearman: The Proof and Measurement of Association between Two Things, 1904.
      Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel: InfoGAN, 2016, arXiv 1606.03657, figure 2 (rotation and width,
      by eye).
    """
    images, codes = check_rows(fake_images, "images", least=2), check_rows(fake_codes, "codes", least=2)
    if codes.ndim != 2:
        raise MetricError(f"codes must have the shape [N, variables], got {list(codes.shape)}")
    stamp = {"variables": codes.shape[1]}
    return {
        "slant_correlation": Value(_largest(codes, slant(images)), stamp=stamp),
        "width_correlation": Value(_largest(codes, width(images)), stamp=stamp),
    }


def _largest(codes: np.ndarray, measured: np.ndarray) -> float:
    """The largest magnitude of a correlation with a column; with a constant there is none, 0."""
    if np.ptp(measured) == 0:
        return 0.0
    moving = [code for code in codes.T if np.ptp(code) > 0]
    return max((abs(float(scipy.stats.spearmanr(code, measured).statistic)) for code in moving), default=0.0)


METRIC = Metric(code_correlation, {"slant_correlation": HIGHER, "width_correlation": HIGHER})
