"""The requests of one device, each with its token and a proof, each answered by a typed value.

Token and nonce are kept in memory only: the key on the disk can always buy others.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from clients.python.answers import (
    Answer,
    CheckIn,
    Failure,
    Receipt,
    malformed,
    read_check_in,
    read_json,
    read_receipt,
)
from clients.python.keystore import DeviceKey
from clients.python.request_proof import NONCE_HEADER, RequestProofs
from clients.python.state import PendingUpload
from clients.python.transport import JSON_BYTES_MAX, Transport
from federation.canonical import raw_digest
from federation.device_claims import UploadClaims

BINARY = "application/octet-stream"
# A record names every member of its round.
RECORDS_PER_PAGE = 20


@dataclass(frozen=True)
class Enrolled:
    """What the service made of an enrolment. nonce: for the first request."""

    device_id: str
    user_id: str
    token: str
    nonce: str | None = None


def enrol(
    transport: Transport, base_url: str, code: str, key: DeviceKey, approval: str | None = None
) -> Enrolled | Failure:
    """Redeem a code with the device's key. The same code and key again: the same device.

    approval: by another device of the user, if there is one.
    """
    body: dict[str, object] = {
        "code": code,
        "public_key": key.public_jwk,
        "proof": key.enrolment_proof(code),
    }
    if approval is not None:
        body["approval"] = approval
    answer = transport.send("POST", f"{base_url}/v1/devices", value=body)
    if isinstance(answer, Failure):
        return answer
    fields = read_json(answer)
    if isinstance(fields, Failure):
        return fields
    names = ("device_id", "user_id", "token")
    if not all(isinstance(fields.get(name), str) and fields[name] for name in names):
        return Failure(None, "malformed_answer", f"the enrolment lacks one of {', '.join(names)}")
    nonce = answer.headers.get(NONCE_HEADER)
    return Enrolled(fields["device_id"], fields["user_id"], fields["token"], nonce)


class Connection:
    """Speaks for one device. clock: the device's, in Unix seconds."""

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        device_id: str,
        key: DeviceKey,
        clock: Callable[[], float],
        token: str | None = None,
        nonce: str | None = None,
    ) -> None:
        self._transport = transport
        self._base_url = base_url
        self._device_id = device_id
        self._key = key
        self._proofs = RequestProofs(key, clock, nonce)
        self._token = token

    def check_in(self) -> CheckIn | Failure:
        """Ask for work; the answer renews the token."""
        answer = self._send("POST", f"{self._base_url}/v1/rounds/check-in", value={})
        if isinstance(answer, Failure):
            return answer
        found = read_check_in(answer)
        if isinstance(found, CheckIn):
            self._token = found.token
        return found

    def download(
        self, url: str, bytes_max: int = JSON_BYTES_MAX, etag: str | None = None
    ) -> Answer | Failure:
        """A body by its URL; 304 when it is still the one that `etag` names."""
        headers = {"If-None-Match": f'"{etag}"'} if etag else {}
        return self._send("GET", url, headers=headers, bytes_max=bytes_max)

    def model(self, path: str, etag: str | None = None) -> Answer | Failure:
        """Something under `/v1/models/`."""
        return self.download(f"{self._base_url}/v1/models/{path}", etag=etag)

    def sign_upload(self, claims: UploadClaims) -> str:
        """The envelope of an update."""
        return self._key.upload_signature(claims)

    def upload(self, pending: PendingUpload) -> tuple[Receipt | Failure, int]:
        """Put an update; with the status of the answer: 201 if it is new, 200 if it was there."""
        coded = base64.b64encode(raw_digest(pending.digest)).decode()
        headers = {
            "Content-Type": BINARY,
            "Content-Digest": f"sha-256=:{coded}:",
            "Upload-Signature": pending.signature,
        }
        answer = self._send("PUT", pending.url, headers=headers, content=pending.body)
        if isinstance(answer, Failure):
            return answer, answer.status or 0
        return read_receipt(answer), answer.status

    def receipt_keys(self) -> Answer | Failure:
        """The JWK set that checks receipts; it is for anybody, so no token goes along."""
        return self._transport.send("GET", f"{self._base_url}/.well-known/jwks.json")

    def proof(self, assignment: str) -> Answer | Failure:
        """The proof that the update of an assignment was counted."""
        return self.download(f"{self._base_url}/v1/updates/{quote(assignment, safe='')}/proof")

    def audit_records(self, cursor: str | None) -> Answer | Failure:
        """A page of the audit chain, oldest first; from the genesis on, or from a cursor."""
        query = f"limit={RECORDS_PER_PAGE}" + (f"&cursor={quote(cursor)}" if cursor else "")
        return self.download(f"{self._base_url}/v1/audit/records?{query}")

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        value: object = None,
        bytes_max: int = JSON_BYTES_MAX,
    ) -> Answer | Failure:
        """One request with a token and a proof of the key.

        Sent once more with a fresh nonce or the service's time when it asks for that, and with a
        fresh token when the one at hand is not taken: each at most once.
        """
        had_token, may_repeat = self._token is not None, True
        while True:
            failure = None if self._token else self._renew_token()
            if failure is not None:
                return failure
            assert self._token is not None
            answer = self._transport.send(
                method,
                url,
                headers=(headers or {}) | self._proofs.headers(method, url, self._token),
                content=content,
                value=value,
                bytes_max=bytes_max,
            )
            if self._proofs.learn(answer):
                if not may_repeat:
                    return answer
                may_repeat = False
            elif had_token and isinstance(answer, Failure) and answer.status == 401:
                had_token, self._token = False, None
            else:
                return answer

    def _renew_token(self, again: bool = True) -> Failure | None:
        url = f"{self._base_url}/v1/devices/{quote(self._device_id, safe='')}/tokens"
        proof = self._key.token_proof(self._device_id, self._proofs.now)
        answer = self._transport.send("POST", url, value={"proof": proof})
        # A device whose clock is wrong signs by the service's clock instead.
        if self._proofs.learn(answer) and again:
            return self._renew_token(again=False)
        if isinstance(answer, Failure):
            return answer
        fields = read_json(answer)
        if isinstance(fields, Failure):
            return fields
        token = fields.get("token")
        if not isinstance(token, str) or not token:
            return malformed(answer, ValueError("token: must be text"))
        self._token = token
        return None
