"""A device that speaks the protocol request by request, so that a test can get each one wrong."""

import base64
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from joserfc import jws
from joserfc.jwk import ECKey

from app.models.bundle import Bundle, decode_bundle
from clients.python.answers import Answer, Failure, read_problem
from clients.python.keystore import DeviceKey
from clients.python.request_proof import RequestProofs
from federation.canonical import digest as digest_of
from federation.device_claims import UploadClaims
from federation.grid import to_words
from federation.plan import Plan
from federation.update_codec import encode

Connect = Callable[[str | httpx.Auth | None], httpx.AsyncClient]


def new_key() -> ECKey:
    return ECKey.generate_key("P-256")


def public_jwk(key: ECKey) -> dict[str, Any]:
    return {name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}


def sign(key: Any, payload: dict[str, Any], algorithm: str = "ES256") -> str:
    body = json.dumps(payload).encode()
    return jws.serialize_compact({"alg": algorithm}, body, key, algorithms=[algorithm])


def enrolment(code: str, key: ECKey) -> dict[str, Any]:
    proof = sign(key, {"code": code, "purpose": "enrol"})
    return {"code": code, "public_key": public_jwk(key), "proof": proof}


def content_digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


class DeviceAuth(httpx.Auth):
    """Presents a device's token with a proof of its key for each request.

    Learns nonce and time as a device does.
    """

    def __init__(self, key: ECKey, token: str, nonce: str | None = None) -> None:
        self.key, self.token = key, token
        self._proofs = RequestProofs(DeviceKey(key), time.time, nonce)

    def headers(self, method: str, url: str) -> dict[str, str]:
        return self._proofs.headers(method, url, self.token)

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        for _ in range(3):
            request.headers.update(self.headers(request.method, str(request.url)))
            answer = yield request
            if not self._proofs.learn(await read_answer(answer)):
                return


async def read_answer(answer: httpx.Response) -> Answer | Failure:
    body = await answer.aread()
    headers = {name.lower(): text for name, text in answer.headers.items()}
    if answer.is_success or answer.status_code == 304:
        return Answer(answer.status_code, headers, body)
    return read_problem(answer.status_code, headers, body, time.time())


@dataclass
class HandDevice:
    """An enrolled device with a client that presents its token.

    leases: assignments that it was given, by their upload URLs.
    """

    id: str
    user_id: str
    key: ECKey
    client: httpx.AsyncClient
    leases: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def check_in(self) -> dict[str, Any]:
        answer = await self.client.post("/v1/rounds/check-in", json={})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        if found["assignment"] is not None:
            self.leases[found["assignment"]["upload_url"]] = found["assignment"]
        return found

    async def download(self, assignment: dict[str, Any]) -> Bundle:
        answer = await self.client.get(assignment["bundle_url"])
        assert answer.status_code == 200, answer.text
        return decode_bundle(answer.content)

    async def put(self, url: str, body: bytes, **headers: str) -> httpx.Response:
        signature = self.signature(url, digest_of(body))
        given = {"Content-Digest": content_digest(body), "Upload-Signature": signature}
        return await self.client.put(url, content=body, headers=given | headers)

    def signature(self, url: str, body_digest: str) -> str:
        """Of an upload to this address; made up where nothing was assigned to the device."""
        none = {"plan_digest": digest_of(b""), "round": 1, "id": url}
        return upload_signature(self.key, self.leases.get(url, none), body_digest)


def upload_signature(key: ECKey, assignment: dict[str, Any], body_digest: str) -> str:
    given = assignment["plan_digest"], assignment["round"], assignment["id"]
    return DeviceKey(key).upload_signature(UploadClaims(*given, body_digest))


def update_body(assignment: dict[str, Any], seed: int, scale: float = 0.1) -> bytes:
    """An honest update of made-up values."""
    plan = Plan.from_mapping(assignment["plan"])
    values = np.random.default_rng(seed).normal(size=plan.n_values).astype(np.float32)
    values *= np.float32(scale / np.linalg.norm(values))
    return encode(plan.digest, to_words(values, np.array([1.0, 2.5, 1.0, 6.25]), plan.grid))


async def put_user(server: httpx.AsyncClient, user_id: str, mode: str = "device") -> None:
    answer = await server.put(f"/v1/users/{user_id}", json={"mode": mode})
    assert answer.status_code in (200, 201), answer.text


async def new_code(server: httpx.AsyncClient, user_id: str, replaces: bool = False) -> str:
    body = {"replaces": replaces}
    answer = await server.post(f"/v1/users/{user_id}/enrolment-codes", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


async def enrol(server: httpx.AsyncClient, connect: Connect, user_id: str) -> HandDevice:
    """A device of this user, who is put first."""
    await put_user(server, user_id)
    return await enrol_device(server, connect, user_id)


async def enrol_device(server: httpx.AsyncClient, connect: Connect, user_id: str) -> HandDevice:
    """A device of a user who is there already, in any mode, and may have others."""
    key, code = new_key(), await new_code(server, user_id, replaces=True)
    answer = await connect(None).post("/v1/devices", json=enrolment(code, key))
    assert answer.status_code == 201, answer.text
    found = answer.json()
    return HandDevice(found["device_id"], user_id, key, connect(DeviceAuth(key, found["token"])))


async def put_items(server: httpx.AsyncClient, n: int, first: int = 0) -> None:
    for i in range(first, first + n):
        content = {"title": f"thing {i}", "categories": [f"kind {i % 3}"]}
        answer = await server.put(f"/v1/items/item-{i}", json=content)
        assert answer.status_code in (200, 201), answer.text
