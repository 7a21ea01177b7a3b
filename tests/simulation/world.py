"""A world: a service, its devices and all that befalls them, from one seed and in one thread."""

import hashlib
from collections.abc import Sequence
from random import Random

from federation.round_events import AbandonAsked, Opened, Paused, Resumed
from federation.round_state import ENDED, GATHERING
from tests.simulation.checkers import Checkers
from tests.simulation.coordinator import Coordinator, Ticking
from tests.simulation.coverage import Coverage
from tests.simulation.devices import Device
from tests.simulation.disk import Disk, flipped
from tests.simulation.network import Network
from tests.simulation.opening import START_S
from tests.simulation.operations import Operation, draw_operations
from tests.simulation.parts import SOUND, Parts
from tests.simulation.profile import N_DEVICES, Profile, draw_profile
from tests.simulation.publishing import publish_catalogue, put_genesis
from tests.simulation.records import CheckInRequest, Receipt, Reply, Request, Work
from tests.simulation.server import Handling
from tests.simulation.shell import Crashed, Shell, newest_round, open_leases

N_OPERATIONS = 600
N_COORDINATORS = 2
# A tick at the end of a world, and what it may take on top of its round's own deadlines.
SETTLING_S = 10.0
GRACE_S = 60.0
DAMAGED = ("updates", "partials", "sums", "bundles")
# Why a device gets no work although there is some.
MAY_NOT = {"resting", "took_part", "device_revoked"}


