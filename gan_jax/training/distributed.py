"""Several processes that train one run."""

import os

import jax

from gan_jax.errors import ConfigError


def initialize(coordinator_address: str | None, num_processes: int | None, process_id: int | None) -> bool:
    """Start ``jax.distributed`` where flags or the environment ask for it.

    Args:
      coordinator_address: HOST:PORT of process 0; None: JAX_COORDINATOR_ADDRESS.
      num_processes: how many; None: JAX_NUM_PROCESSES.
      process_id: which this is; None: JAX_PROCESS_ID.

    Returns:
      Whether there are several processes.

    Raises:
      ConfigError: something is missing or not possible.
    """
    given = (coordinator_address, num_processes, process_id)
    if process_id is not None and not (coordinator_address or os.environ.get("JAX_COORDINATOR_ADDRESS")):
        raise ConfigError("--coordinator_address is missing; --process_id needs it, or JAX_COORDINATOR_ADDRESS")
    if all(value is None for value in given) and "JAX_COORDINATOR_ADDRESS" not in os.environ:
        return False
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(
            coordinator_address,
            num_processes if num_processes is not None else _environment_int("JAX_NUM_PROCESSES"),
            process_id if process_id is not None else _environment_int("JAX_PROCESS_ID"),
        )
    except (ValueError, RuntimeError) as error:
        raise ConfigError(f"jax.distributed could not start: {' '.join(str(error).split())}") from error
    return True


def _environment_int(name: str) -> int | None:
    text = os.environ.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise ConfigError(f"environment variable {name}={text!r} is not possible; allowed: a whole number")
    return int(text)
