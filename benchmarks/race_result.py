"""What one leg of the race came to, and the table of all legs. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

MIB = 2**20
TWOFOLD = "Twofold"
# What the race is about: at most so many requests, at least so many times less or more.
REQUESTS_MAX, CPU_TIMES_MIN, RATE_TIMES_MIN = 3.0, 15.0, 20.0


@dataclass(frozen=True)
class Leg:
    """One side, one number of clients, some rounds; or several such legs added up.

    requests: of clients, for an update; polls: of clients, that brought no work, and heartbeats;
    cpu_s: of all processes of the server, from the first round's beginning to the last one's end;
    elapsed_s: the same on the wall; body_bytes: of requests and answers, both ways.
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

    def __add__(self, other: "Leg") -> "Leg":
        """Both of one side and number of clients as one; the peak is the higher."""
        return replace(
            self,
            rounds=self.rounds + other.rounds,
            updates=self.updates + other.updates,
            requests=self.requests + other.requests,
            polls=self.polls + other.polls,
            cpu_s=self.cpu_s + other.cpu_s,
            elapsed_s=self.elapsed_s + other.elapsed_s,
            peak_mib=max(self.peak_mib, other.peak_mib),
            body_bytes=self.body_bytes + other.body_bytes,
        )

    @property
    def requests_per_update(self) -> float:
        return self.requests / self.updates

    @property
    def polls_per_update(self) -> float:
        return self.polls / self.updates

    @property
    def cpu_ms_per_update(self) -> float:
        return 1000 * self.cpu_s / self.updates

    @property
    def updates_per_s(self) -> float:
        return self.updates / self.elapsed_s

    @property
    def mib_per_update(self) -> float:
        return self.body_bytes / self.updates / MIB


def added(legs: Sequence[Leg]) -> list[Leg]:
    """One leg for each side and number of clients, in the order of their first."""
    found: dict[tuple[int, str], Leg] = {}
    for leg in legs:
        key = (leg.clients, leg.side)
        found[key] = found[key] + leg if key in found else leg
    return [found[key] for key in sorted(found, key=lambda key: key[0])]


COLUMNS = (
    "| clients | server | updates | requests / update | polls / update "
    "| server CPU ms / update | updates / s | peak MiB | body MiB / update |"
)


def table(legs: Sequence[Leg]) -> Iterator[str]:
    """Lines of a Markdown table, a leg in each."""
    yield COLUMNS
    yield "|---:|---|" + "---:|" * 7
    yield from map(line_of, legs)


def line_of(leg: Leg) -> str:
    """A leg's line of the table."""
    rates = f"{leg.requests_per_update:.1f} | {leg.polls_per_update:.1f}"
    costs = f"{leg.cpu_ms_per_update:.0f} | {leg.updates_per_s:.1f} | {leg.peak_mib:.0f}"
    start = f"| {leg.clients} | {leg.side} | {leg.updates}"
    return f"{start} | {rates} | {costs} | {leg.mib_per_update:.2f} |"


def verdicts(legs: Sequence[Leg]) -> Iterator[str]:
    """How Twofold stands to each other side of the same number of clients."""
    ours = {leg.clients: leg for leg in legs if leg.side == TWOFOLD}
    for leg in legs:
        if leg.side == TWOFOLD or leg.clients not in ours:
            continue
        mine = ours[leg.clients]
        cpu = leg.cpu_ms_per_update / mine.cpu_ms_per_update
        rate = mine.updates_per_s / leg.updates_per_s
        requests = f"{mine.requests_per_update:.1f} requests against {leg.requests_per_update:.1f}"
        yield (
            f"{leg.clients} clients, {leg.side}: {requests} "
            f"({held(mine.requests_per_update <= REQUESTS_MAX)}), "
            f"{cpu:.1f} times less server CPU ({held(cpu >= CPU_TIMES_MIN)}), "
            f"{rate:.1f} times the updates a second ({held(rate >= RATE_TIMES_MIN)})"
        )


def held(reached: bool) -> str:
    """Whether the bar holds."""
    return "held" if reached else "missed"
