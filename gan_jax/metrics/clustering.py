"""Whether a categorical code means a class: clustering error by the best matching, and mutual information."""

import numpy as np
import scipy.optimize
import scipy.stats

from gan_jax.errors import MetricError
from gan_jax.metrics.metric import HIGHER, LOWER, Metric, Value
from gan_jax.metrics.rows import check_rows


def clustering(fake_logits: np.ndarray, fake_categories: np.ndarray) -> dict[str, Value]:
    """How well the categories from which examples were generated tell the classes that a classifier finds in them.

    The error is of the classifier that names each category's class by the best matching of the two, at most one
    category for each class; its standard error is sqrt(error (1 - error) / N). The mutual information of category and
    class is divided by the mean of their entropies: 0 for independent ones, 1 where each tells the other.

    References:
      Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel: InfoGAN, 2016, arXiv 1606.03657, section 7.2.
      Kuhn: The Hungarian Method for the Assignment Problem, 1955.
      Strehl, Ghosh: Cluster Ensembles, 2002 (normalized mutual information, there by the geometric mean).
    """
    classes = np.argmax(check_rows(fake_logits, "logits"), axis=1)
    error, information = matched(fake_categories, classes)
    deviation = float(np.sqrt(error * (1 - error) / len(classes)))
    return {
        "clustering_error": Value(error, deviation, "examples (standard error)"),
        "clustering_nmi": Value(information),
    }


def recognition(fake_categories: np.ndarray, given_labels: np.ndarray) -> dict[str, Value]:
    """As `clustering`, of the categories that an output finds for real images, against their labels."""
    error, information = matched(fake_categories, given_labels)
    deviation = float(np.sqrt(error * (1 - error) / len(given_labels)))
    return {
        "recognition_error": Value(error, deviation, "examples (standard error)"),
        "recognition_nmi": Value(information),
    }


def matched(categories: np.ndarray, classes: np.ndarray) -> tuple[float, float]:
    """(error by the best matching, normalized mutual information) of two labellings int [N], each from 0 on."""
    if np.ndim(categories) != 1 or not np.issubdtype(np.asarray(categories).dtype, np.integer):
        shown = f"{np.asarray(categories).dtype}{list(np.shape(categories))}"
        raise MetricError(f"categories must be whole numbers of the shape [N], got {shown}")
    if np.min(classes) < 0:
        raise MetricError(f"classes must be at least 0, got {np.min(classes)}, as of an example without a label")
    counts = np.zeros((int(np.max(categories)) + 1, int(np.max(classes)) + 1))
    np.add.at(counts, (categories, classes), 1)
    rows, columns = scipy.optimize.linear_sum_assignment(counts, maximize=True)
    joint = counts / counts.sum()
    entropies = [scipy.stats.entropy(joint.sum(axis=axis)) for axis in (0, 1)]
    information = sum(entropies) - scipy.stats.entropy(joint.reshape(-1))
    # Two constants tell each other perfectly.
    normalized = 2 * information / sum(entropies) if sum(entropies) > 0 else 1.0
    return float(1 - counts[rows, columns].sum() / counts.sum()), float(np.clip(normalized, 0, 1))


METRIC = Metric(clustering, {"clustering_error": LOWER, "clustering_nmi": HIGHER})
RECOGNITION = Metric(recognition, {"recognition_error": LOWER, "recognition_nmi": HIGHER})
