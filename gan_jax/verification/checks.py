"""One checked property of a loss, a penalty or an update rule."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from gan_jax.registry import describe

Finding = tuple[bool | None, str]  # a Check without its name


class Check(NamedTuple):
    """A property and what was measured; where nothing was claimed, ``passed`` is None and the finding is only told."""

    property: str
    passed: bool | None
    evidence: str


def guarded(name: str, measure: Callable[[], Finding]) -> Check:
    """A property as measured; what is verified is anybody's, and whatever it raises is the finding."""
    try:
        passed, evidence = measure()
    except Exception as error:
        return Check(name, False, describe(error))
    return Check(name, passed if passed is None else bool(passed), evidence)


def failures(checks: Sequence[Check]) -> list[Check]:
    """Those that failed."""
    return [check for check in checks if check.passed is False]


def table(title: str, checks: Sequence[Check]) -> str:
    """The checks as aligned text, one a line, and a line that sums up."""
    width = max(len(check.property) for check in checks)
    words = {True: "ok  ", False: "FAIL", None: "-   "}
    lines = [f"  {words[check.passed]}  {check.property.ljust(width)}  {check.evidence}" for check in checks]
    bad = failures(checks)
    verdict = f"FAILS: {', '.join(check.property for check in bad)}" if bad else "verified"
    return "\n".join([title, *lines, f"{title}: {verdict}"])


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, compiled without optimization: these programs run a few times, so compilation is their cost."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})
