"""What stays of old versions, so that the newest ones can be rebuilt from their records.

Training states are large and follow from the one before by the exact sum of a round. So only some
versions stay whole, as checkpoints: those that no sum explains, and every CHECKPOINT_EVERY-th. From
the newest checkpoint that is old enough on (the base), rounds keep their sums and bundles, and each
version between two checkpoints is had again by replay.
"""

from dataclasses import dataclass

CHECKPOINT_EVERY = 20


@dataclass(frozen=True)
class Retention:
    """base: the oldest version that stays whole; newest: the newest one."""

    base: int
    newest: int

    def keeps_evidence(self, version: int) -> bool:
        """Whether the sum and the bundle of a round's version stay."""
        return version > self.base

    def keeps_whole(self, version: int, kind: str) -> bool:
        """Whether a version's training state, float32 item table and catalogue map stay."""
        is_old_enough = version >= self.base and is_checkpoint(version, kind)
        return is_old_enough or version == self.newest


def is_checkpoint(version: int, kind: str) -> bool:
    """Whether replay may begin at a version; a property of the version, which never changes."""
    return kind != "round" or version % CHECKPOINT_EVERY == 0
