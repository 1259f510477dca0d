"""The table of metrics: what each needs, what it gives, and which way is better."""

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.data.synthetic import Distribution
from gan_jax.errors import ConfigError

# What an evaluation can hand to a metric, by the name of its argument; other arguments are options, with defaults.
SUPPLIED: Mapping[str, str] = {
    "real_features": "features of the real examples, float32 [N, D]",
    "fake_features": "features of the generated examples, float32 [M, D]",
    "fake_logits": "class logits of the generated examples, float32 [M, K]",
    "fake_labels": "classes that the generated examples were asked for, int [M]",
    "real_images": "real images, float32 in [-1, 1], [N, H, W, C]",
    "fake_images": "generated images, float32, [M, H, W, C]",
    "validation_images": "real images of another part of the data, float32 in [-1, 1], [V, H, W, C]",
    "fake": "generated examples, images or points, float32 [M, ...]",
    "density": "the known distribution",
    "discriminator": "points [N, D] -> logits [N] of the run's discriminator, where they are log-odds",
    "key": "typed key",
}
EXTRACTED = ("real_features", "fake_features", "fake_logits")
LOWER, HIGHER, NEITHER = "lower", "higher", ""


class Value(NamedTuple):
    """A measured number.

    Attributes:
      value: the number; infinite only where that is the metric's limit.
      spread: its standard deviation, or standard error where ``spread_over`` says so; None: it has none.
      spread_over: what varied, such as "subsets".
      stamp: what the protocol must say beside the metric's options, such as a number of scales that follows from the
        images' size.
    """

    value: float
    spread: float | None = None
    spread_over: str = ""
    stamp: Mapping[str, Any] = MappingProxyType({})


class Measure(NamedTuple):
    """A metric, or several that share their work.

    Attributes:
      function: of what it names in ``SUPPLIED`` and of options -> {name: Value}.
      values: {name: which way is better}.
      meaning: in a few words.
    """

    function: Callable[..., dict[str, Value]]
    values: Mapping[str, str]
    meaning: str = ""


def _frechet(real_features: np.ndarray, fake_features: np.ndarray) -> dict[str, Value]:
    from gan_jax.metrics.frechet import frechet_distance, moments

    return {"frechet": Value(frechet_distance(moments(real_features), moments(fake_features)))}


def _kid(
    real_features: np.ndarray, fake_features: np.ndarray, key: jax.Array, subsets: int = 100, subset_size: int = 1000
) -> dict[str, Value]:
    from gan_jax.metrics.kernel_distance import kernel_distance

    made = kernel_distance(real_features, fake_features, key, subsets=subsets, subset_size=subset_size)
    return {"kid": Value(made.mean, made.std, "subsets")}


def _inception_score(fake_logits: np.ndarray, splits: int = 10) -> dict[str, Value]:
    from gan_jax.metrics.inception_score import inception_score

    made = inception_score(fake_logits, splits=splits)
    return {"inception_score": Value(made.mean, made.std, "splits")}


def _prdc(real_features: np.ndarray, fake_features: np.ndarray, k: int = 5) -> dict[str, Value]:
    from gan_jax.metrics.prdc import prdc

    return {name: Value(value) for name, value in prdc(real_features, fake_features, k=k)._asdict().items()}


def _precision_recall(real_features: np.ndarray, fake_features: np.ndarray, k: int = 3) -> dict[str, Value]:
    from gan_jax.metrics.precision_recall import precision_recall

    return {name: Value(value) for name, value in precision_recall(real_features, fake_features, k=k)._asdict().items()}


def _prd(
    real_features: np.ndarray, fake_features: np.ndarray, key: jax.Array, clusters: int = 20, angles: int = 1001,
    runs: int = 10,
) -> dict[str, Value]:  # fmt: skip
    from gan_jax.metrics.prd import prd

    made = prd(real_features, fake_features, key, clusters=clusters, angles=angles, runs=runs)
    return {"prd_f8": Value(made.f8), "prd_f1_8": Value(made.f8_inverse)}


def _nearest_neighbour(real_features: np.ndarray, fake_features: np.ndarray) -> dict[str, Value]:
    from gan_jax.metrics.nearest_neighbour import nearest_neighbour

    made = nearest_neighbour(real_features, fake_features)
    return {
        "nearest_neighbour": Value(made.accuracy),
        "nearest_neighbour_real": Value(made.real),
        "nearest_neighbour_fake": Value(made.fake),
    }


def _sliced_wasserstein(
    real_features: np.ndarray, fake_features: np.ndarray, key: jax.Array, projections: int = 1000, p: int = 2
) -> dict[str, Value]:
    from gan_jax.metrics.sliced_wasserstein import sliced_wasserstein

    made = sliced_wasserstein(real_features, fake_features, key, projections, p)
    return {"sliced_wasserstein": Value(made.value, made.standard_error, "projections (standard error)")}


def _accuracy(fake_logits: np.ndarray, fake_labels: np.ndarray) -> dict[str, Value]:
    from gan_jax.metrics.accuracy import accuracy

    made = accuracy(fake_logits, fake_labels)
    return {"accuracy": Value(made.value, made.standard_error, "examples (standard error)")}


def _ms_ssim(fake_images: np.ndarray, key: jax.Array, pairs: int = 1000) -> dict[str, Value]:
    from gan_jax.metrics.ms_ssim import ms_ssim

    made = ms_ssim(fake_images, key, pairs)
    return {"ms_ssim": Value(made.value, made.standard_error, "pairs (standard error)", {"scales": made.scales})}


