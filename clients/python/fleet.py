"""Many devices in one process, each with its own folder, key and history.

A heap holds when each device wants to act next; worker threads take whoever is due. What one device
is told to wait is never another's business, and an outage of the service is a wait like any other.
A device holds what it decoded only while it works: memory goes with the threads, not the devices.

Start a process that runs a fleet with ENVIRONMENT in its environment: BLAS reads it when numpy is
imported.
"""

import hashlib
import heapq
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from clients.python.allocator import keep_freed_memory
from clients.python.closing import Closing
from clients.python.device import Device
from clients.python.fleet_counts import FleetCounts, Tally
from clients.python.model_store import ModelStore
from clients.python.options import DeviceOptions
from clients.python.outcomes import Ended
from clients.python.transport import Transport

THREADS = 4
# The workers are threads already. BLAS threads on matrices this small cost three times the CPU.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
LONGEST_LOOK_S = 0.5  # a worker that waits for a device looks this often whether to stop

Stop = Callable[[FleetCounts], bool]
Progress = Callable[[FleetCounts], None]


def device_seed(fleet_seed: int, number: int) -> int:
    """The seed of a fleet's device, independent of all others'."""
    return int(np.random.SeedSequence((fleet_seed, number)).generate_state(1, np.uint64)[0])


class Fleet(Closing):
    """Runs devices until told to stop. Closes `transport`, which the devices share, with itself."""

    def __init__(
        self,
        devices: Sequence[Device],
        transport: Transport,
        threads: int = THREADS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if threads < 1:
            raise ValueError("threads: must be at least 1")
        self.devices = devices
        self._transport = transport
        self._threads = threads
        self._clock = clock
        self._tally = Tally()
        self._changed = threading.Condition()
        # (when, number): a tie goes to the lower number.
        self._due: list[tuple[float, int]] = [(0.0, number) for number in range(len(devices))]
        self._stopping = False
        self._error: BaseException | None = None

    @classmethod
    def enrol(
        cls,
        folder: Path | str,
        base_url: str,
        codes: Mapping[str, str],
        transport: Transport,
        *,
        threads: int = THREADS,
        seed: int = 0,
        models: ModelStore | None = None,
        options: DeviceOptions | None = None,
    ) -> Self:
        """Enrol one device per code. codes: user id -> code; each device gets a folder by its user.

        models: a store that all devices share; None gives each its own.
        Raises: ServiceProblem.
        """
        shared = options or DeviceOptions()

        def one(numbered: tuple[int, tuple[str, str]]) -> Device:
            number, (user_id, code) = numbered
            return Device.enrol(
                Path(folder) / folder_name(user_id),
                base_url,
                code,
                transport=transport,
                models=models,
                options=replace(shared, seed=device_seed(seed, number)),
            )

        with ThreadPoolExecutor(threads) as pool:
            devices = list(pool.map(one, enumerate(codes.items())))
        return cls(devices, transport, threads, shared.clock)

    @property
    def counts(self) -> FleetCounts:
        """The counts so far."""
        with self._changed:
            return self._tally.counts()

    def run(
        self, stop: Stop, progress: Progress | None = None, progress_every_s: float = 0.5
    ) -> FleetCounts:
        """Run until `stop` returns true; attempts that have begun are finished.

        stop: asked after every attempt and every `progress_every_s`, in the caller's thread, like
        progress. What a device raises (a damaged folder, a full disk) ends the run and is raised.
        """
        keep_freed_memory()
        self._stopping, self._error = False, None
        workers = [threading.Thread(target=self._work, daemon=True) for _ in range(self._threads)]
        for worker in workers:
            worker.start()
        try:
            self._watch(stop, progress, progress_every_s)
        finally:
            with self._changed:
                self._stopping = True
                self._changed.notify_all()
            for worker in workers:
                worker.join()
        if self._error is not None:
            raise self._error
        return self.counts

    def close(self) -> None:
        """Close the shared connections."""
        self._transport.close()

    def _watch(self, stop: Stop, progress: Progress | None, every_s: float) -> None:
        shown_at = -float("inf")
        while True:
            counts = self.counts
            if progress is not None and time.monotonic() - shown_at >= every_s:
                shown_at = time.monotonic()
                progress(counts)
            if self._error is not None or stop(counts):
                if progress is not None:
                    progress(self.counts)
                return
            with self._changed:
                self._changed.wait(every_s)

    def _work(self) -> None:
        while (number := self._next()) is not None:
            try:
                outcome = self.devices[number].take_part(self._clock())
            except BaseException as error:
                self._end(error)
                return
            with self._changed:
                self._tally.add(number, outcome)
                if not isinstance(outcome, Ended):
                    heapq.heappush(self._due, (outcome.until, number))
                self._changed.notify_all()

    def _next(self) -> int | None:
        """The number of the next device that is due; waits for it. None when the fleet stops."""
        with self._changed:
            while not self._stopping:
                left_s = self._due[0][0] - self._clock() if self._due else LONGEST_LOOK_S
                if self._due and left_s <= 0:
                    return heapq.heappop(self._due)[1]
                self._changed.wait(min(left_s, LONGEST_LOOK_S))
        return None

    def _end(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error
            self._stopping = True
            self._changed.notify_all()


def folder_name(user_id: str) -> str:
    """A folder name for any user id, on file systems that know no difference of case as well."""
    return "user-" + hashlib.sha256(user_id.encode()).hexdigest()[:32]
