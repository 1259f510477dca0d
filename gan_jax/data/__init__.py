"""Data: synthetic distributions with known density, TFDS image sets without TensorFlow, and folders of images."""

from gan_jax.data.catalogue import SOURCES, describe, load, parts_of, resolve, sections_of
from gan_jax.data.joined import all_labelled, joined, labelled, paired
from gan_jax.data.preparation import prepare
from gan_jax.data.source import Feature, Source, decode, summary
from gan_jax.data.storage import resident

__all__ = [
    "SOURCES",
    "Feature",
    "Source",
    "all_labelled",
    "decode",
    "describe",
    "joined",
    "labelled",
    "load",
    "paired",
    "parts_of",
    "prepare",
    "resident",
    "resolve",
    "sections_of",
    "summary",
]
