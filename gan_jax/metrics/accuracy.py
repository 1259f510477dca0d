"""Accuracy: how often a classifier finds in generated examples the class that they were asked for."""

import numpy as np

from gan_jax.metrics.metric import HIGHER, Metric, Value
from gan_jax.metrics.rows import check_rows


def accuracy(fake_logits: np.ndarray, fake_labels: np.ndarray) -> dict[str, Value]:
    """The share of examples whose largest logit is that of their label; of equal largest logits the first counts.

    The standard error is sqrt(accuracy (1 - accuracy) / N).

    References:
      Odena, Olah, Shlens, Conditional Image Synthesis with Auxiliary Classifier GANs, 2017, arXiv:1610.09585,
        section 4.1.
    """
    value = float(np.mean(np.argmax(check_rows(fake_logits, "logits"), axis=1) == fake_labels))
    error = float(np.sqrt(value * (1 - value) / len(fake_labels)))
    return {"accuracy": Value(value, error, "examples (standard error)")}


METRIC = Metric(accuracy, {"accuracy": HIGHER})
