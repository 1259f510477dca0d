"""Names of files, as messages show them."""

import os


def shown(path: str | os.PathLike[str]) -> str:
    """A path as it is, or escaped where it has line breaks, control characters or bytes that are no UTF-8."""
    name = os.fspath(path)
    return name if name.isprintable() else ascii(name)