class World:
    """One service. `run` does operations one by one, and looks at everything after each."""

    def __init__(self, profile: Profile, parts: Parts = SOUND) -> None:
        self.profile = profile
        self.now = 1_000.0
        self.disk, self.network, self.coverage = Disk(), Network(), Coverage()
        self.armed: set[str] = set()
        self.ids = 0
        self.shell = Shell(
            self.disk,
            profile,
            self.coverage,
            self.armed,
            clock=lambda: self.now,
            new_id=lambda: f"a{self._next_id()}",
            new_seed=lambda: hashlib.sha256(b"seed %d" % self._next_id()).digest(),
        )
        self.parts = parts
        self.devices = [
            Device(i, profile.behaviours[i], profile.skews_s[i]) for i in range(N_DEVICES)
        ]
        self.requests: list[tuple[Request, Handling]] = []
        self.ticks: list[Ticking | None] = [None] * N_COORDINATORS
        self.incarnations = 0
        self._start_server()
        self.coordinators = [self._new_coordinator() for _ in range(N_COORDINATORS)]
        put_genesis(self.disk)
        self.checkers = Checkers(self.disk, profile)

    def _next_id(self) -> int:
        self.ids += 1
        return self.ids

    def _start_server(self) -> None:
        self.server = self.parts.server(self.shell)
        self.requests = []

    def _new_coordinator(self) -> Coordinator:
        self.incarnations += 1
        return self.parts.coordinator(self.shell, f"c{self.incarnations}")

    def run(self, operations: Sequence[Operation]) -> None:
        """Do them all. Raises: Violation as soon as an invariant does not hold."""
        for operation in operations:
            getattr(self, f"_{operation.kind}")(operation)
            self.checkers.look()

    def _act(self, operation: Operation) -> None:
        device = self.devices[operation.pick % N_DEVICES]
        request = device.act(self.now, operation.pick // N_DEVICES)
        if request is not None:
            self.network.send(request)

    def _deliver(self, operation: Operation) -> None:
        self._arrive(operation, is_whole=True)

    def _begin(self, operation: Operation) -> None:
        self._arrive(operation, is_whole=False)

    def _duplicate(self, operation: Operation) -> None:
        self._arrive(operation, is_whole=True, keeps=True)

    def _drop(self, operation: Operation) -> None:
        self.network.take(operation.pick)

    def _arrive(self, operation: Operation, is_whole: bool, keeps: bool = False) -> None:
        message = self.network.take(operation.pick, keeps)
        if isinstance(message, Reply):
            self.devices[message.device].hear(message)
        elif message is not None:
            self.requests.append((message, self.server.handle(message)))
            while is_whole and self.requests and self._serve(-1):
                pass

    def _serve(self, index: int) -> bool:
        """Let a request go on; False when it has ended."""
        request, handling = self.requests[index]
        try:
            answer = next(handling, "end")
        except Crashed:
            self._start_server()
            return False
        if answer == "end":
            del self.requests[index]
            return False
        if answer is not None:
            assert not isinstance(answer, str)
            if isinstance(answer, Receipt):
                self.checkers.acknowledged(answer)
            self.network.send(Reply(request.device, answer, request))
        return True

    def _work(self, operation: Operation) -> None:
        """One request or one coordinator goes on until others may come in between."""
        index = operation.pick % (len(self.requests) + N_COORDINATORS)
        if index < N_COORDINATORS:
            self._go_on(index)
        else:
            self._serve(index - N_COORDINATORS)

    def _go_on(self, index: int) -> bool:
        """Let a coordinator go on with its tick, or begin one; False when it has ended."""
        ticking = self.ticks[index] or self.coordinators[index].tick()
        self.ticks[index] = ticking
        try:
            next(ticking)
        except StopIteration:
            self.ticks[index] = None
        except Crashed:
            self._kill_coordinator(index)
        return self.ticks[index] is not None

    def _tick(self, operation: Operation) -> None:
        while self._go_on(operation.pick % N_COORDINATORS):
            self.checkers.look()

    def _elapse(self, operation: Operation) -> None:
        self.now += operation.elapsed_s

    def _arm(self, operation: Operation) -> None:
        self.armed.add(operation.crash_point)

    def _kill(self, operation: Operation) -> None:
        index = operation.pick % (N_COORDINATORS + 1)
        if index == N_COORDINATORS:
            self._start_server()
        else:
            self._kill_coordinator(index)

    def _kill_coordinator(self, index: int) -> None:
        self.ticks[index] = None
        self.coordinators[index] = self._new_coordinator()

    def _round(self, pick: int = 0) -> int:
        """The newest round; now and then one before it, as an operator may be late as well."""
        newest = max(self.disk.tables["rounds"], default=0)
        return newest if pick % 4 else max(min(newest, 1), newest - 1)

    def _pause(self, operation: Operation) -> None:
        if self._round():
            self.shell.step_round(self._round(operation.pick), Paused(self.now))

    def _resume(self, operation: Operation) -> None:
        if self._round():
            self.shell.step_round(self._round(operation.pick), Resumed(self.now))

    def _abandon(self, operation: Operation) -> None:
        if self._round():
            event = AbandonAsked(self.now, "operator")
            self.shell.step_round(self._round(operation.pick), event)

    def _start(self, _: Operation) -> None:
        """An operator starts a round with leases that it cannot have: refused when synchronous."""
        if self._round() and not self.profile.max_staleness:
            self.shell.step_round(self._round(), Opened(self.now, carried=1))

    def _revoke(self, operation: Operation) -> None:
        transaction = self.disk.begin()
        # Device 7 stays, so that liveness can be asked of it.
        transaction.put("revoked", operation.pick % (N_DEVICES - 1), True)
        transaction.commit()

    def _damage(self, operation: Operation) -> None:
        """A blob that is still wanted is lost or changed."""
        folder = DAMAGED[operation.pick % len(DAMAGED)]
        published = {f"round-{v.round_id}" for v in self.disk.tables["versions"].values()}
        names = [name for name in self.disk.names(folder) if name not in published]
        if not names:
            return
        place = folder, names[operation.pick // len(DAMAGED) % len(names)]
        body = self.disk.blobs.pop(place)
        self.checkers.damaged.add(place)
        if operation.pick // 64 % 2:
            self.disk.blobs[place] = flipped(body)

    def _wear(self, _: Operation) -> None:
        """The next sum comes to lie where the disk keeps nothing as it was."""
        self.disk.failing.add(("sums", f"round-{self._round(1)}"))

    def _catalogue(self, _: Operation) -> None:
        publish_catalogue(self.disk)

    def settle(self) -> None:
        """Stop all faults and let time pass: rounds end, and a device that asks gets work (I12)."""
        self.armed.clear()
        self.disk.failing.clear()
        before, stopped_at, ended_at = self._round(), self.now, float("inf")
        while self.now < stopped_at + 2 * self.window_s:
            self._quiet_tick()
            if self._round() > before:
                ended_at = min(ended_at, self.now)
                if self._invites():
                    break
            self.now += SETTLING_S
        self.checkers.look()
        is_in_time = ended_at <= stopped_at + self.window_s
        self.checkers.at_the_end(is_live=is_in_time and self._gives_work())

    @property
    def window_s(self) -> float:
        """The longest that a round may take to end and the next to open, with some grace."""
        work_s = 2 * self.profile.work_attempts_max * self.profile.work_deadline_s
        return self.profile.deadline_s + work_s + self.profile.pause_s + START_S + GRACE_S

    def _quiet_tick(self) -> None:
        row = newest_round(self.disk.begin())
        if row is not None and row.state.phase == "paused":
            self.shell.step_round(row.id, Resumed(self.now))
        for index in range(N_COORDINATORS):
            self._tick(Operation("tick", index))

    def _invites(self) -> bool:
        row = newest_round(self.disk.begin())
        assert row is not None
        return row.state.phase in GATHERING and not open_leases(self.disk.begin(), row.id)

    def _gives_work(self) -> bool:
        """Whether some device that may take part gets a lease when it asks."""
        row = newest_round(self.disk.begin())
        if row is None or row.state.phase in ENDED:
            return False
        answers = [next(self.server.check_in(CheckInRequest(i))) for i in range(N_DEVICES)]
        if any(isinstance(answer, Work) for answer in answers):
            return True
        may_not = [getattr(answer, "reason", None) in MAY_NOT for answer in answers]
        return all(may_not)


def world_of(seed: int, parts: Parts = SOUND) -> tuple[World, list[Operation]]:
    """The world of a seed and what will happen in it. Odd seeds are buffered."""
    rng = Random(seed)
    profile = draw_profile(rng, is_buffered=seed % 2 == 1)
    return World(profile, parts), draw_operations(rng, N_OPERATIONS, profile.fault_rate)
