"""NumPy's and JAX's numbers as Python's."""

from typing import Any

import numpy as np


def python_value(value: Any) -> Any:
    """A value with Python's numbers and strings in place of NumPy's and JAX's scalars and arrays, exactly.

    Args:
      value: np.float32(0.1) becomes 0.10000000149011612, an array of one axis or more a list; lists, tuples and dicts
        keep their type, with such values inside; everything else stays as it is.
    """
    if isinstance(getattr(value, "dtype", None), np.dtype):
        value = np.asarray(value).tolist()
        return float(value) if isinstance(value, np.floating) else value  # NumPy leaves a longdouble as it is
    if type(value) in (list, tuple):
        return type(value)(python_value(v) for v in value)
    if type(value) is dict:
        return {python_value(k): python_value(v) for k, v in value.items()}
    return value
