"""What a death or a fault costs in time, and what there is to say of it."""

from dataclasses import dataclass

from tests.faults.processes import ServerProcess

BAR_S = 5.0


@dataclass(frozen=True)
class Recovery:
    """Seconds from a death, or from the end of a fault, until what it had interrupted was done.

    cpu_s: what the process that was started for it had spent by then; on a machine that others use
    as well, it says more than wall_s. None where nothing was started. next_s: until the next
    version, which for the most part is the devices' time; None where nobody waited for one.
    """

    wall_s: float
    cpu_s: float | None = None
    next_s: float | None = None


@dataclass(frozen=True)
class Fallen:
    """A death. process: the command whose worker died; for a replica it is itself the worker. at:
    when it was seen, by `time.monotonic`. n_caught_up: of the process, before.
    """

    process: ServerProcess
    at: float
    n_caught_up: int

    @property
    def kind(self) -> str:
        """Of the process."""
        return self.process.kind


@dataclass(frozen=True)
class Living:
    """A process before a death. worker: the id of its worker; n_caught_up: of the process."""

    process: ServerProcess
    worker: int
    n_caught_up: int

    @property
    def has_died(self) -> bool:
        """Whether that worker is gone."""
        return not self.process.has(self.worker)
