"""Paths as users give them."""

import os
from pathlib import Path

from gan_jax.errors import ConfigError


def from_home(what: str, path: str) -> str:
    """A path with a leading ``~`` or ``~USER`` replaced by the home directory: shells leave it in ``--out=~/x``.

    Args:
      what: the flag or field that it was given for, such as "--out".
      path: other paths stay as they are; a folder that is really called ``~`` is ``./~``.

    Raises:
      ConfigError: there is no such home directory, or the locale does not let Python read the path.
    """
    try:
        path.encode()
    except UnicodeEncodeError as error:  # libraries in C++ refuse such a path when the run is under way
        raise ConfigError(
            f"{what}={path!r} is not of the locale's encoding; allowed: a path that is, or PYTHONUTF8=1"
        ) from error
    found = os.path.expanduser(path)
    if path.startswith("~") and found == path:
        user = path.split("/", 1)[0]
        whose = "no home directory: HOME is not set" if user == "~" else f"no home directory of a user {user[1:]!r}"
        raise ConfigError(f"{what}={path!r}: there is {whose}; allowed: a path without {user}")
    return found


def expanded(what: str, path: str | os.PathLike[str]) -> Path:
    """``from_home`` as a Path."""
    return Path(from_home(what, os.fspath(path)))


def cache_folder() -> Path | None:
    """Where gan_jax may keep what it can make again: in XDG_CACHE_HOME or ~/.cache; None where there is no home."""
    try:
        return expanded("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "gan_jax"
    except ConfigError:
        return None


def shown(path: str | os.PathLike[str]) -> str:
    """A path in a message: escaped where it has line breaks, control characters or bytes that are no UTF-8."""
    name = os.fspath(path)
    return name if name.isprintable() else ascii(name)
