"""Where the courses of the Dirac-GAN end, beside published numbers: tables, and the courses as arrays."""

import io
import math
from collections.abc import Mapping

import numpy as np
import pandas

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
    return math.hypot(*(float(v) for v in path[-1]))


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
    """Whether a number, rounded where a published one ends, is that number."""
    unit = 10.0 ** (math.floor(math.log10(published)) - digits(published) + 1)
    return round(ours / unit) == round(published / unit)


def table_csv(methods: Paths, rules: Paths) -> str:
    """Every radius as CSV; rules have no published one."""
    rows = []
    for kind, paths in (("method", methods), ("rule", rules)):
        for name, courses in paths.items():
            for place, (schedule, path) in enumerate(courses.items()):
                ours = radius(path)
                published = dirac.PUBLISHED[name][place] if kind == "method" else None
                said = ["", ""] if published is None else [repr(published), _yes(agrees(ours, published))]
                rows.append((kind, name, schedule, f"{ours:.6g}", *said))
    head = ["kind", "name", "schedule", "radius", "published", "agrees"]
    return pandas.DataFrame(rows, columns=head).to_csv(index=False)


def table_markdown(methods: Paths, rules: Paths) -> str:
    """The same for people, with notes."""
    steps = len(next(iter(next(iter(methods.values())).values()))) - 1
    lines = [f"# The Dirac-GAN: radius after {steps} steps", "", "## Methods", ""]
    lines += _head("method", "schedule", "radius", "published", "agrees")
    for name, courses in methods.items():
        for place, (schedule, path) in enumerate(courses.items()):
            ours, published = radius(path), dirac.PUBLISHED[name][place]
            cells = (printed(ours, 3), printed(published, digits(published)), _yes(agrees(ours, published)))
            lines.append(_row(name if place == 0 else "", schedule, *cells))
    lines += [_NOTES, "## Update rules", "", "On the minimax loss, without a penalty.", ""]
    lines += _head("rule", *dirac.SCHEDULES)
    lines += [_row(name, *(printed(radius(path), 3) for path in courses.values())) for name, courses in rules.items()]
    return "\n".join(lines) + "\n"


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def _head(*cells: str) -> list[str]:
    return [_row(*cells), _row(*("---" for _ in cells)).replace(" ", "")]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def trajectories(methods: Paths, rules: Paths) -> bytes:
    """All courses as .npz: methods and rules float32 [names, schedules, steps + 1, 2], and their names."""
    arrays = {"schedules": np.array(list(dirac.SCHEDULES))}
    kinds = {"method": methods, "rule": rules}
    arrays |= {f"{kind}_names": np.array(list(paths)) for kind, paths in kinds.items()}
    arrays |= {
        f"{kind}s": np.array([list(courses.values()) for courses in paths.values()]) for kind, paths in kinds.items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
