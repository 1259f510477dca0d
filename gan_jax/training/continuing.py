"""Whether a work directory may be trained in: nothing that it holds is lost, and its run stays the run that it is."""

from collections.abc import Iterator
from pathlib import Path

from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.data import Source
from gan_jax.errors import ConfigError
from gan_jax.idle import idle_in
from gan_jax.optimizers import BY_STEP
from gan_jax.stored import read_object
from gan_jax.training.checkpoints import stored_steps
from gan_jax.training.known_data import FILE as DATA
from gan_jax.training.known_data import check_data
from gan_jax.training.process import differing
from gan_jax.training.records import read_metrics
from gan_jax.training.start import read_config

FILES = ("metrics.jsonl", "evaluation.jsonl", "result.json", "environment.json", DATA)


def check_workdir(workdir: Path, config: ConfigDict, source: Source) -> list[str]:
    """Refuse a work directory in which this run would lose something, or go on as another one.

    Args:
      workdir: held by this process; nothing was written.
      config: of the run.
      source: its data.

    Returns:
      Lines to say of what goes on, but not as one might think.

    Raises:
      ConfigError: it holds a run of another configuration or of other data, files of no run, or records without the
        checkpoints that would continue them.
      WorkdirError: what it stores cannot be read.
    """
    stored = read_config(workdir, missing_ok=True)
    if stored is None:
        _check_no_files(workdir)
        return []
    lines = _check_config(workdir, stored, config)
    check_data(workdir, source)
    return [*lines, *_other_rounding(workdir)] if stored_steps(workdir) else _without_checkpoints(workdir, stored)


def _check_no_files(workdir: Path) -> None:
    found = [name for name in FILES if (workdir / name).exists()]
    found += [path.name for path in workdir.glob("events.out.tfevents.*")]
    found += ["samples"] if _numbered(workdir / "samples", ".png") else []
    found += [name for name in ("checkpoints", "best") if _numbered(workdir / name, "")]
    if found:
        raise ConfigError(
            f"work directory {str(workdir)!r} has no config.json and so holds no run, but {', '.join(found)}, which "
            "training would overwrite; allowed: another --workdir, or these moved away"
        )


def _numbered(folder: Path, suffix: str) -> list[Path]:
    """What carries a step as its name."""
    return [path for path in folder.glob(f"*{suffix}") if path.name.removesuffix(suffix).isdigit()]


def _check_config(workdir: Path, stored: ConfigDict, config: ConfigDict) -> list[str]:
    """``steps`` may grow, and how a run is evaluated and watched may change: that does not touch what is trained."""
    idle = idle_in(configs.flatten(config))  # an option that is not read makes no difference
    differing = {field: v for field, v in configs.difference(stored, config).items() if field not in idle}
    changed = {field: values for field, values in differing.items() if not field.startswith(("evaluation.", "health."))}
    longer = "steps" in changed and changed["steps"][1] > changed["steps"][0]
    if longer:
        changed.pop("steps")
    if changed:
        shown = ", ".join(f"{name}: {old!r} there, {new!r} now" for name, (old, new) in changed.items())
        raise ConfigError(
            f"work directory {str(workdir)!r} holds a run of another configuration ({shown}); "
            "allowed: the same, or more steps, or other evaluations"
        )
    following = list(_following_the_length(config)) if longer else []
    if not following:
        return []
    return [
        f"{', '.join(following)}: what follows the length of the run jumps at the change from steps={stored.steps} to "
        f"{config.steps}; this is not the run of {config.steps:,} steps in one go, which needs another --workdir"
    ]


def _following_the_length(config: ConfigDict) -> Iterator[str]:
    for player, options in config.optimizer.items():
        if options.schedule not in BY_STEP:
            yield f"optimizer.{player}.schedule={options.schedule!r}"
    if config.instance_noise.std > 0:
        yield f"instance_noise.std={config.instance_noise.std}"


def _other_rounding(workdir: Path) -> list[str]:
    """What to say where the processor, JAX or a variable of the environment is not that of the last start."""
    first = read_object(workdir / "environment.json") or {}
    said = differing([first, *first.get("resumed", [])][-1])
    return [f"this run may go on with other last digits than it began: {said}"] if said else []


def _without_checkpoints(workdir: Path, stored: ConfigDict) -> list[str]:
    """A run that was killed before its first checkpoint begins again; one that had some must get them back."""
    result = read_object(workdir / "result.json") or {}
    records = [record["step"] for record in read_metrics(workdir / "metrics.jsonl")]
    done = max([*records, result.get("step", 0)])
    # Only at the second checkpoint the first is known to have been there: a kill may come while it is written.
    had_some = stored.checkpoint_every > 0 and done >= 2 * stored.checkpoint_every
    if had_some or result.get("status") in ("finished", "interrupted", "stopped"):
        raise ConfigError(
            f"work directory {str(workdir)!r} holds records up to step {done:,} and no checkpoint to continue from; "
            "training would begin at step 0 and drop them; allowed: its checkpoints/ put back, or another --workdir"
        )
    if not done:
        return []
    return [f"{workdir} holds no checkpoint yet: begins again at step 0, without its records up to step {done:,}"]
