"""Where the courses of the Dirac-GAN end, beside published numbers: tables, and the courses as arrays."""

import io
import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas

from gan_jax.evaluation.table import markdown
from gan_jax.figures import dirac

# {panel: {schedule: [steps + 1, 2]}}
Paths = Mapping[str, Mapping[str, np.ndarray]]

_NOTES = f"""
All start at radius 1.414, with plain gradient steps of {dirac.RATE}; the equilibrium is 0. *Agrees*: to the digits that
are published.

- **Consensus.** The method adds the gradient of |v|²/2, half the squared norm of the game's field, and so do we. The
  regularizer of the released code is L = ½ (ψ² + θ²) f'(ψθ)², whose derivative in θ is θ f'² + ψ (ψ² + θ²) f' f''; the
  code has ½ ψ (ψ² + θ²) f' f'' for the second term, and alike in ψ. Its numbers are those of another field. With that ½
  a float64 replica reproduces them (2.1e-10, 1.3e-11, 5e-33). With the true gradient it gives 2.58e-10, 1.72e-11 and
  11.0, which are ours: with five discriminator moves the course leaves along ψ.
- **Instance noise.** Both are means over 1,000 samples a step, so what is left at the end is Monte-Carlo noise, and
  only its size can be compared.
- **WGAN-GP.** The released penalty is λ/2 (|ψ| - 1)² with λ = 0.7; ours has no ½, so its weight is 0.35.

Published: the released code of Mescheder, Geiger and Nowozin, *Which Training Methods for GANs do actually Converge?*,
2018, arXiv:1801.04406.
"""


def simulate_all(table: Mapping[str, Mapping[str, object]], steps: int = dirac.STEPS) -> Paths:
    """Every entry of ``METHODS`` or ``RULES`` under every schedule; entries that name no loss play the one of 2014."""
    return {
        name: {
            schedule: dirac.simulate({"loss.name": "minimax", **fields}, rounds, steps)
            for schedule, rounds in dirac.SCHEDULES.items()
        }
        for name, fields in table.items()
    }


def radius(path: np.ndarray) -> float:
    """Distance from the equilibrium at the end of a course."""
    return math.hypot(*path[-1].tolist())


def digits(published: float) -> int:
    """How many digits of a published number are given: three above 0.1, below as many as there are."""
    if published > 0.1:
        return 3
    return len(f"{published:.6e}".split("e")[0].rstrip("0").replace(".", ""))


def printed(number: float, significant: int) -> str:
    """A number with so many digits, trailing zeros too."""
    if not 1e-3 <= abs(number) < 1e3:
        return f"{number:.{significant - 1}e}"
    return f"{number:.{max(significant - 1 - math.floor(math.log10(abs(number))), 0)}f}"


def agrees(ours: float, published: float) -> bool:
    """Whether a number, rounded to as many digits as a published one has, is that number."""
    rounded = f".{digits(published) - 1}e"
    return f"{ours:{rounded}}" == f"{published:{rounded}}"


def table_csv(methods: Paths, rules: Paths) -> str:
    """Every radius as CSV; rules have no published one."""
    head = ["kind", "name", "schedule", "radius", "published", "agrees"]
    rows = [
        ("method", name, schedule, f"{ours:.6g}", repr(published), agreed)
        for name, schedule, ours, published, agreed in _beside_published(methods)
    ]
    for name, courses in rules.items():
        rows += [("rule", name, schedule, f"{radius(path):.6g}", "", "") for schedule, path in courses.items()]
    return pandas.DataFrame(rows, columns=head).to_csv(index=False)


def table_markdown(methods: Paths, rules: Paths) -> str:
    """The same for people, with notes."""
    steps = len(next(iter(next(iter(methods.values())).values()))) - 1
    of_methods = [
        (name, schedule, printed(ours, 3), printed(published, digits(published)), agreed)
        for name, schedule, ours, published, agreed in _beside_published(methods)
    ]
    of_rules = [(name, *(printed(radius(path), 3) for path in courses.values())) for name, courses in rules.items()]
    return f"""# The Dirac-GAN: radius after {steps} steps

## Methods

{markdown(("method", "schedule", "radius", "published", "agrees"), of_methods)}
{_NOTES}
## Update rules

On the minimax loss, without a penalty.

{markdown(("rule", *dirac.SCHEDULES), of_rules)}
"""


def _beside_published(methods: Paths) -> Iterator[tuple[str, str, float, float, str]]:
    """(method, schedule, radius, published radius, whether they agree), ..."""
    for name, courses in methods.items():
        for (schedule, path), published in zip(courses.items(), dirac.PUBLISHED[name], strict=True):
            ours = radius(path)
            yield name, schedule, ours, published, "yes" if agrees(ours, published) else "no"


def trajectories(methods: Paths, rules: Paths) -> bytes:
    """All courses as .npz: methods and rules float32 [names, schedules, steps + 1, 2], and their names."""
    arrays = {"schedules": np.array(list(dirac.SCHEDULES))}
    for kind, paths in {"method": methods, "rule": rules}.items():
        arrays[f"{kind}_names"] = np.array(list(paths))
        arrays[f"{kind}s"] = np.array([list(courses.values()) for courses in paths.values()])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
