"""Metrics within classes against loops over classes, brute force and closed forms."""

import jax
import numpy as np
import pytest
import scipy.linalg
from sklearn.neighbors import NearestNeighbors
from support.values import smooth

from gan_jax.errors import MetricError
from gan_jax.metrics.class_coverage import class_coverage
from gan_jax.metrics.class_ms_ssim import class_ms_ssim
from gan_jax.metrics.intra_frechet import intra_frechet
from gan_jax.metrics.ms_ssim import multi_scale_similarity

KEY = jax.random.key(3)
DRAW = np.random.default_rng(0)


def labelled(num, classes, shift=0.0, dim=3, seed=0):
    """Features whose mean is that of their class, and the labels, in turn."""
    draw = np.random.default_rng(seed)
    labels = np.arange(num) % classes
    return draw.normal(size=(num, dim)) * (1 + labels[:, None]) + 5 * labels[:, None] + shift, labels


def test_intra_frechet_is_the_mean_of_the_formula_with_scipys_root():
    (real, real_labels), (fake, fake_labels) = labelled(90, 3), labelled(60, 3, 0.5, seed=1)
    distances = []
    for c in range(3):
        x, y = real[real_labels == c], fake[fake_labels == c]
        cov = [np.cov(rows.T) for rows in (x, y)]
        root = scipy.linalg.sqrtm(cov[0] @ cov[1]).real
        distances.append(np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(cov[0] + cov[1] - 2 * root))
    made = intra_frechet(real, real_labels, fake, fake_labels)["intra_frechet"]
    assert made.value == pytest.approx(np.mean(distances), rel=1e-9)
    assert made.spread == pytest.approx(np.std(distances), rel=1e-9)
    assert made.stamp == {"classes": 3, "fewest_real": 30, "fewest_fake": 20}


def test_intra_frechet_sees_that_labels_are_ignored():
    """The whole sets are equal, so that the distance without classes is 0."""
    real, labels = labelled(300, 3)
    mixed = np.random.default_rng(2).permutation(labels)
    assert intra_frechet(real, labels, real, labels)["intra_frechet"].value == pytest.approx(0, abs=1e-9)
    assert intra_frechet(real, labels, real, mixed)["intra_frechet"].value > 10


@pytest.mark.parametrize("metric", [intra_frechet, lambda *sets: class_coverage(*sets, KEY)])
def test_a_class_of_too_few_is_named(metric):
    (real, labels), (fake, fake_labels) = labelled(90, 3), labelled(60, 3)
    labels = np.where(labels == 1, 0, labels)
    labels[4] = 1
    with pytest.raises(MetricError, match=r"^each class must have at least \d+ real .* got 1 and 20 of class 1$"):
        metric(real, labels, fake, fake_labels)


def covered(real, fake, k=5):
    radii = NearestNeighbors(n_neighbors=k + 1).fit(real).kneighbors(real)[0][:, -1]
    return np.mean(np.linalg.norm(real[:, None] - fake[None], axis=-1).min(axis=1) < radii)


def test_coverage_within_classes_by_brute_force():
    (real, real_labels), (fake, fake_labels) = labelled(150, 3), labelled(90, 3, 0.5, seed=1)
    made = class_coverage(real, real_labels, fake, fake_labels, KEY)
    each = [covered(real[real_labels == c], fake[fake_labels == c]) for c in range(3)]
    assert made["class_coverage"].value == pytest.approx(np.mean(each))
    assert made["class_coverage"].spread == pytest.approx(np.std(each))
    assert made["class_coverage"].stamp == {"classes": 3, "fewest_real": 50, "fewest_fake": 30}


def test_coverage_of_equal_distributions_has_the_closed_form():
    """Naeem et al.: none of m rows is among the k nearest of n - 1 + m with the probability of a draw without them."""
    num, k, draws = 40, 5, 60
    rest = np.prod([(num - i) / (2 * num - i) for i in range(1, k + 1)])
    found = {"class_coverage_real": [], "class_coverage_ratio": []}
    for seed in range(draws):
        draw = np.random.default_rng(seed)
        labels = np.arange(4 * num) % 2  # halves of a class have `num` rows
        sets = [draw.normal(size=(4 * num, 2)) for _ in range(2)]
        made = class_coverage(sets[0], labels, sets[1], labels, jax.random.key(seed))
        for name, values in found.items():
            values.append(made[name].value)
    real, ratio = (np.array(values) for values in found.values())
    assert abs(real.mean() - (1 - rest)) < 4 * real.std() / np.sqrt(draws)
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(draws)


def test_coverage_of_one_picture_a_class_is_little_of_what_real_ones_cover():
    (real, labels), fake = labelled(240, 3), labelled(240, 3)[0]
    for c in range(3):
        fake[labels == c] = fake[labels == c][0]
    made = class_coverage(real, labels, fake, labels, KEY)
    assert made["class_coverage_ratio"].value < 0.3 < 0.8 < made["class_coverage_real"].value


def test_similarity_within_classes_against_all_pairs():
    """Mean over the pairs that are drawn, of images that have few: so many draws come near to the mean of all."""
    real, fake, labels = smooth(0, 12), smooth(1, 12), np.arange(12) % 3
    fake[labels == 2] = fake[2] + 0.01 * (fake[labels == 2] - fake[2])  # one picture
    made = class_ms_ssim(real, labels, fake, labels, KEY, pairs=800)
    every = np.zeros((3, 2))
    for c in range(3):
        for which, images in enumerate((real[labels == c], fake[labels == c])):
            i, j = np.triu_indices(len(images), 1)
            every[c, which] = multi_scale_similarity(images[i], images[j]).mean()
    assert made["class_ms_ssim"].value == pytest.approx(every[:, 1].mean(), abs=0.02)
    assert made["class_ms_ssim_real"].value == pytest.approx(every[:, 0].mean(), abs=0.02)
    assert made["class_diverse"].value == pytest.approx(np.mean(every[:, 1] <= every[:, 0]))
    assert made["class_diverse"].value < 1
    assert made["class_ms_ssim"].stamp == {"classes": 3, "fewest_real": 4, "fewest_fake": 4, "scales": 2}


def test_real_images_are_as_diverse_as_themselves_and_copies_are_not():
    real, labels = smooth(0, 12), np.arange(12) % 3
    copies = np.repeat(real[:3], 4, axis=0)
    made = class_ms_ssim(real, labels, copies, np.repeat([0, 1, 2], 4), KEY)
    assert made["class_diverse"].value == 0
    assert made["class_ms_ssim"].value == pytest.approx(1)
