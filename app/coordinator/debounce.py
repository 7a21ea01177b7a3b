"""When a moving catalogue is worth a version: after a short quiet, or after a while at most."""

from dataclasses import dataclass, replace

QUIET_S = 0.5
LONGEST_S = 3.0


@dataclass(frozen=True)
class Movement:
    """A catalogue that has moved since its last version. Times are Unix seconds."""

    revision: int
    began_at: float
    moved_at: float

    def seen(self, revision: int, now: float) -> "Movement":
        """The movement after a look at the catalogue."""
        return self if revision == self.revision else replace(self, revision=revision, moved_at=now)

    def is_due(self, now: float) -> bool:
        """Whether to publish now. An import in full swing is waited for, but not for ever."""
        return now - self.moved_at >= QUIET_S or now - self.began_at >= LONGEST_S


def look(movement: Movement | None, revision: int, now: float) -> Movement:
    """The movement at `revision`, which begins now if there was none."""
    if movement is None:
        return Movement(revision, now, now)
    return movement.seen(revision, now)
