"""The coordinator: one tick expires leases, closes, reduces, gates, publishes or opens.

Every `yield` lets requests and other coordinators come in between; a crash is the end of the tick,
and whoever comes next starts from the disk.
"""

from collections.abc import Generator
from dataclasses import replace

from federation.canonical import digest
from federation.refusals import Refusal
from federation.round_events import (
    Event,
    GateFailed,
    LeasesExpired,
    SumFailed,
    SumLost,
    SumReady,
    TimePassed,
)
from federation.round_state import ENDED
from federation.staleness import StaleSums
from federation.update_codec import decode
from tests.simulation.disk import Transaction
from tests.simulation.opening import add_round, open_scheduled
from tests.simulation.publishing import BUNDLE_LOST, SUM_LOST, Publisher
from tests.simulation.records import JobRow, RoundRow, Update
from tests.simulation.shell import Shell, newest_round, open_leases

Ticking = Generator[None, None, None]
JobKey = tuple[int, str, int]


class Coordinator:
    """One process of perhaps several. name: under which it holds jobs."""

    def __init__(self, shell: Shell, name: str, publisher: Publisher | None = None) -> None:
        self.shell = shell
        self.name = name
        self.publisher = publisher or Publisher(shell)

    def tick(self) -> Ticking:
        row = newest_round(self.shell.disk.begin())
        if row is None or row.state.phase in ENDED:
            yield from self._between_rounds(row)
            return
        if row.state.phase == "scheduled":
            self._step(row.id, TimePassed(self.shell.clock()))
            open_scheduled(self.shell, row.id)
            return
        self._expire_leases(row.id)
        yield
        if self._close_or_retry(row.id):
            return
        yield
        phase = self._round(row.id).state.phase
        if phase == "reducing":
            yield from self._reduce(row.id)
        elif phase == "gating":
            yield from self._gate(row.id)

    def _round(self, round_id: int) -> RoundRow:
        row: RoundRow = self.shell.disk.tables["rounds"][round_id]
        return row

    def _between_rounds(self, row: RoundRow | None) -> Ticking:
        if row is not None:
            self._expire_leases(row.id)
        yield from self._sweep()
        pause_s = self.shell.profile.pause_s
        if row is not None and self.shell.clock() < row.ended_at + pause_s:
            return
        transaction = self.shell.disk.begin()
        newest = newest_round(transaction)
        if newest is not None and newest.state.phase not in ENDED:
            return  # another coordinator was faster
        add_round(self.shell, transaction)
        self.shell.crash_point("open_before_commit")
        transaction.commit()
        self.shell.crash_point("open_after_commit")

    def _sweep(self) -> Ticking:
        disk = self.shell.disk
        names = [("updates", name) for name in disk.names("updates")]
        parts = [("partials", name) for name in disk.names("partials")]
        yield
        wanted = self.wanted()
        self.shell.crash_point("sweep_before_delete")
        for place in names + parts:
            if place[1].split(".", 1)[0] not in wanted:
                disk.blobs.pop(place, None)

    def wanted(self) -> set[str]:
        """Rounds and assignments whose blobs are still needed."""
        transaction = self.shell.disk.begin()
        rounds, leases = transaction.rows("rounds"), transaction.rows("assignments").values()
        open_rounds = {key for key, row in rounds.items() if row.state.phase not in ENDED}
        found = {lease.id for lease in leases if lease.counts_in in open_rounds}
        # The next round may take these over, once it opens, while their updates are on their way.
        opened = (key for key, row in rounds.items() if row.state.opened_at is not None)
        found |= {lease.id for lease in open_leases(transaction, max(opened, default=0))}
        return found | set(map(str, open_rounds))

    def _expire_leases(self, round_id: int) -> None:
        transaction, now = self.shell.disk.begin(), self.shell.clock()
        overdue = [x for x in open_leases(transaction, round_id) if x.expires_at <= now]
        if not overdue:
            return
        row = transaction.get("rounds", round_id)
        carried = sum(lease.round_id != round_id for lease in overdue)
        event = LeasesExpired(now, len(overdue) - carried, carried)
        after, effects = self.shell.step(row.state, event)
        if after == row.state:  # a closed round's leases stand as they were
            return
        for lease in overdue:
            transaction.put("assignments", lease.id, replace(lease, expired=True))
        self.shell.save(transaction, row, after, effects)
        transaction.commit()

    def _close_or_retry(self, round_id: int) -> bool:
        before = self._round(round_id).state
        event = TimePassed(self.shell.clock())
        self.shell.crash_point("close_before_commit")
        after = self.shell.step_round(round_id, event)
        self.shell.crash_point("close_after_commit")
        return after != before

    def _step(self, round_id: int, event: Event) -> None:
        self.shell.step_round(round_id, event)

    def take_job(self, round_id: int, kind: str) -> JobKey | None:
        """A job of the round that nobody holds, now ours."""
        transaction, now = self.shell.disk.begin(), self.shell.clock()
        for key, job in sorted(transaction.rows("jobs").items()):
            if key[:2] == (round_id, kind) and job.digest is None and job.lease_expires_at <= now:
                until = now + self.shell.profile.job_lease_s
                held = replace(job, holder=self.name, lease_expires_at=until)
                transaction.put("jobs", key, held)
                transaction.commit()
                return (round_id, kind, key[2])
        return None

    def _update_held(self, key: JobKey, **values: float | str) -> None:
        transaction = self.shell.disk.begin()
        job = transaction.get("jobs", key)
        if job is not None and job.holder == self.name and job.digest is None:
            transaction.put("jobs", key, replace(job, **values))
            transaction.commit()

    def _reduce(self, round_id: int) -> Ticking:
        key = self.take_job(round_id, "reduce")
        yield
        if key is not None:
            yield from self._sum_part(key)
        else:
            yield from self._merge(round_id)

    def members(self, transaction: Transaction, round_id: int) -> list[Update]:
        """The accepted updates of a round, in their order."""
        updates = transaction.rows("updates").values()
        mine = (update for update in updates if update.round_id == round_id)
        return sorted(mine, key=lambda update: update.position)

    def _sum_part(self, key: JobKey) -> Ticking:
        transaction = self.shell.disk.begin()
        job = transaction.get("jobs", key)
        if job is None:  # the round has ended meanwhile
            return
        members = self.members(transaction, key[0])[job.first : job.last]
        body = self._partial(transaction, key[0], members)
        if isinstance(body, str):
            self._step(key[0], SumFailed(self.shell.clock(), body))
            return
        self.shell.crash_point("reduce_before_part")
        found = self.shell.disk.put_blob("partials", f"{key[0]}.{job.first}", body)
        self.shell.crash_point("reduce_after_part")
        yield
        self._update_held(key, digest=found)

    def _partial(
        self, transaction: Transaction, round_id: int, members: list[Update]
    ) -> bytes | str:
        """The sum of these updates, or the reason why there is none."""
        plan = self._round(round_id).plan
        sums = StaleSums(plan.n_words, plan.cohort_limit)
        for member in members:
            name = f"{member.assignment_id}.{member.body_digest}"
            body = self.shell.disk.blobs.get(("updates", name))
            if body is None:
                return "update_missing"
            own = self._round(transaction.get("assignments", member.assignment_id).round_id)
            words = decode(body, own.plan.digest, plan.n_words)
            if isinstance(words, Refusal) or digest(body) != member.body_digest:
                return "update_damaged"
            sums.add(words, member.staleness)
        return sums.to_bytes()

    def _merge(self, round_id: int) -> Ticking:
        transaction = self.shell.disk.begin()
        rows = transaction.rows("jobs").items()
        parts: list[JobRow] = [job for key, job in sorted(rows) if key[:2] == (round_id, "reduce")]
        if not parts or any(job.digest is None for job in parts):
            return
        body = self._merged(round_id, parts)
        if body is None:
            self._reopen(transaction, round_id)
            return
        self.shell.crash_point("reduce_before_sum")
        self.shell.disk.put_blob("sums", f"round-{round_id}", body)
        self.shell.crash_point("reduce_after_sum")
        yield
        self._step(round_id, SumReady(self.shell.clock(), digest(body)))
        self.shell.crash_point("reduce_after_commit")

    def _merged(self, round_id: int, parts: list[JobRow]) -> bytes | None:
        plan = self._round(round_id).plan
        sums = StaleSums(plan.n_words, plan.cohort_limit)
        for part in parts:
            body = self.shell.disk.blobs.get(("partials", f"{round_id}.{part.first}"))
            if body is None or digest(body) != part.digest:
                return None
            sums.merge(StaleSums.from_bytes(body, plan.n_words, plan.cohort_limit))
        return sums.to_bytes()

    def _reopen(self, transaction: Transaction, round_id: int) -> None:
        """A partial sum was lost: have the parts summed again."""
        for key, job in list(transaction.rows("jobs").items()):
            if key[:2] == (round_id, "reduce"):
                transaction.put("jobs", key, JobRow(job.first, job.last))
        transaction.commit()

    def _gate(self, round_id: int) -> Ticking:
        key = self.take_job(round_id, "gate")
        if key is None:
            return
        self.shell.crash_point("gate_before_candidate")
        yield
        members = self.members(self.shell.disk.begin(), round_id)
        candidate = self.publisher.candidate(round_id, members)
        self.shell.crash_point("gate_after_candidate")
        yield
        if not isinstance(candidate, str):
            candidate = yield from self.publisher.publish(candidate, members)
        if candidate == SUM_LOST:
            self._step(round_id, SumLost(self.shell.clock()))
        elif candidate == BUNDLE_LOST:
            self._step(round_id, GateFailed(self.shell.clock(), candidate))
        self._update_held(key, lease_expires_at=0.0)
