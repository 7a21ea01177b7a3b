"""What one leg of the race came to, and the table of all legs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

MIB = 2**20


@dataclass(frozen=True)
class Leg:
    """One side, one number of clients, some rounds; or several such legs added up.

    requests: of clients, answered with work or bringing it; polls: of clients, to no avail
    (heartbeats included); cpu_s: of all processes of the server, from the first round's beginning
    to the last one's end; elapsed_s: the same on the wall; body_bytes: of requests and answers,
    both ways.
    """

    side: str
    clients: int
    rounds: int
    updates: int
    requests: int
    polls: int
    cpu_s: float
    elapsed_s: float
    peak_mib: float
    body_bytes: int

    @property
    def requests_per_update(self) -> float:
        return self.requests / self.updates

    @property
    def polls_per_update(self) -> float:
        return self.polls / self.updates

    @property
    def cpu_s_per_update(self) -> float:
        return self.cpu_s / self.updates

    @property
    def updates_per_s(self) -> float:
        return self.updates / self.elapsed_s

    @property
    def mib_per_update(self) -> float:
        return self.body_bytes / self.updates / MIB


SUMMED = {"rounds", "updates", "requests", "polls", "cpu_s", "elapsed_s", "body_bytes"}


def total(legs: Sequence[Leg]) -> Leg:
    """Legs of one side and number of clients as one; the peak is the highest."""
    first = legs[0]
    values = {name: sum(getattr(leg, name) for leg in legs) for name in SUMMED}
    values["peak_mib"] = max(leg.peak_mib for leg in legs)
    return Leg(**{field.name: values.get(field.name, getattr(first, field.name)) for field in fields(Leg)})
