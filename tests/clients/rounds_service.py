"""A small service of the tests over real HTTP: one model, as many rounds as asked, planned faults.

It stands in for the real service only where the device's own handling of faults is tested; the
rounds themselves are tested against the real one in `test_device_with_service.py`.
"""

import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uvicorn
from joserfc import jws
from joserfc.jwk import ECKey

from app.access.dpop import Bound, ProofRefused, verify_proof
from app.access.public_keys import PublicKeys, thumbprint_of
from clients.python.device import Device
from clients.python.options import DeviceOptions
from clients.python.session import RetryPolicy
from clients.python.transport import Transport
from federation.canonical import canonical_json, digest
from federation.device_claims import UploadClaims
from federation.receipt import JWS_TYPE
from recsys.datasets.interactions import Event
from tests.clients.made_up_model import EVENT_TYPES, World

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class Fault:
    """What happens to the next `times` requests whose "METHOD /path" begins with `on`.

    status: answered instead; cut: the answer breaks off; after: the request is carried out first.
    """

    on: str
    status: int = 503
    reason: str = "planned"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    after: bool = False
    times: int = 1


class Service:
    """An ASGI app. Everything that it was sent is kept for the tests to look at."""

    def __init__(self) -> None:
        self.world = World()
        self.bundle = self.world.bundle()
        self.plan: dict[str, Any] = self.world.plan(self.bundle).to_mapping()
        self.plan_digest = self.world.plan(self.bundle).digest
        self.assignment_changes: dict[str, Any] = {}
        self.answer_changes: dict[str, Any] = {}
        self.retry: dict[str, float] = {"after_s": 5.0, "before_s": 10.0}
        self.rounds_open = 10**6
        self.round = 1
        self.discarded: set[str] = set()
        self.faults: list[Fault] = []
        self.log: list[str] = []
        self.keys: dict[str, dict[str, str]] = {}
        self.granted: dict[str, str] = {}
        self.updates: dict[str, bytes] = {}
        self.tokens: set[str] = set()
        self.nonce = "nonce-0"
        self.used: set[str] = set()
        self.clock_ahead_s = 0.0
        self.bodies: dict[str, bytes] = {}
        self.receipt_key = ECKey.generate_key("P-256")
        self.receipt_changes: dict[str, Any] = {}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        body = await read_body(receive)
        path = scope["raw_path"].decode()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.log.append(f"{scope['method']} {path}")
        fault = self._planned(self.log[-1])
        if fault is None or fault.after:
            status, about, answer = self._answer(scope["method"], path, headers, body)
        if fault is not None and not fault.cut:
            status, about, answer = problem(fault.status, fault.reason)
            about |= fault.headers
        if fault is not None and fault.cut:
            await start(send, 200, {"content-length": "1000"})
            await send({"type": "http.response.body", "body": b"{", "more_body": True})
            raise ConnectionAbortedError("a planned cut")
        await start(send, status, about | {"dpop-nonce": self.nonce})
        await send({"type": "http.response.body", "body": answer})

    def count(self, start: str) -> int:
        """Requests whose "METHOD /path" begins so."""
        return sum(line.startswith(start) for line in self.log)

    def _planned(self, line: str) -> Fault | None:
        for fault in self.faults:
            if line.startswith(fault.on) and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def _answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        parts = path.removeprefix("/v1/").split("/")
        if method == "POST" and path == "/v1/devices":
            return self._enrol(json.loads(body))
        if method == "POST" and parts[0] == "devices" and parts[2] == "tokens":
            return self._token(parts[1], json.loads(body)["proof"])
        if path == "/.well-known/jwks.json":
            return ok({"keys": [self.receipt_key.as_dict(private=False)]})
        token = headers.get("authorization", "").removeprefix("DPoP ")
        if token not in self.tokens:
            return problem(401, "token_expired")
        device = token.split(":")[0]
        refused = self._check_proof(Bound(method, "", path, token, ""), device, headers)
        if refused is not None:
            return refused
        if path == "/v1/rounds/check-in":
            return self._check_in(device)
        if parts[0] == "updates" and parts[-1] == "proof":
            return problem(410, "discarded") if parts[1] in self.discarded else ok({})
        if parts[0] == "updates":
            return self._upload(device, parts[1], headers, body)
        return self._model(parts, headers)

    def _check_proof(
        self, bound: Bound, device: str, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes] | None:
        bound = replace(bound, path=bound.path.split("?")[0])
        bound = replace(bound, thumbprint=thumbprint_of(self.keys[device]) or "")
        now = time.time() + self.clock_ahead_s
        found = verify_proof(headers.get("dpop", ""), bound, PublicKeys(), now)
        if isinstance(found, ProofRefused):
            return problem(401, found.reason, server_time=instant(now))
        if found.jti in self.used:
            return problem(401, "dpop_replayed")
        self.used.add(found.jti)
        return None if found.nonce == self.nonce else problem(401, "dpop_nonce")

    def _enrol(self, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        jwk, code = asked["public_key"], asked["code"]
        claims = signed(asked["proof"], jwk)
        if claims != {"code": code, "purpose": "enrol"}:
            return problem(401, "proof_invalid")
        if self.keys.get(code, jwk) != jwk:
            return problem(409, "code_used")
        self.keys[code] = jwk
        names = {"device_id": code, "user_id": f"user of {code}", "token": self._mint(code)}
        return ok(names | {"expires_at": "2030-01-01T00:00:00Z"}, 201)

    def _token(self, device: str, proof: str) -> tuple[int, dict[str, str], bytes]:
        claims = signed(proof, self.keys[device])
        now = time.time() + self.clock_ahead_s
        if claims["device_id"] != device or claims["purpose"] != "token":
            return problem(401, "proof_invalid")
        if abs(claims["iat"] - now) > 300:
            return problem(401, "proof_expired", server_time=instant(now))
        return ok({"token": self._mint(device), "expires_at": "2030-01-01T00:00:00Z"}, 201)

    def _mint(self, device: str) -> str:
        token = f"{device}:{len(self.tokens)}"
        self.tokens.add(token)
        return token

    def _check_in(self, device: str) -> tuple[int, dict[str, str], bytes]:
        if device not in self.granted and self.rounds_open > 0:
            self.rounds_open -= 1
            self.granted[device] = f"assignment-{device}-{self.rounds_open}"
        assignment = None
        if device in self.granted:
            assignment = {
                "id": self.granted[device],
                "round": self.round,
                "plan_digest": self.plan_digest,
                "plan": self.plan,
                "bundle_url": f"/v1/models/{self.world.version}/bundles/x",
                "upload_url": f"/v1/updates/{self.granted[device]}",
                "expires_at": instant(130.0),
            } | self.assignment_changes
        answer = {
            "assignment": assignment,
            "retry": None if assignment else self.retry,
            "model_version": self.world.version,
            "catalogue": digest(self.world.catalogue),
            "token": self._mint(device),
            "token_expires_at": "2030-01-01T00:00:00Z",
            "server_time": instant(100.0),
        }
        return ok(answer | self.answer_changes)

    def _upload(
        self, device: str, assignment: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        known = self.updates.get(assignment)
        if known is None and self.granted.get(device) != assignment:
            return problem(404, "not_assigned")
        if known is not None and known != body:
            return problem(409, "update_conflict")
        key = ECKey.import_key(dict(self.keys[device]))
        envelope = jws.deserialize_compact(headers["upload-signature"], key, ["ES256"])
        claims = UploadClaims(self.plan_digest, self.round, assignment, digest(body))
        if envelope.payload != claims.to_json():
            return problem(422, "signature_invalid")
        self.updates[assignment] = body
        self.granted.pop(device, None)
        receipt = {
            "assignment": assignment,
            "round": self.round,
            "plan_digest": self.plan_digest,
            "body_digest": digest(body),
            "size_bytes": len(body),
            "staleness": 0,
            "accepted_at": instant(101.0),
            "mode": "plain",
        }
        about = {"outcome": "pending", "content_digest": headers["content-digest"]}
        signed_receipt = self._sign(receipt | self.receipt_changes)
        return ok(receipt | about | {"signed": signed_receipt}, 201 if known is None else 200)

    def _sign(self, receipt: dict[str, Any]) -> str:
        header = {"alg": "ES256", "kid": self.receipt_key.thumbprint(), "typ": JWS_TYPE}
        return jws.serialize_compact(header, canonical_json(receipt), self.receipt_key, ["ES256"])

    def _model(
        self, parts: list[str], headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        if parts[1] == "current":
            manifest = self.world.manifest()
            if headers.get("if-none-match") == f'"{digest(manifest)}"':
                return 304, {}, b""
            return 200, {"etag": f'"{digest(manifest)}"'}, manifest
        bodies = {
            digest(self.world.catalogue): self.world.catalogue,
            "x": self.bundle,
            **self.bodies,
        }
        for precision in ("float32", "float16", "int8"):
            for head in ("target", "context"):
                bodies |= {digest(b): b for _, b in self.world.shards(precision, head)}
        if parts[3] not in bodies:
            return problem(404, "not_found")
        return 200, {"content-type": "application/octet-stream"}, bodies[parts[3]]


def ok(document: dict[str, Any], status: int = 200) -> tuple[int, dict[str, str], bytes]:
    return status, {"content-type": "application/json"}, json.dumps(document).encode()


def problem(status: int, reason: str, **more: Any) -> tuple[int, dict[str, str], bytes]:
    document = {"type": f"/problems/{reason}", "reason": reason, "detail": "planned", **more}
    about = {"content-type": "application/problem+json"}
    return status, about, json.dumps(document).encode()


def signed(proof: str, jwk: dict[str, str]) -> dict[str, Any]:
    key = ECKey.import_key(dict(jwk))
    claims: dict[str, Any] = json.loads(jws.deserialize_compact(proof, key, ["ES256"]).payload)
    return claims


def instant(at: float) -> str:
    """Unix seconds as the service writes times."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(at)))
    return f"{whole}.{int(at % 1 * 1000):03d}Z"


async def read_body(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def start(send: Send, status: int, headers: dict[str, str]) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


@dataclass
class Running:
    """The service on a port of its own; it can be stopped and started again."""

    service: Service
    port: int = 0
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._answer, interface="asgi3", lifespan="off", log_level="critical"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < deadline, "the test's service did not start"
            time.sleep(0.005)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        # Looked up for each request: a server outlives the service of one test.
        await self.service(scope, receive, send)

    def is_up(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()


@dataclass
class Rig:
    """A running service and what makes devices for it. now: the devices' clock."""

    running: Running
    folder: Path
    transport: Transport
    now: float = 1_000.0

    @property
    def service(self) -> Service:
        return self.running.service

    @property
    def options(self) -> DeviceOptions:
        policy = RetryPolicy(first_s=1.0, most_s=8.0)
        return DeviceOptions(retry=policy, clock=time.time, seed=7)

    def enrol(self, name: str = "a", n_events: int = 12, **changes: Any) -> Device:
        options = replace(self.options, **changes)
        device = Device.enrol(
            self.folder / name, self.running.url, name, transport=self.transport, options=options
        )
        items = self.service.world.items
        device.record_all(
            Event(items[(7 * at) % len(items)], EVENT_TYPES[at % 3], float(at))
            for at in range(n_events)
        )
        return device

    def reopen(self, name: str = "a", **changes: Any) -> Device:
        options = replace(self.options, **changes)
        return Device.open(self.folder / name, transport=self.transport, options=options)
