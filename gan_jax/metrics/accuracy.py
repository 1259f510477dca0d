"""Accuracy: how often a classifier finds in generated examples the class that they were asked for."""

from typing import Any, NamedTuple

import numpy as np

from gan_jax.errors import MetricError
from gan_jax.metrics import arguments


def accuracy(logits: Any, labels: Any) -> "Accuracy":
    """The share of examples whose largest logit is that of their label; of equal largest logits the first counts.

    Args:
      logits: finite numbers [N, K], a classifier's on generated examples; probabilities do as well.
      labels: integers [N] in [0, K), the classes that the examples were asked for.

    Returns:
      Accuracy.

    Raises:
      MetricError: a shape is wrong, a logit is not finite, or a label is no class.

    References:
      Odena, Olah, Shlens, Conditional Image Synthesis with Auxiliary Classifier GANs, 2017, arXiv:1610.09585,
        section 4.1.
    """
    logits = arguments.matrix("logits", logits)
    labels = np.asarray(labels)
    if labels.shape != (len(logits),) or labels.dtype.kind not in "iu":
        raise MetricError(
            f"labels are {labels.dtype} of shape {list(labels.shape)}; allowed: integers of shape [{len(logits)}]"
        )
    wrong = (labels < 0) | (labels >= logits.shape[1])
    if wrong.any():
        raise MetricError(f"labels contain {labels[wrong][0]}; allowed: 0 to {logits.shape[1] - 1}")
    value = float(np.mean(np.argmax(logits, axis=1) == labels))
    return Accuracy(value, float(np.sqrt(value * (1 - value) / len(labels))))


class Accuracy(NamedTuple):
    """A share of examples.

    Attributes:
      value: in [0, 1].
      standard_error: sqrt(value (1 - value) / N).
    """

    value: float
    standard_error: float
