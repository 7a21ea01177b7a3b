"""One visit of a device: from its arrival until it leaves, honest or not. No I/O, no clock.

The waits are those of `clients.python.session`: the same policy, so that a drill paces its devices
as real ones do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from clients.python.answers import Assignment, CheckIn, Failure, Receipt
from clients.python.session import MISSED_ROUND_REASONS, RetryPolicy
from evaluation.drill.bodies import MALFORMED, OFF_GRID, Updates, another_update
from evaluation.drill.device import Pause, Steps, Tell, VirtualDevice
from evaluation.drill.trace import Arrival

REPLAYED_AFTER_S = 3_600.0
LATE_BY_S = 30.0
NOBODYS_ADDRESS = "/v1/updates/" + "0" * 32
POLICY = RetryPolicy()


@dataclass
class Surroundings:
    """What all visits share. overheard: the last upload address by device, for those who steal."""

    clock: Callable[[], float]
    updates: Updates
    overheard: dict[int, str] = field(default_factory=dict)

    def address_of_another(self, device: int) -> str:
        """The newest address that was given to somebody else."""
        others = [url for number, url in self.overheard.items() if number != device]
        return others[-1] if others else NOBODYS_ADDRESS

    def overhear(self, device: int, url: str) -> None:
        """Note an address; the newest is the last."""
        self.overheard.pop(device, None)
        self.overheard[device] = url


class Visit:
    """rng: the device's own dice for this visit."""

    def __init__(
        self,
        device: VirtualDevice,
        arrival: Arrival,
        around: Surroundings,
        tell: Tell,
        rng: np.random.Generator,
    ) -> None:
        self._device, self._arrival, self._around = device, arrival, around
        self._tell, self._rng = tell, rng
        self._now = around.clock

    def run(self) -> Steps[None]:
        """Check in whenever the service said to, work, and leave when it is time."""
        leaves_at = self._now() + self._arrival.stays_s
        self._device.begin_visit()
        while True:
            wait_s = self._device.not_before - self._now()
            if self._now() + max(wait_s, 0.0) > leaves_at:
                return
            if wait_s > 0:
                yield Pause(wait_s)
            if not (yield from self._ask()):
                return

    def _ask(self) -> Steps[bool]:
        """One check-in with what follows from it; False when the device is gone."""
        answer = yield from self._device.check_in()
        if isinstance(answer, CheckIn) and answer.assignment is not None:
            return (yield from self._work(answer.assignment))
        wait_s = POLICY.backoff_s(1, self._draw)
        if isinstance(answer, Failure):
            wait_s = self._wait_after(answer)
        elif answer.retry is not None:
            wait_s = self._draw(*answer.retry)
        self._device.not_before = self._now() + wait_s
        return True

    def _work(self, assignment: Assignment) -> Steps[bool]:
        self._around.overhear(self._device.identity.number, assignment.upload_url)
        bundle = yield from self._device.download(assignment.bundle_url)
        if isinstance(bundle, Failure):
            self._device.not_before = self._now() + self._wait_after(bundle)
            return True
        profile = self._device.profile
        yield Pause(8 * len(bundle) / profile.down_bps + profile.train_s)
        if self._arrival.conduct == "drop_out":
            self._tell("dropped_out", lease=assignment.id)
            return False
        body = self._around.updates.make(assignment, bundle, self._device.identity.number)
        yield Pause(8 * len(body) / profile.up_bps)
        yield from self._deliver(assignment, body)
        return True

    def _deliver(self, assignment: Assignment, body: bytes) -> Steps[None]:
        url, conduct = assignment.upload_url, self._arrival.conduct
        if conduct == "late":
            yield Pause(assignment.lease_s + LATE_BY_S)
        elif conduct == "foreign":
            url = self._around.address_of_another(self._device.identity.number)
        shown = self._shown(body)
        answer = yield from self._device.upload(assignment, url, shown)
        failures = 0
        # A full buffer is being published: the same bytes go out until the next one takes them.
        while isinstance(answer, Failure) and answer.transient:
            failures += 1
            yield Pause(POLICY.backoff_s(failures, self._draw))
            answer = yield from self._device.upload(assignment, url, shown)
        self._device.not_before = self._now()
        if isinstance(answer, Receipt):
            yield from self._repeat(assignment, body)
        elif isinstance(answer, Failure):
            self._device.not_before += self._wait_after(answer)

    def _shown(self, body: bytes) -> bytes:
        """What the device sends as its update."""
        wrongs = {"malformed": MALFORMED, "off_grid": OFF_GRID}.get(self._arrival.conduct)
        return body if wrongs is None else wrongs[int(self._rng.integers(len(wrongs)))](body)

    def _repeat(self, assignment: Assignment, body: bytes) -> Steps[None]:
        """What a device sends that has its receipt already."""
        url, conduct = assignment.upload_url, self._arrival.conduct
        if conduct == "replay":
            yield Pause(REPLAYED_AFTER_S)
        bodies = {"replay": [body], "twice": [body, body], "other_bytes": [another_update(body)]}
        for again in bodies.get(conduct, []):
            yield from self._device.upload(assignment, url, again)

    def _wait_after(self, failure: Failure) -> float:
        if failure.transient or failure.reason in MISSED_ROUND_REASONS:
            return POLICY.backoff_s(1, self._draw)
        return POLICY.give_up_s(self._draw)

    def _draw(self, low: float, high: float) -> float:
        return float(self._rng.uniform(low, high))
