"""Health: names what goes wrong in a run, from the records that it has anyway."""

from gan_jax.health.diagnosis import HEALTHY, STATES, Finding, Limits, diagnose
from gan_jax.health.loss_scale import LossScale, loss_scale
from gan_jax.health.statistics import Reference, reference_statistics, sample_statistics

__all__ = [
    "HEALTHY",
    "STATES",
    "Finding",
    "Limits",
    "LossScale",
    "Reference",
    "diagnose",
    "loss_scale",
    "reference_statistics",
    "sample_statistics",
]
