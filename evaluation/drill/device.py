"""A virtual device: who it is, and the requests that it knows how to make. No I/O, no clock.

Every method that needs the service is a generator: it yields a `Request`, is sent the `Reply`, and
returns what the reply means. Whoever drives it decides when and over what.
"""

import base64
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from clients.python.answers import (
    Answer,
    Assignment,
    CheckIn,
    Failure,
    Receipt,
    read_check_in,
    read_json,
    read_problem,
    read_receipt,
)
from clients.python.keystore import DeviceKey
from clients.python.request_proof import RequestProofs
from evaluation.drill.behaviour import Profile
from evaluation.drill.transport import Reply, Request
from federation.canonical import digest, raw_digest
from federation.device_claims import UploadClaims

T = TypeVar("T")

# Proofs name the whole address; the service under rehearsal has no public one.
ORIGIN = "http://drill"
NONCE_ASKED = "dpop_nonce"


@dataclass(frozen=True)
class Pause:
    """Nothing happens for so long."""

    s: float


Steps = Generator[Request | Pause, Any, T]
"""Yields requests and pauses; a request is answered with its Reply, a pause with None."""
Tell = Callable[..., None]
"""`tell(what, **fields)`: something happened to this device now."""


@dataclass(frozen=True)
class Identity:
    """An enrolled device. number: its place in the trace."""

    number: int
    id: str
    key: DeviceKey


class VirtualDevice:
    """One device. clock: the true Unix time, which its own clock misses by profile.skew_s."""

    def __init__(
        self, identity: Identity, profile: Profile, clock: Callable[[], float], tell: Tell
    ) -> None:
        self.identity, self.profile = identity, profile
        self.not_before = 0.0
        self.visits = 0
        self._clock, self._tell = clock, tell
        self._token: str | None = None
        self._proofs = RequestProofs(identity.key, self._own_time)

    def _own_time(self) -> float:
        return self._clock() + self.profile.skew_s

    def begin_visit(self) -> None:
        """The app starts: tokens live in memory only."""
        self.visits += 1
        self._token = None

    def check_in(self) -> Steps[CheckIn | Failure]:
        """Ask for work; tells of a lease or a window."""
        headers = {"content-type": "application/json"}
        asked = Request("POST", "/v1/rounds/check-in", headers, b"{}")
        answer, moved = yield from self._send(asked, "check_in")
        if isinstance(answer, Failure):
            return answer
        found = read_check_in(answer)
        if isinstance(found, Failure):
            return found
        self._token = found.token
        if found.assignment is not None:
            granted = found.assignment
            lease_s = round(granted.lease_s, 3)
            self._tell("granted", round=granted.round, lease=granted.id, lease_s=lease_s, **moved)
        elif found.retry is not None:
            after_s, before_s = (round(bound, 3) for bound in found.retry)
            self._tell("told_to_wait", after_s=after_s, before_s=before_s, **moved)
        return found

    def download(self, url: str) -> Steps[bytes | Failure]:
        """The bundle of an assignment."""
        answer, moved = yield from self._send(Request("GET", url), "download")
        if isinstance(answer, Failure):
            return answer
        self._tell("downloaded", **moved)
        return answer.body

    def upload(self, assignment: Assignment, url: str, body: bytes) -> Steps[Receipt | Failure]:
        """Put an update; tells whether it is new, was there before, or is refused.

        url: of the assignment, unless the device is up to something.
        """
        name = digest(body)
        coded = base64.b64encode(raw_digest(name)).decode()
        held = assignment.plan_digest, assignment.round, assignment.id
        headers = {
            "content-type": "application/octet-stream",
            "content-digest": f"sha-256=:{coded}:",
            "upload-signature": self.identity.key.upload_signature(UploadClaims(*held, name)),
        }
        answer, moved = yield from self._send(Request("PUT", url, headers, body), "upload")
        if isinstance(answer, Failure):
            return answer
        receipt = read_receipt(answer)
        if isinstance(receipt, Receipt):
            what = "accepted" if answer.status == 201 else "repeated"
            said = {"round": receipt.round, "staleness": receipt.staleness}
            self._tell(what, lease=receipt.assignment, body=receipt.body_digest, **said, **moved)
        return receipt

    def ask_outcome(self, assignment_id: str) -> Steps[str]:
        """What became of an acknowledged update: the receipt's outcome, or the refusal's reason."""
        answer, _ = yield from self._send(Request("GET", f"/v1/updates/{assignment_id}"), "receipt")
        receipt = answer if isinstance(answer, Failure) else read_receipt(answer)
        return receipt.outcome if isinstance(receipt, Receipt) else receipt.reason

    def _send(self, request: Request, step: str) -> Steps[tuple[Answer | Failure, dict[str, int]]]:
        """One request with a token and a proof.

        Once more with the nonce or the time that it is told, and once more with a fresh token when
        the one at hand is not taken.
        """
        had_token, may_repeat = self._token is not None, True
        while True:
            if self._token is None:
                refused = yield from self._renew(again=True)
                if refused is not None:
                    return refused, {}
            assert self._token is not None
            proof = self._proofs.headers(request.method, ORIGIN + request.path, self._token)
            signed = Request(
                request.method, request.path, {**request.headers, **proof}, request.body
            )
            answer, moved = yield from self._exchange(signed, step)
            if self._proofs.learn(answer):
                if not may_repeat:
                    return answer, moved
                may_repeat = False
            elif had_token and isinstance(answer, Failure) and answer.status == 401:
                had_token, self._token = False, None
            else:
                return answer, moved

    def _renew(self, again: bool) -> Steps[Failure | None]:
        """Buy a token; a device whose clock is wrong learns the service's time and asks again."""
        proof = self.identity.key.token_proof(self.identity.id, self._proofs.now)
        headers = {"content-type": "application/json"}
        path = f"/v1/devices/{self.identity.id}/tokens"
        asked = Request("POST", path, headers, json.dumps({"proof": proof}).encode())
        answer, moved = yield from self._exchange(asked, "token")
        if self._proofs.learn(answer) and again:
            return (yield from self._renew(again=False))
        if isinstance(answer, Failure):
            return answer
        fields = read_json(answer)
        if isinstance(fields, Failure):
            return fields
        self._token = str(fields["token"])
        self._tell("renewed", **moved)
        return None

    def _exchange(
        self, request: Request, step: str
    ) -> Steps[tuple[Answer | Failure, dict[str, int]]]:
        """One request as it is; a refusal is told at once. A nonce that is too old is none."""
        reply: Reply = yield request
        moved = {"up": len(request.body), "down": len(reply.body)}
        if 200 <= reply.status < 300:
            return Answer(reply.status, reply.headers, reply.body), moved
        failure = read_problem(reply.status, reply.headers, reply.body, self._clock())
        if failure.reason == NONCE_ASKED:
            self._tell("told_nonce", **moved)
        else:
            self._tell("refused", step=step, status=reply.status, reason=failure.reason, **moved)
        return failure, moved
