"""How a run stands: what its result.json says, or what its records say where there is none."""

from enum import StrEnum


class Status(StrEnum):
    """How a run stands; equal to the word that is stored and shown."""

    FINISHED = "finished"
    NON_FINITE = "non_finite"  # a loss, a gradient or the state became NaN or infinite
    STOPPED = "stopped"  # hopeless, with health.stop
    ELIMINATED = "eliminated"  # by successive halving
    FAILED = "failed"  # by an exception
    PAUSED = "paused"  # at a rung of successive halving
    INTERRUPTED = "interrupted"  # by a signal
    RUNNING = "running"  # it has records and no result
    MISSING = "missing"

    @property
    def done(self) -> bool:
        """Whether it ended for good, so that a sweep leaves it alone."""
        return self in (Status.FINISHED, Status.ELIMINATED) or self.ended_badly

    @property
    def ended_badly(self) -> bool:
        """Whether it ended for good before its last step, by itself."""
        return self in (Status.NON_FINITE, Status.STOPPED, Status.FAILED)
