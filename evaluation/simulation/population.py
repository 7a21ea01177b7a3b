"""The histories of a simulated population, packed: nothing is kept per device but its events."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.arrays import Bools, Ints
from recsys.draws import Seeds, hashed
from recsys.history import History
from recsys.objective import block_positions
from recsys.pooling import Events

Packed = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Batch:
    """b histories padded at their end to one length n, and how long each is, (b,)."""

    events: Events
    lengths: Ints

    def take(self, kept: Bools) -> "Batch":
        """These devices only."""
        events = self.events
        some = Events(events.rows[kept], events.types[kept], events.times_s[kept])
        return Batch(some, self.lengths[kept])

    def within(self, rows: Ints) -> "Batch":
        """What devices that received only these rows (sorted) see: positions in them.

        Events of other rows fall out.
        """
        events = self.events
        positions = block_positions(events.rows.ravel(), rows).reshape(events.rows.shape)
        kept = (positions >= 0) & (np.arange(events.rows.shape[1]) < self.lengths[:, None])
        lengths = kept.sum(axis=1)
        order = np.argsort(~kept, axis=1, kind="stable")[:, : int(lengths.max(initial=0))]
        old = (np.maximum(positions, 0), events.types, events.times_s)
        rows_in, types, times_s = (np.take_along_axis(part, order, axis=1) for part in old)
        return Batch(Events(rows_in, types, times_s), lengths)


@dataclass(frozen=True)
class Population:
    """Events of all devices, device after device, oldest first; starts: (n_devices + 1,).

    rows, types: (n_events,) int32; times_s: (n_events,) int64. A device has at most as many events
    as the model's history length.
    """

    rows: Packed
    types: Packed
    times_s: Ints
    starts: Ints

    @classmethod
    def of(cls, histories: Sequence[History], history_length: int) -> "Population":
        """The newest `history_length` events of each history."""
        known = [history.last(history_length) for history in histories]
        sizes = np.array([0, *(len(history) for history in known)], np.int64)
        whole = [History.of([]), *known]
        return cls(
            np.concatenate([history.rows.astype(np.int32) for history in whole]),
            np.concatenate([history.types.astype(np.int32) for history in whole]),
            np.concatenate([history.times_s for history in whole]),
            np.cumsum(sizes),
        )

    def __len__(self) -> int:
        return int(self.starts.shape[0]) - 1

    @property
    def lengths(self) -> Ints:
        """(n_devices,) events of each device."""
        return np.diff(self.starts)

    def history(self, device: int) -> History:
        """One device's history."""
        at = slice(self.starts[device], self.starts[device + 1])
        rows, types = self.rows[at].astype(np.int64), self.types[at].astype(np.int64)
        return History(rows, types, self.times_s[at])

    def batch(self, devices: Ints) -> Batch:
        """The histories of some devices, in their order."""
        lengths = self.lengths[devices]
        places = np.arange(int(lengths.max(initial=0)))
        at = np.where(places < lengths[:, None], self.starts[devices][:, None] + places, 0)
        real = places < lengths[:, None]
        rows, types, times_s = (
            np.where(real, packed[at], 0).astype(np.int64)
            for packed in (self.rows, self.types, self.times_s)
        )
        return Batch(Events(rows, types, times_s), lengths)

    def batches(self, devices: Ints, size: int) -> Iterator[Ints]:
        """The devices, `size` at a time, those with histories of similar length together."""
        order = devices[np.argsort(self.lengths[devices], kind="stable")]
        for start in range(0, order.shape[0], size):
            yield order[start : start + size]


def training_seeds(seed: int, round_id: int, devices: Ints, local_steps: int) -> Seeds:
    """What decides each device's cuts in a round: (n_devices, local_steps), the same in any order.

    devices: (n,) indices into the population.
    """
    of_round = hashed(np.array([seed], np.uint64), np.array([round_id], np.uint64))
    of_device = hashed(of_round, devices.astype(np.uint64))
    return hashed(of_device[:, None], np.arange(local_steps, dtype=np.uint64))
