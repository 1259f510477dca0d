"""What a user's function returned: whether it may, and how to say it."""

from typing import Any

import jax
import jax.numpy as jnp


def is_float(value: Any, *shapes: tuple[int, ...]) -> bool:
    """Whether a value is an array, or stands for one, of floating point numbers and of one of the shapes."""
    dtype = getattr(value, "dtype", None)
    return dtype is not None and jnp.issubdtype(dtype, jnp.floating) and value.shape in shapes


def in_words(value: Any) -> str:
    """``float32 of shape (3, 2)`` of an array or what stands for one, else its type."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype} of shape {value.shape}"
    return "None" if value is None else f"a {type(value).__name__}"


def difference(found: Any, wanted: Any) -> str:
    """Where two trees of arrays, or of what stands for them, differ in structure, dtype or shape; "" if nowhere."""
    ours, theirs = (
        {jax.tree_util.keystr(path, simple=True, separator="/"): in_words(leaf) for path, leaf in leaves}
        for leaves in (jax.tree_util.tree_flatten_with_path(tree)[0] for tree in (found, wanted))
    )
    for name in (*theirs, *ours):
        if ours.get(name) != theirs.get(name):
            return f"{name} is {ours.get(name, 'not there')}; allowed: {theirs.get(name, 'no such leaf')}"
    return ""