def _parzen(fake_images: np.ndarray, validation_images: np.ndarray, real_images: np.ndarray) -> dict[str, Value]:
    from gan_jax.metrics.parzen import parzen

    sets = (fake_images, validation_images, real_images)
    samples, held_out, test = (x.reshape(len(x), -1).astype(np.float64) / 2 + 0.5 for x in sets)
    made = parzen(samples, held_out, test)
    stamp = {"n_validation": len(validation_images)}
    return {
        "parzen": Value(made.log_likelihood, made.standard_error, "examples (standard error)", stamp),
        "parzen_sigma": Value(made.sigma, stamp=stamp),
    }


def _modes(
    fake: np.ndarray, density: Distribution, radius: float = 3.0, loose_radius: float = 10.0
) -> dict[str, Value]:
    from gan_jax.metrics.modes import modes

    if density.means is None or density.std is None:
        raise ConfigError(f"modes needs separate modes; {density.name} has none")
    made = modes(fake, density.means, density.std, radius, loose_radius)
    return {
        "modes_captured": Value(float(made.captured)),
        "modes_held": Value(float(made.held)),
        "high_quality": Value(made.high_quality),
        "near_modes": Value(made.near),
        "mode_reverse_kl": Value(made.reverse_kl),
        "mode_jensen_shannon": Value(made.jensen_shannon),
    }


def _grid_divergence(fake: np.ndarray, density: Distribution, cells: int = 50, alpha: float = 1.0) -> dict[str, Value]:
    from gan_jax.metrics.grid_divergence import grid_divergence

    made = grid_divergence(fake, density.log_density, density.support, cells, alpha)
    return {
        "grid_kl": Value(made.kl),
        "grid_reverse_kl": Value(made.reverse_kl),
        "grid_jensen_shannon": Value(made.jensen_shannon),
    }


def _discriminator_distance(
    fake: np.ndarray, density: Distribution, discriminator: Callable[[np.ndarray], np.ndarray], cells: int = 50
) -> dict[str, Value]:
    from gan_jax.metrics.grid import cell_centres, log_mass
    from gan_jax.metrics.grid_divergence import POINTS
    from gan_jax.metrics.optimal_discriminator import distance_to_optimal_discriminator

    # The mass of a cell, since a mode may be narrower than the cell and miss its centre.
    log_p = log_mass(density.log_density, density.support, cells, POINTS)
    logits = discriminator(cell_centres(density.support, cells))
    made = distance_to_optimal_discriminator(logits, log_p, fake, density.support, cells)
    return {"discriminator_distance": Value(made.distance), "discriminator_excess_cost": Value(made.excess_cost)}


# The modules of the metrics are loaded when they are asked for: training without evaluation does not wait for them.
MEASURES: Mapping[str, Measure] = {
    "frechet": Measure(_frechet, {"frechet": LOWER}, "Fréchet distance of the features' Gaussians"),
    "kid": Measure(_kid, {"kid": LOWER}, "kernel distance: unbiased MMD² with a cubic kernel"),
    "inception_score": Measure(
        _inception_score, {"inception_score": HIGHER}, "how sure and how varied the extractor's classes are"
    ),
    "prdc": Measure(
        _prdc,
        {"precision": HIGHER, "recall": HIGHER, "density": HIGHER, "coverage": HIGHER},
        "precision, recall, density and coverage, as the package `prdc`",
    ),
    "precision_recall": Measure(
        _precision_recall, {"precision": HIGHER, "recall": HIGHER}, "improved precision and recall, as the paper"
    ),
    "prd": Measure(_prd, {"prd_f8": HIGHER, "prd_f1_8": HIGHER}, "precision-recall curve over clusters: F8 and F1/8"),
    "nearest_neighbour": Measure(
        _nearest_neighbour,
        {"nearest_neighbour": NEITHER, "nearest_neighbour_real": NEITHER, "nearest_neighbour_fake": NEITHER},
        "leave-one-out accuracy of the 1-nearest-neighbour two-sample test; 0.5 is best",
    ),
    "sliced_wasserstein": Measure(
        _sliced_wasserstein, {"sliced_wasserstein": LOWER}, "Wasserstein distance over random directions"
    ),
    "accuracy": Measure(
        _accuracy, {"accuracy": HIGHER}, "how often the extractor finds the class that was asked for; conditional games"
    ),
    "ms_ssim": Measure(
        _ms_ssim, {"ms_ssim": NEITHER}, "similarity of random pairs of generated images; compare with the data's own"
    ),
    "parzen": Measure(
        _parzen,
        {"parzen": HIGHER, "parzen_sigma": NEITHER},
        "Parzen-window log-likelihood by the protocol of 2014, in nats",
    ),
    "modes": Measure(
        _modes,
        {
            "modes_captured": HIGHER,
            "modes_held": HIGHER,
            "high_quality": HIGHER,
            "near_modes": HIGHER,
            "mode_reverse_kl": LOWER,
            "mode_jensen_shannon": LOWER,
        },
        "modes of a known mixture that are reached, how well and how evenly",
    ),
    "grid_divergence": Measure(
        _grid_divergence,
        {"grid_kl": LOWER, "grid_reverse_kl": LOWER, "grid_jensen_shannon": LOWER},
        "divergences from a known density on a grid, in nats",
    ),
    "discriminator_distance": Measure(
        _discriminator_distance,
        {"discriminator_distance": LOWER, "discriminator_excess_cost": LOWER},
        "how far D is from p / (p + q), on a grid",
    ),
}


def options_of(function: Callable[..., Any]) -> dict[str, Any]:
    """A metric's options with their values."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def takes(function: Callable[..., Any]) -> tuple[str, ...]:
    """What a metric needs, names in ``SUPPLIED``."""
    return tuple(name for name in inspect.signature(function).parameters if name in SUPPLIED)


def needs_extractor(measure: str) -> bool:
    """Whether a metric is one of features."""
    return bool(set(EXTRACTED) & set(inspect.signature(MEASURES[measure].function).parameters))
