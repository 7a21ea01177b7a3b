"""Taking part in rounds: one attempt at a time, from check-in to receipt in three requests.

The bytes of an update are stored, with the address they go to, before they are sent. Whatever ends
the process after that, the next one sends the same bytes first.
"""

from dataclasses import dataclass, replace

import numpy as np

from clients.python.answers import Assignment, CheckIn, Failure, Receipt
from clients.python.bundle import decode_bundle
from clients.python.connection import Connection
from clients.python.model_store import ModelStore
from clients.python.model_sync import first_catalogue, sync_catalogue
from clients.python.objections import Objection
from clients.python.outcomes import (
    Accepted,
    Declined,
    Dropped,
    Ended,
    Failed,
    Outcome,
    Waits,
)
from clients.python.own_history import own_history
from clients.python.own_rows import OwnRows
from clients.python.plan_checks import DeviceLimits, check_plan
from clients.python.receipt_keeping import keep_receipt
from clients.python.session import Send, Session, Wait, next_step
from clients.python.state import DeviceFolder, PendingUpload, Schedule
from clients.python.transport import own_url
from clients.python.update_making import make_update, pending_upload
from federation.canonical import digest
from federation.plan import Plan
from recsys.local_training import LocalSettings

# A shorter wait is not worth a write: a restart takes about as long.
REMEMBERED_WAIT_S = 10.0
# What the service says of an update whose round was abandoned.
DISCARDED = "discarded"


@dataclass(frozen=True)
class Work:
    """A checked assignment. bundle_url, upload_url: absolute, at the service's own origin."""

    assignment: Assignment
    plan: Plan
    settings: LocalSettings
    bundle_url: str
    upload_url: str


