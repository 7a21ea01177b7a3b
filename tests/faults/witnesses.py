"""Light devices that keep their bytes until they hold a receipt, and remember every receipt."""

import asyncio
import base64
import hashlib
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from joserfc.jwk import ECKey

from clients.python.answers import Answer, Failure, read_problem
from clients.python.keystore import DeviceKey
from clients.python.request_proof import RequestProofs
from tests.app.device_by_hand import enrolment, upload_signature
from tests.faults.fingerprint import LOSS, fingerprint
from tests.faults.http_messages import (
    ANSWER_S,
    BrokenExchangeError,
    Connections,
    Message,
    request,
)

OUTAGE_PAUSE_S = (0.02, 0.1)
RESTING_S = 0.1
# Replicas without their cache have a nonce each.
NONCES_TRIED = 4
OUTAGES = {502, 503}
GONE = {"round_closed", "assignment_expired"}


@dataclass(frozen=True)
class Receipt:
    """What the service promised: this update, of this round, with these bytes."""

    assignment: str
    round: int
    body_digest: str


@dataclass(frozen=True)
class Pending:
    """An update that has no receipt yet; sent again and again, byte for byte."""

    assignment: dict[str, Any]
    body: bytes
    body_digest: str


def header_of(body_digest: str) -> str:
    """`Content-Digest` for `sha256:<hex>`."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(body_digest[7:])).decode()}:"


@dataclass
class Witness:
    """One enrolled device. number: its place in the fingerprint."""

    number: int
    user_id: str
    token: str
    key: ECKey
    proofs: RequestProofs
    receipts: list[Receipt] = field(default_factory=list)
    pending: Pending | None = None


class Crowd:
    """Devices that take part until told to stop, whatever happens to the service meanwhile.

    downloads: whether each fetches the plan's bundle, as a real device does. n_asking: so many of
    them ask for work; None means all. patience_s: devices hang up after a random time up to this;
    None means that they wait. strange: answers that no device should ever get. n_repeated: receipts
    that came for an update which had been accepted before, without its device having heard of it.
    longest_s: the longest that a device has waited for an answer.
    """

    def __init__(self, connections: Connections, seed: int = 1, downloads: bool = True) -> None:
        self.connections = connections
        self.witnesses: list[Witness] = []
        self.accepted_at: list[float] = []
        self.answers: Counter[str] = Counter()
        self.strange: list[str] = []
        self.n_asking: int | None = None
        self.patience_s: float | None = None
        self.n_repeated = 0
        self.longest_s = 0.0
        self._n_acting = 0
        self._downloads = downloads
        self._random = random.Random(seed)
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def enrol(self, n: int, server_key: str) -> None:
        """Put `n` more users and enrol a device for each."""
        first = len(self.witnesses)
        numbers = range(first, first + n)
        self.witnesses += await asyncio.gather(*(self._enrol(k, server_key) for k in numbers))

    async def _enrol(self, number: int, server_key: str) -> Witness:
        user_id = f"user-{number}"
        await self.ask(server_key, "PUT", f"/v1/users/{user_id}", {"mode": "device"})
        made = await self.ask(server_key, "POST", f"/v1/users/{user_id}/enrolment-codes", None)
        key = ECKey.generate_key("P-256")
        body = enrolment(json.loads(made.body)["code"], key)
        answer = await self.ask("", "POST", "/v1/devices", body)
        proofs = RequestProofs(DeviceKey(key), time.time)
        proofs.learn(understood(answer))
        return Witness(number, user_id, json.loads(answer.body)["token"], key, proofs)

    async def ask(self, credential: str, method: str, path: str, body: Any, **more: str) -> Message:
        """A request that must succeed; an outage is waited for. more: further headers."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **more}
        if credential:
            headers["Authorization"] = f"Bearer {credential}"
        for _ in range(200):
            answer = await self._exchange(request(method, path, headers, content))
            if answer is not None:
                assert answer.status < 300, (method, path, answer)
                return answer
        raise AssertionError(f"{method} {path}: the service stayed away")

    async def begin(self) -> None:
        """Let every device take part from now on."""
        self._tasks = [asyncio.create_task(self._live(w)) for w in self.witnesses]

    async def end(self) -> None:
        """Let every device finish what it does, then rest. Raises what a device raised."""
        self._stopping = True
        try:
            await asyncio.gather(*self._tasks)
        finally:
            self._stopping, self._tasks = False, []
            self.connections.close()

    @property
    def receipts(self) -> list[tuple[Witness, Receipt]]:
        """Every receipt with its device."""
        return [(w, receipt) for w in list(self.witnesses) for receipt in list(w.receipts)]

    async def _live(self, witness: Witness) -> None:
        await asyncio.sleep(self._random.uniform(0, 0.2))
        while not self._stopping:
            pause_s = await self._act(witness)
            await asyncio.sleep(pause_s)

    @property
    def is_resting(self) -> bool:
        """Whether nobody is at anything, nor holds an update that wants a receipt."""
        return not self._n_acting and not any(w.pending for w in self.witnesses)

    async def _act(self, witness: Witness) -> float:
        rests = self.n_asking is not None and witness.number >= self.n_asking
        if rests and not witness.pending:
            return RESTING_S
        self._n_acting += 1
        try:
            return await (self._deliver if witness.pending else self._check_in)(witness)
        finally:
            self._n_acting -= 1

    async def _exchange(self, sent: bytes) -> Message | None:
        """The answer; None in an outage, after a short pause."""
        patience_s = ANSWER_S
        if self.patience_s is not None:
            patience_s = self._random.uniform(0, self.patience_s)
        asked_at = time.monotonic()
        try:
            answer = await self.connections.exchange(sent, patience_s)
        except BrokenExchangeError as error:
            self.answers[str(error)] += 1
        else:
            self.answers[str(answer.status)] += 1
            if answer.status not in OUTAGES:
                return answer
        finally:
            self.longest_s = max(self.longest_s, time.monotonic() - asked_at)
        await asyncio.sleep(self._random.uniform(*OUTAGE_PAUSE_S))
        return None

    async def ask_as(
        self, witness: Witness, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> Message | None:
        """The answer to a device, which sends again what only lacked the newest nonce."""
        for _ in range(NONCES_TRIED):
            proof = witness.proofs.headers(method, f"http://service{path}", witness.token)
            answer = await self._exchange(request(method, path, headers | proof, body))
            if answer is None or not witness.proofs.learn(understood(answer)):
                return answer
        return None

    async def _check_in(self, witness: Witness) -> float:
        found = await self.lease(witness)
        if found is None:
            return 0.0
        if found["assignment"] is None:
            retry = found["retry"]
            return self._random.uniform(retry["after_s"], retry["before_s"])
        if not self._downloads or await self._download(witness, found["assignment"]["bundle_url"]):
            witness.pending = prepare(witness, found["assignment"])
        return 0.0

    async def lease(self, witness: Witness) -> dict[str, Any] | None:
        """What a check-in answers; None in an outage."""
        headers = {"Content-Type": "application/json"}
        answer = await self.ask_as(witness, "POST", "/v1/rounds/check-in", headers, b"{}")
        if answer is None or not self._expected(answer, {200}):
            return None
        found: dict[str, Any] = json.loads(answer.body)
        witness.token = found["token"]
        return found

    async def _download(self, witness: Witness, url: str) -> bool:
        answer = await self.ask_as(witness, "GET", url, {}, b"")
        # 404: the round ended in between, and its bundle with it.
        return answer is not None and self._expected(answer, {200, 404}) and answer.status == 200

    async def _deliver(self, witness: Witness) -> float:
        pending = witness.pending
        assert pending is not None
        answer = await self.ask_as(witness, *upload(witness, pending))
        if answer is not None:
            self.take_answer(witness, pending, answer)
        return 0.0

    def take_answer(self, witness: Witness, pending: Pending, answer: Message) -> None:
        """Remember a receipt; give up what the service will never take."""
        found = json.loads(answer.body)
        if answer.status in (200, 201):
            assert found["body_digest"] == pending.body_digest
            receipt = Receipt(found["assignment"], found["round"], found["body_digest"])
            witness.receipts.append(receipt)
            self.accepted_at.append(time.monotonic())
            self.n_repeated += answer.status == 200
        elif not (answer.status == 410 and found["reason"] in GONE):
            self._expected(answer, set())
            return
        witness.pending = None

    def _expected(self, answer: Message, statuses: set[int]) -> bool:
        if answer.status not in statuses:
            self.strange.append(f"{answer.status}: {answer.body[:300]!r}")
        return answer.status in statuses


def prepare(witness: Witness, assignment: dict[str, Any], loss: float = LOSS) -> Pending:
    """The bytes that this device has to deliver for an assignment; another loss, other bytes."""
    body = fingerprint(assignment, witness.number, loss)
    return Pending(assignment, body, f"sha256:{hashlib.sha256(body).hexdigest()}")


def upload(witness: Witness, pending: Pending) -> tuple[str, str, dict[str, str], bytes]:
    """The request that delivers an update: method, path, headers, body."""
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Digest": header_of(pending.body_digest),
        "Upload-Signature": upload_signature(witness.key, pending.assignment, pending.body_digest),
    }
    return "PUT", pending.assignment["upload_url"], headers, pending.body


def understood(answer: Message) -> Answer | Failure:
    """The answer as a device reads it."""
    lines = [line.partition(":") for line in answer.head.decode().split("\r\n")[1:]]
    headers = {name.lower(): text.strip() for name, _, text in lines}
    if answer.status < 300:
        return Answer(answer.status, headers, answer.body)
    return read_problem(answer.status, headers, answer.body, time.time())
