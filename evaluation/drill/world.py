"""The drill itself: a discrete-event simulation whose every event is a real request or tick.

A heap holds what happens next; the clock jumps from one event to the next; one request is under way
at a time. So one seed gives one trace, whatever the machine and however busy it is.

The coordinator looks when there is something to see (a round has closed, a lease or a deadline has
run out, a rest is over) and every ten minutes besides, at instants at which one that looks every
TICK_S would.
"""

import heapq
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from app.rounds.repository import StoredRound
from evaluation.drill.behaviour import Profile
from evaluation.drill.device import Identity, Pause, Steps, VirtualDevice
from evaluation.drill.dice import VISIT, dice
from evaluation.drill.enrolment import START
from evaluation.drill.service import TICK_S, DrilledCoordinator, VirtualClock
from evaluation.drill.trace import Arrival, Happening, Trace
from evaluation.drill.transport import Reply, Request, Transport
from evaluation.drill.visit import Surroundings, Visit
from federation.round_state import ENDED, GATHERING

HEARTBEAT_S = 600.0
# A coordinator that has just looked for leases looks again only a second later.
SECOND_LOOK_S = 1.2


@dataclass(order=True)
class _Due:
    """at: seconds since the start; number: ties go to what was planned first."""

    at: float
    number: int
    run: Callable[[], Awaitable[None]] = field(compare=False)


class World:
    """One plan's days. identities: the enrolled devices, by their numbers in the trace.

    pause_s: the plan's rest between two rounds.
    """

    def __init__(
        self,
        trace: Trace,
        identities: tuple[Identity, ...],
        around: Surroundings,
        clock: VirtualClock,
        transport: Transport,
        coordinator: DrilledCoordinator,
        pause_s: float,
    ) -> None:
        self.happenings: list[Happening] = []
        self._trace, self._around = trace, around
        self._clock, self._transport, self._coordinator = clock, transport, coordinator
        pairs = zip(identities, trace.devices, strict=True)
        self.devices = [self._device(identity, profile) for identity, profile in pairs]
        self._pause_s = pause_s
        self._heap: list[_Due] = []
        self._n_planned = self._n_visitors = 0
        self._looks: set[float] = set()
        self._open_leases: set[str] = set()
        self._newest: StoredRound | None = None
        self._is_over = False

    async def run(self, progress: Callable[[float], None]) -> None:
        """Run all days, then until the last round that holds an update has ended.

        progress: told the virtual seconds that have passed.
        """
        for arrival in self._trace.arrivals:
            self._plan(arrival.at, self._arriving(arrival))
        self._plan(0.0, self._beat)
        while self._heap:
            due = heapq.heappop(self._heap)
            self._clock.now = START + due.at
            await due.run()
            progress(due.at)
        self._is_over = True

    async def outcome_of(self, accepted: Happening) -> str:
        """What the service says became of an acknowledged update, once the days are over."""
        assert accepted.device is not None, "only devices upload"
        steps, reply = self.devices[accepted.device].ask_outcome(accepted.fields["lease"]), None
        while True:
            try:
                asked = steps.send(reply)
            except StopIteration as ended:
                return str(ended.value)
            assert isinstance(asked, Request), "whoever asks for a receipt does not wait"
            reply = await self._transport.send(asked)

    @property
    def _now_s(self) -> float:
        """Seconds since the start."""
        return self._clock.now - START

    def _device(self, identity: Identity, profile: Profile) -> VirtualDevice:
        return VirtualDevice(identity, profile, self._clock, self._teller(identity.number))

    def _plan(self, at: float, run: Callable[[], Awaitable[None]]) -> None:
        self._n_planned += 1
        heapq.heappush(self._heap, _Due(at, self._n_planned, run))

    def _arriving(self, arrival: Arrival) -> Callable[[], Awaitable[None]]:
        async def arrive() -> None:
            device = self.devices[arrival.device]
            rng = dice(self._trace.seed, VISIT, arrival.device, device.visits)
            visit = Visit(device, arrival, self._around, self._teller(arrival.device), rng)
            self._n_visitors += 1
            await self._go_on(visit.run(), None)

        return arrive

    async def _go_on(self, steps: Steps[None], reply: Reply | None) -> None:
        """Drive a visit until it pauses or ends."""
        while True:
            try:
                action = steps.send(reply)
            except StopIteration:
                self._n_visitors -= 1
                return
            if isinstance(action, Pause):
                at = self._now_s + action.s
                self._plan(at, lambda: self._go_on(steps, None))
                return
            reply = await self._transport.send(action)

    def _teller(self, device: int) -> Callable[..., None]:
        def tell(what: str, **fields: Any) -> None:
            if not self._is_over:
                self.happenings.append(Happening(round(self._now_s, 3), device, what, fields))
                self._notice(what, fields)

        return tell

    def _notice(self, what: str, fields: dict[str, Any]) -> None:
        """Let the coordinator look when this may have given it something to do."""
        if what == "granted" and fields["lease"] not in self._open_leases:
            self._open_leases.add(fields["lease"])
            ends_at = self._now_s + fields["lease_s"]
            self._plan(ends_at, lambda: self._lease_ended(fields["lease"]))
        elif what == "accepted":
            self._open_leases.discard(fields["lease"])
            self._plan(self._now_s, self._look_if_closed)

    async def _look_if_closed(self) -> None:
        newest = await self._coordinator.newest_round()
        if newest is not None and newest.state.phase not in GATHERING:
            self._look_at(self._now_s)

    async def _lease_ended(self, lease: str) -> None:
        if lease in self._open_leases:
            self._look_at(self._now_s)
            self._look_at(self._now_s + SECOND_LOOK_S)

    def _look_at(self, after: float) -> None:
        """Plan a tick at the first instant of the coordinator's beat that follows."""
        at = round((math.floor(after / TICK_S) + 1) * TICK_S, 3)
        if at not in self._looks:
            self._looks.add(at)
            self._plan(at, self._look)

    async def _look(self) -> None:
        newest = await self._coordinator.tick()
        now = self._now_s
        self._looks = {at for at in self._looks if at > now}
        self._see(newest)

    async def _beat(self) -> None:
        """Look without a reason, as long as there may be one."""
        if self._goes_on():
            self._look_at(self._now_s)
            self._plan(self._now_s + HEARTBEAT_S, self._beat)

    def _see(self, newest: StoredRound | None) -> None:
        """Look again when the newest round's time is up, or the rest after it."""
        before, self._newest = self._newest, newest
        if newest is None or not self._goes_on():
            return
        if newest.state.phase in ENDED:
            self._look_at(self._now_s + self._pause_s)
        elif newest.state.deadline_at is not None and (before is None or before.id != newest.id):
            self._look_at(newest.state.deadline_at - START)

    def _goes_on(self) -> bool:
        """Whether a device may still come, is there, or waits for the end of its round."""
        if self._now_s < self._trace.end_s or self._n_visitors > 0:
            return True
        newest = self._newest
        return newest is not None and newest.state.phase not in ENDED and newest.state.accepted > 0
