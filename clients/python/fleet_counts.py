"""What a fleet's devices came to, counted over all of them."""

from dataclasses import dataclass, field

from clients.python.outcomes import Accepted, Declined, Dropped, Ended, Failed, Outcome, Waits

NAMES = {
    Accepted: "accepted",
    Waits: "waits",
    Declined: "declined",
    Dropped: "dropped",
    Failed: "failures",
    Ended: "ended",
}


@dataclass(frozen=True)
class FleetCounts:
    """Counts since the fleet began.

    attempts: all; granted: assignments; accepted: receipts, of which replays: for bytes that the
    service had already; drop_outs: assignments that ended without a receipt; waits, declined,
    dropped, failures, ended: attempts by outcome.
    """

    attempts: int = 0
    granted: int = 0
    accepted: int = 0
    replays: int = 0
    drop_outs: int = 0
    waits: int = 0
    declined: int = 0
    dropped: int = 0
    failures: int = 0
    ended: int = 0


@dataclass
class Tally:
    """Counts outcomes, device by device. Not safe for threads: its owner locks."""

    _counts: dict[str, int] = field(default_factory=dict)
    _held: dict[int, str] = field(default_factory=dict)

    def add(self, device: int, outcome: Outcome) -> None:
        """Count one attempt of the device with this number."""
        self._bump("attempts")
        self._bump(NAMES[type(outcome)])
        if outcome.granted is not None and self._held.get(device) != outcome.granted:
            self._bump("granted")
            if device in self._held:  # its lease ran out before the device got through
                self._bump("drop_outs")
            self._held[device] = outcome.granted
        if isinstance(outcome, Accepted):
            self._held.pop(device, None)
            if outcome.replayed:
                self._bump("replays")
        elif isinstance(outcome, Dropped | Declined | Ended) and device in self._held:
            del self._held[device]
            self._bump("drop_outs")

    def counts(self) -> FleetCounts:
        """The counts so far."""
        return FleetCounts(**self._counts)

    def _bump(self, name: str) -> None:
        self._counts[name] = self._counts.get(name, 0) + 1