class Participation:
    """One device's part in the rounds. rng: cuts and dropout of local training."""

    def __init__(
        self,
        folder: DeviceFolder,
        base_url: str,
        connection: Connection,
        models: ModelStore,
        session: Session,
        limits: DeviceLimits,
        rng: np.random.Generator,
    ) -> None:
        self._folder = folder
        self._base_url = base_url
        self._connection = connection
        self._models = models
        self._session = session
        self._limits = limits
        self._rng = rng
        self._rows = OwnRows(folder.events, models)
        self._schedule = folder.schedule()
        self._pending = folder.pending()
        self._ledger = folder.participations()
        self._told: CheckIn | None = None

    @property
    def newest_version(self) -> int | None:
        """The newest model version that a check-in spoke of."""
        return self._told.model_version if self._told else None

    def attempt(self, now: float) -> Outcome:
        """One attempt; now: Unix seconds. Does nothing before the time that the service named."""
        step = next_step(self._schedule, self._pending, now)
        if isinstance(step, Wait):
            return Waits(until=step.until)
        outcome = self._send(step.pending, now) if isinstance(step, Send) else self._ask(now)
        self._settle(outcome, now)
        if not isinstance(outcome, Failed | Ended):
            self._refresh_catalogue()
        return outcome

    def _ask(self, now: float) -> Outcome:
        # Before an assignment, so that a round costs three requests even the first time.
        missing = self._first_catalogue()
        if isinstance(missing, Failure) and missing.transient:
            return self._session.on_failure(missing, now, self._schedule.failures)
        answer = self._connection.check_in()
        self._told = answer if isinstance(answer, CheckIn) else self._told
        found = self._session.on_check_in(answer, now, self._schedule.failures)
        if not isinstance(found, Assignment):
            return found
        return replace(self._work(found, now), granted=found.id)

    def _work(self, assignment: Assignment, now: float) -> Outcome:
        made = self._make(assignment)
        if isinstance(made, Objection):
            return self._session.on_objection(made, assignment.lease_s, now)
        if isinstance(made, Failure):
            failures = self._schedule.failures
            return self._session.on_download_failure(made, assignment.lease_s, now, failures)
        self._folder.save_pending(made)
        self._pending = made
        return self._send(made, now)

    def _make(self, assignment: Assignment) -> PendingUpload | Objection | Failure:
        work = self._accept_work(assignment)
        if isinstance(work, Objection):
            return work
        broken = self._broken_promise(work)
        if broken is not None:
            return broken
        answer = self._connection.download(work.bundle_url, self._limits.bundle_bytes_max)
        if isinstance(answer, Failure):
            return answer
        if digest(answer.body) != work.plan.bundle:
            return Objection("bundle_digest_mismatch", "the bundle is not the one of the plan")
        bundle = decode_bundle(answer.body)
        if isinstance(bundle, Objection):
            return bundle
        if self._models.catalogue_digest() is None:  # the first version came a moment ago
            self._refresh_catalogue()
        events = self._folder.events.read()
        history = own_history(events, self._rows.rows(), bundle.event_types).history
        body = make_update(work.plan, work.settings, bundle, history, self._rng)
        if isinstance(body, Objection):
            return body
        return pending_upload(assignment, work.upload_url, body, self._connection.sign_upload)

    def _accept_work(self, assignment: Assignment) -> Work | Objection:
        checked = check_plan(assignment, self._limits)
        if isinstance(checked, Objection):
            return checked
        bundle_url = own_url(self._base_url, assignment.bundle_url)
        upload_url = own_url(self._base_url, assignment.upload_url)
        if bundle_url is None or upload_url is None:
            return Objection("foreign_url", "the assignment leads to another origin")
        return Work(assignment, *checked, bundle_url, upload_url)

    def _broken_promise(self, work: Work) -> Objection | Failure | None:
        """Why the plan itself says that the device is not asked now.

        A round that was abandoned counted nobody: what it discarded is struck off before a service
        is told that it asks too often.
        """
        if self._ledger.objection(work.plan, work.assignment.round) is None:
            return None
        for one in self._ledger.unsettled:
            answer = self._connection.proof(one.assignment)
            if isinstance(answer, Failure) and answer.transient:
                return answer
            is_discarded = isinstance(answer, Failure) and answer.reason == DISCARDED
            self._ledger = self._ledger.settle(one.assignment, is_discarded)
        self._folder.save_participations(self._ledger)
        return self._ledger.objection(work.plan, work.assignment.round)

    def _send(self, pending: PendingUpload, now: float) -> Outcome:
        answer, status = self._connection.upload(pending)
        if isinstance(answer, Receipt):
            answer = keep_receipt(self._connection, self._folder.receipts, pending, answer)
        return self._session.on_upload(pending, answer, status, now, self._schedule.failures)

    def _settle(self, outcome: Outcome, now: float) -> None:
        """Bring the folder to what the outcome means."""
        if isinstance(outcome, Accepted) and self._pending:
            # Before the bytes go: whoever dies in between sends them again, and counts once.
            round_id = max(self._pending.round, outcome.receipt.round)
            self._ledger = self._ledger.add(self._pending.assignment, round_id)
            self._folder.save_participations(self._ledger)
        if isinstance(outcome, Accepted | Dropped | Declined | Ended) and self._pending:
            self._folder.drop_pending()
            self._pending = None
        failures = self._schedule.failures + 1 if isinstance(outcome, Failed) else 0
        changed = failures != self._schedule.failures
        self._schedule = Schedule(outcome.until, now, failures)
        lasts = outcome.until - now >= REMEMBERED_WAIT_S
        # What has ended is asked once more by the next process, in case it was enrolled again.
        if (lasts or changed) and not isinstance(outcome, Ended):
            self._folder.save_schedule(self._schedule)

    def _first_catalogue(self) -> Failure | Objection | None:
        if self._models.catalogue_digest() is not None:
            return None
        return first_catalogue(self._connection, self._models)

    def _refresh_catalogue(self) -> None:
        """Fetch a newer map when the history has items that no map has named.

        Whatever goes wrong is tried again after the next attempt: an old map serves as well.
        """
        told = self._told
        if told is None or told.catalogue is None or told.model_version is None:
            return
        if told.catalogue != self._models.catalogue_digest() and self._rows.any_unknown():
            sync_catalogue(self._connection, self._models, told.model_version, told.catalogue)
