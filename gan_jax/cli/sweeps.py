"""The commands on many runs."""

import contextlib
from pathlib import Path
from typing import Any

from gan_jax.cli.flags import FLAGS
from gan_jax.errors import ConfigError


def sweep(arguments: list[str]) -> int:
    """Train what is missing of a sweep, and report; 1 where a run failed by an exception."""
    from gan_jax.config import parse_config_flags

    base, others = parse_config_flags(arguments)
    values = FLAGS["sweep"].read(others)
    from gan_jax.sweeps.sweep import load_sweep

    config = next(a.split("=", 1)[1] for a in _joined(arguments) if a.lstrip("-").startswith("config="))
    path = values.sweep or config.split(":")[0]
    wanted = load_sweep(path)
    from gan_jax.status import Status
    from gan_jax.sweeps import executors
    from gan_jax.training import process

    if values.address and values.executor != "ray":
        raise ConfigError(f"--address={values.address} is of a Ray cluster; allowed: with --executor=ray")
    several = process.initialize(values.coordinator_address, values.num_processes, values.process_id)
    if several and values.executor != "local":
        raise ConfigError(f"--executor={values.executor} with several processes; allowed: local")
    if not several:
        executors.use_cores(process.cores())
    process.start()
    if values.dry_run:
        from gan_jax.sweeps.driver import describe

        print(describe(wanted, base, values.workdir, width=values.width))
        return 0
    from gan_jax.sweeps.driver import sweep

    overrides = [a.split("config.", 1)[1] for a in _joined(arguments) if a.lstrip("-").startswith("config.")]
    counts = sweep(
        wanted,
        base,
        values.workdir,
        _executor(values),
        width=values.width,
        about={"command": ["gan-jax", "sweep", *arguments], "config": config, "sweep": path, "overrides": overrides},
        retry_failed=values.retry_failed,
    )
    if not counts:  # of several processes this is not the first
        return 0
    written = _written(values.workdir, None, "")
    runs = f"{sum(counts.values())} runs: " + ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
    with contextlib.suppress(BrokenPipeError):  # who no longer reads does not make it a failure
        print(runs, *written, sep="\n")
    return 1 if counts.get(Status.FAILED) else 0


def _executor(values: Any) -> Any:
    from gan_jax.sweeps import executors

    if values.executor == "local":
        return executors.LOCAL
    return executors.on_ray(values.address) if values.executor == "ray" else executors.on_slurm()


def report(arguments: list[str]) -> int:
    """Write the page, and figures where they are asked for."""
    values = FLAGS["report"].read(arguments)
    from gan_jax.sweeps.layout import read_sweep
    from gan_jax.sweeps.table import write_results

    read_sweep(Path(values.workdir))
    write_results(Path(values.workdir))
    _, *written = _written(values.workdir, values.out, values.figures)
    print(*written, sep="\n")
    return 0


def _written(workdir: str, out: str | None, figures: str) -> list[object]:
    """The settings as a table of text, the figures where they are asked for, and the page."""
    from gan_jax.reporting import answer, summary, write_figures, write_report

    page = write_report(workdir, out)
    drawn = write_figures(workdir, figures) if figures else []
    return [answer.table(summary.stored(workdir)), *drawn, page]


def _joined(arguments: list[str]) -> list[str]:
    """Arguments with ``--name value`` as ``--name=value``, for those of the configuration."""
    joined, position = [], 0
    while position < len(arguments):
        one = arguments[position]
        if one.startswith(("--config", "-config")) and "=" not in one and position + 1 < len(arguments):
            one, position = f"{one}={arguments[position + 1]}", position + 1
        joined.append(one)
        position += 1
    return joined
