"""How a run begins: from nothing, from another run's networks, or from its own newest checkpoint."""

from collections.abc import Callable, Mapping
from pathlib import Path

import jax
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.game import Game
from gan_jax.training.checkpoints import Checkpoints, unflatten_like
from gan_jax.training.step import State, init_state


def initial_state(config: ConfigDict, game: Game, hyper: Mapping[str, float], say: Callable[[str], None]) -> State:
    """The state at step 0, with the networks of ``init_from`` where that is set.

    Args:
      config: the configuration.
      game: its game.
      hyper: its numbers.
      say: prints a line.

    Raises:
      ConfigError: init_from names no run, or one whose networks do not fit.
    """
    state = init_state(game, jax.random.key(config.seed), hyper, ema=config.ema.decay > 0)
    return _fine_tune(state, config.init_from, say) if config.init_from else state


def check_config(config: ConfigDict, workdir: Path) -> None:
    """Refuse a work directory that holds a run of another configuration; only ``steps`` may grow.

    Raises:
      ConfigError: names the fields that differ.
      WorkdirError: the stored configuration cannot be read.
    """
    stored = read_config(workdir, missing_ok=True)
    if stored is None:
        return
    changed = configs.difference(stored, config)
    if "steps" in changed and changed["steps"][1] > changed["steps"][0]:
        changed.pop("steps")
    if changed:
        shown = ", ".join(f"{name}: {old!r} there, {new!r} now" for name, (old, new) in changed.items())
        raise ConfigError(
            f"work directory {str(workdir)!r} holds a run of another configuration ({shown}); "
            "allowed: the same, or more steps"
        )


def read_config(workdir: Path, *, missing_ok: bool = False) -> ConfigDict | None:
    """The configuration that a work directory stores.

    Raises:
      WorkdirError: there is none (unless ``missing_ok``), or it cannot be read.
    """
    path = workdir / "config.json"
    try:
        return configs.from_json(path.read_text())
    except FileNotFoundError:
        if missing_ok:
            return None
        raise WorkdirError(
            f"{str(workdir)!r} holds no run: there is no config.json; give the --workdir of a `gan-jax train`"
        ) from None
    except (OSError, ConfigError, UnicodeDecodeError) as error:
        raise WorkdirError(f"{path} cannot be read: {error}") from error


def checkpoint_at(path: str | Path) -> tuple[Path, str]:
    """Split WORKDIR or WORKDIR/checkpoints/STEP into (work directory, "latest" or step)."""
    path = Path(path)
    if path.parent.name == "checkpoints" and path.name.isdigit():
        return path.parent.parent, path.name
    return path, "latest"


def read_checkpoint(workdir: Path, checkpoint: str) -> tuple[int, dict]:
    """(step, leaves) of a run's checkpoint.

    Args:
      workdir: the work directory.
      checkpoint: "latest" or a step.

    Raises:
      ConfigError: there is no such checkpoint; names those that there are.
      WorkdirError: it is damaged or cannot be read.
    """
    if not (workdir / "checkpoints").is_dir():
        raise WorkdirError(f"{str(workdir)!r} holds no checkpoints yet; give the --workdir of a run that has saved one")
    checkpoints = Checkpoints(workdir, read_only=True)
    steps = checkpoints.steps()
    if not steps:
        raise WorkdirError(f"{str(workdir)!r} holds no checkpoints yet; give the --workdir of a run that has saved one")
    wanted = str(steps[-1]) if checkpoint == "latest" else checkpoint
    if not wanted.isdigit() or int(wanted) not in steps:
        raise ConfigError(
            f"checkpoint={checkpoint!r} is not in {str(workdir)!r}; allowed: latest, {', '.join(map(str, steps))}"
        )
    return int(wanted), checkpoints.restore(int(wanted))


def _fine_tune(state: State, source: str, say: Callable[[str], None]) -> State:
    workdir, checkpoint = checkpoint_at(source)
    try:
        step, leaves = read_checkpoint(workdir, checkpoint)
    except (WorkdirError, ConfigError) as error:
        raise ConfigError(f"init_from={source!r}: {error}") from error
    there = {name.split("/")[1] for name in leaves if name.startswith("params/")}
    taken = sorted(there & set(state.params))
    if not taken:
        raise ConfigError(
            f"init_from={source!r} has the networks {', '.join(sorted(there))}; "
            f"allowed: one of {', '.join(sorted(state.params))}"
        )
    parts = {}
    for part in ("params", "stats"):
        networks = dict(getattr(state, part))
        for name in taken:
            prefix = f"{part}/{name}/"
            own = {leaf.removeprefix(prefix): value for leaf, value in leaves.items() if leaf.startswith(prefix)}
            try:
                networks[name] = jax.tree.map(jax.numpy.asarray, unflatten_like(networks[name], own))
            except WorkdirError as error:
                raise ConfigError(f"init_from={source!r}, {part} of network {name!r}: {error}") from error
        parts[part] = networks
    fresh = sorted(set(state.params) - there)
    say(
        f"networks of {source} at step {step:,}: {', '.join(taken)}" + (f"; fresh: {', '.join(fresh)}" if fresh else "")
    )
    ema = {name: jax.tree.map(jax.numpy.copy, parts["params"][name]) for name in state.ema}
    return state.replace(ema=ema, **parts)
