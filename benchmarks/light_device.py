"""A device that does a round's three requests and no work between them: it uploads a constant.

Protocol, checks, credentials, waits and retries are those of every device (`clients.python`); what
is left out is the training, the history and the device's own disk. So what a run with such devices
measures is the service.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
from joserfc.jwk import ECKey

from clients.python.answers import Answer, Assignment, Failure, read_receipt
from clients.python.connection import Connection, enrol
from clients.python.keystore import CURVE, DeviceKey
from clients.python.objections import Objection
from clients.python.outcomes import Accepted, Failed, Outcome
from clients.python.plan_checks import DeviceLimits, check_plan
from clients.python.problems import ServiceProblem
from clients.python.session import RetryPolicy, Session
from clients.python.state import PendingUpload
from clients.python.transport import JSON_BYTES_MAX, Transport, own_url
from clients.python.update_making import pending_upload
from federation.canonical import digest
from federation.plan import Plan
from federation.update_codec import encode

# An outage here lasts as long as a restart takes.
RETRY = RetryPolicy(first_s=0.3, most_s=3.0, permanent_s=5.0)
WORD = 1


class CountingTransport(Transport):
    """Counts requests by kind, and the bytes of their bodies."""

    def __init__(self, connections: int) -> None:
        super().__init__(connections=connections)
        self.requests: Counter[str] = Counter()
        self.body_bytes = 0
        self._lock = threading.Lock()

    def send(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        value: Any = None,
        bytes_max: int = JSON_BYTES_MAX,
    ) -> Answer | Failure:
        """As `Transport.send`; a request that gets no answer counts, too."""
        answer = super().send(
            method,
            url,
            token=token,
            headers=headers,
            content=content,
            value=value,
            bytes_max=bytes_max,
        )
        received = len(answer.body) if isinstance(answer, Answer) else 0
        with self._lock:
            self.requests[kind_of(method, url)] += 1
            self.body_bytes += len(content or b"") + received
        return answer


def kind_of(method: str, url: str) -> str:
    """What a request of a device was for."""
    if url.endswith("/rounds/check-in"):
        return "check-in"
    return {"GET": "download", "PUT": "upload"}.get(method, "other")


class LightDevice:
    """What `Fleet` runs. receipts: addresses of the updates that were acknowledged, in order."""

    def __init__(self, base_url: str, connection: Connection, session: Session) -> None:
        self.receipts: list[str] = []
        self._base_url, self._connection, self._session = base_url, connection, session
        self._pending: PendingUpload | None = None
        self._failures = 0

    @classmethod
    def enrol(
        cls,
        base_url: str,
        code: str,
        transport: Transport,
        seed: int,
        clock: Callable[[], float],
    ) -> "LightDevice":
        """Enrol with a code. seed: of the moments drawn within windows. Raises: ServiceProblem."""
        key = DeviceKey(ECKey.generate_key(CURVE, private=True))
        found = enrol(transport, base_url, code, key)
        if isinstance(found, Failure):
            raise ServiceProblem(found)
        token, nonce = found.token, found.nonce
        connection = Connection(transport, base_url, found.device_id, key, clock, token, nonce)
        return cls(base_url, connection, Session(RETRY, np.random.default_rng(seed).uniform))

    def take_part(self, now: float) -> Outcome:
        """One attempt: send what is pending, or ask for work and do it."""
        outcome = self._ask(now) if self._pending is None else self._send(self._pending, now)
        self._failures = self._failures + 1 if isinstance(outcome, Failed) else 0
        if not isinstance(outcome, Failed):
            self._pending = None
        if isinstance(outcome, Accepted):
            self.receipts.append(outcome.receipt.assignment)
        return outcome

    def outcome_of(self, assignment: str) -> str:
        """What the service says became of an update: of its receipt, or why there is none."""
        url = f"{self._base_url}/v1/updates/{quote(assignment, safe='')}"
        answer = self._connection.download(url)
        found = answer if isinstance(answer, Failure) else read_receipt(answer)
        return found.reason if isinstance(found, Failure) else found.outcome

    def _ask(self, now: float) -> Outcome:
        found = self._session.on_check_in(self._connection.check_in(), now, self._failures)
        if not isinstance(found, Assignment):
            return found
        made = self._make(found)
        if isinstance(made, Failure):
            return self._session.on_download_failure(made, found.lease_s, now, self._failures)
        if isinstance(made, Objection):
            return self._session.on_objection(made, found.lease_s, now)
        self._pending = made
        return self._send(made, now)

    def _make(self, assignment: Assignment) -> PendingUpload | Failure | Objection:
        checked = check_plan(assignment, DeviceLimits())
        if isinstance(checked, Objection):
            return checked
        plan, _ = checked
        bundle_url = own_url(self._base_url, assignment.bundle_url)
        upload_url = own_url(self._base_url, assignment.upload_url)
        if bundle_url is None or upload_url is None:
            return Objection("foreign_url", "the assignment leads to another origin")
        bundle = self._connection.download(bundle_url)
        if isinstance(bundle, Failure):
            return bundle
        if digest(bundle.body) != plan.bundle:
            return Objection("bundle_digest_mismatch", "the bundle is not the one of the plan")
        return pending_upload(
            assignment, upload_url, constant_update(plan), self._connection.sign_upload
        )

    def _send(self, pending: PendingUpload, now: float) -> Outcome:
        answer, status = self._connection.upload(pending)
        return self._session.on_upload(pending, answer, status, now, self._failures)


def constant_update(plan: Plan) -> bytes:
    """The body of an update whose every word is the same, far inside the plan's clip."""
    return encode(plan.digest, np.full(plan.n_words, WORD, np.int32))
