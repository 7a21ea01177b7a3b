"""What the service's processes share: load a state, step it, commit it with its effects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.crash_points import CrashPoint
from federation.round_effects import BeginGate, BeginReduce, ComeBack, Effect, Refuse
from federation.round_engine import step
from federation.round_events import Event
from federation.round_state import ENDED, RoundState
from tests.simulation.coverage import Coverage
from tests.simulation.disk import Disk, Transaction
from tests.simulation.profile import Profile
from tests.simulation.records import Assignment, JobRow, RoundRow


class Crashed(Exception):
    """The process died here: what it had in memory is gone."""


@dataclass
class Shell:
    """The disk and the world's clock, names and dice, as one process is given them."""

    disk: Disk
    profile: Profile
    coverage: Coverage
    armed: set[str]
    clock: Callable[[], float]
    new_id: Callable[[], str]
    new_seed: Callable[[], bytes]

    def crash_point(self, name: CrashPoint) -> None:
        """Die here if the world has armed this point."""
        if name in self.armed:
            self.armed.remove(name)
            self.coverage.hit("crash point", name)
            raise Crashed(name)

    def step(self, state: RoundState, event: Event) -> tuple[RoundState, tuple[Effect, ...]]:
        """The engine's step, counted."""
        after, effects = step(state, event)
        name = type(event).__name__
        self.coverage.hit("transition", f"{state.phase} --{name}--> {after.phase}")
        for effect in effects:
            if isinstance(effect, Refuse):
                self.coverage.hit("refusal", effect.refusal.reason)
            elif isinstance(effect, ComeBack):
                self.coverage.hit("wait", effect.reason)
        return after, effects

    def step_round(self, round_id: int, event: Event) -> RoundState:
        """One event in a transaction of its own; a refused one changes nothing."""
        transaction = self.disk.begin()
        row = transaction.get("rounds", round_id)
        after, effects = self.step(row.state, event)
        if after != row.state:
            self.save(transaction, row, after, effects)
            transaction.commit()
        return after

    def save(
        self,
        transaction: Transaction,
        row: RoundRow,
        after: RoundState,
        effects: tuple[Effect, ...],
        **columns: Any,
    ) -> None:
        """Write a step that was taken, and the jobs that it asks for."""
        if after.phase in ENDED:
            columns["ended_at"] = self.clock()
        transaction.put("rounds", row.id, replace(row, state=after, **columns))
        for effect in effects:
            if isinstance(effect, BeginReduce):
                self._add_jobs(transaction, row.id, "reduce", effect.count)
            elif isinstance(effect, BeginGate):
                self._add_jobs(transaction, row.id, "gate", 1)
        if after.phase in ENDED:
            for key in [key for key in transaction.rows("jobs") if key[0] == row.id]:
                transaction.delete("jobs", key)

    def _add_jobs(self, transaction: Transaction, round_id: int, kind: str, count: int) -> None:
        size = self.profile.job_updates
        for first in range(0, count, size):
            key = (round_id, kind, first)
            if transaction.get("jobs", key) is None:
                transaction.put("jobs", key, JobRow(first, min(first + size, count)))


def newest_round(transaction: Transaction) -> RoundRow | None:
    rounds = transaction.rows("rounds")
    return rounds[max(rounds)] if rounds else None


def newest_version(transaction: Transaction) -> int:
    return max(transaction.rows("versions"))


def open_leases(transaction: Transaction, counts_in: int) -> list[Assignment]:
    """Leases that count in a round, have delivered nothing and are not recorded as run out."""
    updates: Mapping[str, Any] = transaction.rows("updates")
    return [
        lease
        for lease in transaction.rows("assignments").values()
        if lease.counts_in == counts_in and not lease.expired and lease.id not in updates
    ]


def steps_between(transaction: Transaction, base: int, version: int) -> int:
    """Model steps after version `base`, up to `version`; a catalogue version is none."""
    versions = transaction.rows("versions")
    return sum(versions[i].kind == "round" for i in range(base + 1, version + 1))
