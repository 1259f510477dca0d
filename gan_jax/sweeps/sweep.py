"""Sweeps: what is asked, over which settings and seeds, with what; read from a file."""

import contextlib
import dataclasses
import inspect
import math
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gan_jax.errors import ConfigError, nearest
from gan_jax.paths import from_home
from gan_jax.scalars import python_value
from gan_jax.sweeps.space import Space


@dataclasses.dataclass(frozen=True)
class Halving:
    """Successive halving: of the settings that are trained for some steps, the best are trained on.

    References:
      Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization, 2016,
        arXiv:1502.07943, Figure 3.
      Li et al., Hyperband, 2018, arXiv:1603.06560, Algorithm 1 (eta is ``factor``).
    """

    first: int  # steps before the first selection, at least 1
    factor: int = 3  # one in so many settings goes on, for so many times the steps; at least 2
    metric: str = ""  # value by which they are chosen; "" is the sweep's

    def __post_init__(self) -> None:
        _as_python(self)
        _whole("halving.first", self.first, 1)
        _whole("halving.factor", self.factor, 2)
        _value_name("halving.metric", self.metric)


@dataclasses.dataclass(frozen=True)
class Resources:
    """What one group of runs takes, where an executor hands groups to several workers or machines."""

    cpus: float = 1  # at least 0; without accelerators each core is a device and carries runs
    gpus: float = 0
    tpus: float = 0
    retries: int = 2  # how often a group is started again after its worker or machine died, at least 0

    def __post_init__(self) -> None:
        _as_python(self)
        for name in ("cpus", "gpus", "tpus"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value < math.inf:
                raise ConfigError(f"resources.{name}={value!r} is not possible; allowed: a finite number of at least 0")
        _whole("resources.retries", self.retries, 0)


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Which runs, and why.

    Raises:
      ConfigError: an attribute is of the wrong type or out of range, or there is no such value.
    """

    space: Space  # the settings
    seeds: int | tuple[int, ...] = 3  # of every setting; n stands for 0, ..., n - 1. Fewer than 3 show no spread
    question: str = ""  # what the sweep is to answer, in words
    metric: str = ""  # value by which settings are ranked, such as "frechet_lenet"; "" ranks by none
    halving: Halving | None = None  # ends runs early
    resources: Resources = dataclasses.field(default_factory=Resources)

    def __post_init__(self) -> None:
        for name, kinds, allowed in (
            ("space", Space, "grid({...}), random(n, {...}), ..."),
            ("question", str, "a string"),
            ("halving", Halving | None, "Halving(first=STEPS), None"),
            ("resources", Resources, "Resources(cpus=4)"),
        ):
            if not isinstance(value := getattr(self, name), kinds):
                raise ConfigError(f"{name}={value!r} has type {type(value).__name__}; allowed: {allowed}")
        _as_python(self)
        if isinstance(self.seeds, list | range):
            object.__setattr__(self, "seeds", tuple(self.seeds))
        seeds = self.each_seed if isinstance(self.seeds, tuple) or type(self.seeds) is int else ()
        if not seeds or len(set(seeds)) < len(seeds) or any(type(s) is not int or not 0 <= s < 2**32 for s in seeds):
            raise ConfigError(
                f"seeds={self.seeds!r} is not possible; allowed: how many, at least 1, or distinct whole numbers in "
                "[0, 2^32)"
            )
        _value_name("metric", self.metric)
        if self.halving and not self.chooses_by:
            raise ConfigError("halving.metric='' with metric='': nothing to choose by; allowed: a value's name in one")

    @property
    def each_seed(self) -> tuple[int, ...]:
        """The seeds one by one."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds

    @property
    def chooses_by(self) -> str:
        """The value by which successive halving chooses."""
        return (self.halving and self.halving.metric) or self.metric


def load_sweep(path: str) -> Sweep:
    """The sweep that ``FILE.py`` defines by ``get_sweep()``, or ``FILE.py:NAME`` by ``get_sweep(name)``."""
    file, _, name = from_home("--sweep", str(path)).partition(":")
    if not Path(file).is_file():
        raise ConfigError(f"--sweep={path}: there is no such file; allowed: FILE.py or FILE.py:NAME")
    module = types.ModuleType("sweep_file")
    module.__file__ = file
    sys.modules["sweep_file"] = module  # where a dataclass of the file looks for its module
    with _in_one_line(path):
        exec(compile(Path(file).read_bytes(), file, "exec", dont_inherit=True), module.__dict__)
    function = getattr(module, "get_sweep", None)
    if not callable(function):
        raise ConfigError(f"--sweep={path}: {file} defines no function get_sweep; allowed: get_sweep() -> Sweep")
    arguments = (name,) if name else ()
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        form = (
            f"it takes no name; allowed: --sweep={file}" if name else f"it takes a name; allowed: --sweep={file}:NAME"
        )
        raise ConfigError(f"--sweep={path}: get_sweep{inspect.signature(function)}: {form}") from error
    with _in_one_line(path):
        made = function(*arguments)
    if not isinstance(made, Sweep):
        raise ConfigError(f"--sweep={path}: get_sweep returned {type(made).__name__}; allowed: a Sweep")
    return made


@contextlib.contextmanager
def _in_one_line(path: str) -> Iterator[None]:
    """A user's file may raise anything; all of it becomes one line."""
    try:
        yield
    except (Exception, SystemExit) as error:
        from gan_jax.registry import describe

        raise ConfigError(f"--sweep={path}: {describe(error)}") from error


def _as_python(made: Any) -> None:
    """NumPy's numbers in a frozen dataclass become Python's: they are compared by type, and stored as JSON."""
    for field in dataclasses.fields(made):
        object.__setattr__(made, field.name, python_value(getattr(made, field.name)))


def _whole(name: str, value: Any, low: int) -> None:
    if type(value) is not int or value < low:
        raise ConfigError(f"{name}={value!r} is not possible; allowed: a whole number of at least {low}")


def _value_name(name: str, value: Any) -> None:
    """Refuse what is not "" and not a metric's value with a better direction."""
    if value == "":
        return
    from gan_jax.metrics.table import better_of, directions  # it loads JAX

    if not (isinstance(value, str) and better_of(value)):
        ranked = [one for one, better in directions().items() if better]
        near = nearest(value, ranked) if isinstance(value, str) else ""
        few = ", ".join(ranked[:6])
        raise ConfigError(f"{name}={value!r} is no value that settings can be ranked by{near}; allowed: {few}, ...")
