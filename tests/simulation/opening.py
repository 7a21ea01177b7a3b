"""Rounds are scheduled and opened, and take over the open leases that may still count."""

from dataclasses import replace

from federation.round_events import Opened
from tests.simulation.disk import Transaction
from tests.simulation.records import Assignment, RoundRow
from tests.simulation.shell import Shell, newest_version, open_leases, steps_between

START_S = 20.0


def add_round(shell: Shell, transaction: Transaction) -> None:
    """Write the next round, and open it unless it has to wait for its start."""
    round_id = max(transaction.rows("rounds"), default=0) + 1
    plan = shell.profile.plan(newest_version(transaction))
    row = RoundRow(shell.profile.scheduled(round_id, plan, shell.clock()), plan, shell.new_seed())
    transaction.put("rounds", round_id, row)
    shell.disk.put_blob("bundles", f"round-{round_id}", plan.bundle.encode())
    if not shell.profile.scheduled_first:
        _open(shell, transaction, row)


def open_scheduled(shell: Shell, round_id: int) -> None:
    """Open a round that waits for it, some seconds after the end of the one before."""
    transaction = shell.disk.begin()
    row, before = transaction.get("rounds", round_id), transaction.get("rounds", round_id - 1)
    is_due = before is None or shell.clock() >= before.ended_at + START_S
    if row.state.phase == "scheduled" and is_due:
        _open(shell, transaction, row)
        transaction.commit()


def _open(shell: Shell, transaction: Transaction, row: RoundRow) -> None:
    leases = _to_take_over(transaction, row)
    after, effects = shell.step(row.state, Opened(shell.clock(), len(leases)))
    for lease in leases:
        transaction.put("assignments", lease.id, replace(lease, counts_in=row.id))
    shell.save(transaction, row, after, effects)


def _to_take_over(transaction: Transaction, row: RoundRow) -> list[Assignment]:
    """Open leases of the round before that may deliver to this one."""
    if row.plan.max_staleness == 0:
        return []
    found = []
    for lease in open_leases(transaction, row.id - 1):
        own = transaction.get("rounds", lease.round_id).plan
        steps = steps_between(transaction, own.model_version, row.plan.model_version)
        if steps <= row.plan.max_staleness and row.plan.shares_buffer(own):
            found.append(lease)
    return found
