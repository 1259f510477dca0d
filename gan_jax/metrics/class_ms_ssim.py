"""MS-SSIM within classes: whether a conditional generator is as diverse in each class as the data."""

import jax
import numpy as np

from gan_jax.metrics.classes import by_class, stamp
from gan_jax.metrics.metric import HIGHER, NEITHER, Metric, Value
from gan_jax.metrics.ms_ssim import check_images, of_pairs, sides


def class_ms_ssim(
    real_images: np.ndarray, real_labels: np.ndarray, fake_images: np.ndarray, fake_labels: np.ndarray,
    key: jax.Array, pairs: int = 100,
) -> dict[str, Value]:  # fmt: skip
    """The mean over classes of the mean MS-SSIM of random pairs of generated images of one class.

    "class_ms_ssim_real" is that of real images; "class_diverse" the share of the classes whose generated images are on
    average no more alike than the real ones. The spread is the standard deviation over classes. 100 pairs a class are
    the paper's, on images of 128 x 128 pixels.

    References:
      Odena, Olah, Shlens, Conditional Image Synthesis with Auxiliary Classifier GANs, 2017, arXiv:1610.09585,
        section 4.2, figure 6.
    """
    real, fake = check_images(real_images), check_images(fake_images)
    found = by_class(real, real_labels, fake, fake_labels, least=2)
    alike = np.array([
        [of_pairs(images, jax.random.fold_in(jax.random.fold_in(key, c), which), pairs).mean()
         for which, images in enumerate(both)]
        for c, both in found.items()
    ])  # fmt: skip
    mean, spread = alike.mean(axis=0), alike.std(axis=0)
    among = {**stamp(found), "scales": len(sides(min(fake.shape[1:3])))}
    return {
        "class_ms_ssim": Value(float(mean[1]), float(spread[1]), "classes", among),
        "class_ms_ssim_real": Value(float(mean[0]), float(spread[0]), "classes", among),
        "class_diverse": Value(float(np.mean(alike[:, 1] <= alike[:, 0])), stamp=among),
    }


METRIC = Metric(class_ms_ssim, {"class_ms_ssim": NEITHER, "class_ms_ssim_real": NEITHER, "class_diverse": HIGHER})
