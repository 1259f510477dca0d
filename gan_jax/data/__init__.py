"""Data: synthetic distributions with known density, TFDS image sets without TensorFlow, and folders of images."""

from gan_jax.data.catalogue import SOURCES, describe, load, options_of, resolve
from gan_jax.data.preparation import prepare
from gan_jax.data.source import Source, decode, first_examples, summary

__all__ = [
    "SOURCES",
    "Source",
    "decode",
    "describe",
    "first_examples",
    "load",
    "options_of",
    "prepare",
    "resolve",
    "summary",
]
