"""Enrolment codes, enrolment, tokens, revocation: refusals first."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey
from sqlalchemy import select

from app.store.tables import enrolment_codes
from app.wiring import State
from tests.app.conftest import FakeClock
from tests.app.device_by_hand import (
    Connect,
    DeviceAuth,
    enrol,
    enrolment,
    new_code,
    new_key,
    public_jwk,
    put_user,
    sign,
)

Snapshot = Callable[[], Awaitable[str]]


@pytest.fixture
async def code(client: httpx.AsyncClient) -> str:
    await put_user(client, "ada")
    return await new_code(client, "ada")


class TestCodes:
    async def test_anonymous(self, anonymous: httpx.AsyncClient, snapshot: Snapshot) -> None:
        before = await snapshot()
        answer = await anonymous.post("/v1/users/ada/enrolment-codes")
        assert answer.status_code == 401
        assert await snapshot() == before

    async def test_publishable_key(self, connect: Connect, publishable_key: str) -> None:
        answer = await connect(publishable_key).post("/v1/users/ada/enrolment-codes")
        assert (answer.status_code, answer.json()["reason"]) == (403, "wrong_credential")

    async def test_unknown_user(self, client: httpx.AsyncClient, snapshot: Snapshot) -> None:
        before = await snapshot()
        answer = await client.post("/v1/users/nobody/enrolment-codes")
        assert answer.status_code == 404
        assert await snapshot() == before

    async def test_only_the_hash_is_stored(self, code: str, state: State) -> None:
        async with state["database"].read() as connection:
            hashes = (await connection.execute(select(enrolment_codes.c.hash))).scalars().all()
        assert hashes == [hashlib.sha256(code.encode()).digest()]


def wrong_bodies(code: str, key: ECKey) -> dict[str, tuple[dict[str, Any], int]]:
    """Name -> a body that must be refused, and with which status."""
    good, other = enrolment(code, key), new_key()
    jwk = public_jwk(key)
    foreign_proof = sign(other, {"code": code, "purpose": "enrol"})
    oct_key = OctKey.import_key("s" * 40)
    return {
        "no proof": ({k: v for k, v in good.items() if k != "proof"}, 422),
        "proof of another key": (good | {"proof": foreign_proof}, 401),
        "proof of another code": (good | {"proof": enrolment("other", key)["proof"]}, 401),
        "proof for a token": (good | {"proof": sign(key, {"code": code, "purpose": "token"})}, 401),
        "proof with more": (
            good | {"proof": sign(key, {"code": code, "purpose": "enrol", "admin": True})},
            401,
        ),
        "proof is text": (good | {"proof": "not.a.jws"}, 401),
        "proof is huge": (good | {"proof": "a" * 4000}, 422),
        "hmac proof": (
            good | {"proof": sign(oct_key, {"code": code, "purpose": "enrol"}, "HS256")},
            401,
        ),
        "unsigned proof": (
            good | {"proof": "eyJhbGciOiJub25lIn0." + good["proof"].split(".")[1] + "."},
            401,
        ),
        "private key": (good | {"public_key": key.as_dict(private=True)}, 422),
        "symmetric key": (good | {"public_key": {"kty": "oct", "k": "c2VjcmV0"}}, 422),
        "other curve": (good | {"public_key": jwk | {"crv": "P-384"}}, 422),
        "not on the curve": (good | {"public_key": jwk | {"y": jwk["x"]}}, 422),
        "short coordinate": (good | {"public_key": jwk | {"x": "AAAA"}}, 422),
        "unknown field": (good | {"user_id": "eve"}, 422),
        "unknown code": (enrolment("no such code", key), 404),
    }


NAMES = sorted(wrong_bodies("x", new_key()))


class TestEnrol:
    @pytest.mark.parametrize("name", NAMES)
    async def test_refused(
        self, name: str, code: str, anonymous: httpx.AsyncClient, snapshot: Snapshot
    ) -> None:
        body, status = wrong_bodies(code, new_key())[name]
        before = await snapshot()
        answer = await anonymous.post("/v1/devices", json=body)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert await snapshot() == before

    async def test_expired_code(
        self, code: str, anonymous: httpx.AsyncClient, clock: FakeClock, snapshot: Snapshot
    ) -> None:
        clock.now += 8 * 86400
        before = await snapshot()
        answer = await anonymous.post("/v1/devices", json=enrolment(code, new_key()))
        assert (answer.status_code, answer.json()["reason"]) == (410, "code_expired")
        assert await snapshot() == before

    async def test_code_used_by_another_key(
        self, code: str, anonymous: httpx.AsyncClient, snapshot: Snapshot
    ) -> None:
        first = await anonymous.post("/v1/devices", json=enrolment(code, new_key()))
        assert first.status_code == 201
        before = await snapshot()
        answer = await anonymous.post("/v1/devices", json=enrolment(code, new_key()))
        assert (answer.status_code, answer.json()["reason"]) == (409, "code_used")
        assert await snapshot() == before

    async def test_key_of_another_user(
        self, code: str, client: httpx.AsyncClient, anonymous: httpx.AsyncClient
    ) -> None:
        key = new_key()
        await anonymous.post("/v1/devices", json=enrolment(code, key))
        await put_user(client, "bob")
        theirs = await new_code(client, "bob")
        answer = await anonymous.post("/v1/devices", json=enrolment(theirs, key))
        assert (answer.status_code, answer.json()["reason"]) == (409, "key_enrolled")

    async def test_same_code_and_key_again_is_the_same_device(
        self, code: str, anonymous: httpx.AsyncClient, clock: FakeClock
    ) -> None:
        body = enrolment(code, new_key())
        first = await anonymous.post("/v1/devices", json=body)
        clock.now += 6 * 86400  # the answer was lost, and the device slept long
        again = await anonymous.post("/v1/devices", json=body)
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json()["device_id"] == first.json()["device_id"]
        assert first.json()["user_id"] == "ada"
        clock.now += 2 * 86400  # whoever overheard the request must not get tokens for ever
        late = await anonymous.post("/v1/devices", json=body)
        assert (late.status_code, late.json()["reason"]) == (410, "code_expired")

    async def test_key_exported_by_webcrypto(self, code: str, anonymous: httpx.AsyncClient) -> None:
        body = enrolment(code, new_key())
        body["public_key"] |= {"ext": True, "key_ops": ["verify"]}
        assert (await anonymous.post("/v1/devices", json=body)).status_code == 201


class TestTokens:
    async def test_wrong_proofs(
        self, client: httpx.AsyncClient, connect: Connect, clock: FakeClock, snapshot: Snapshot
    ) -> None:
        device = await enrol(client, connect, "ada")
        good = {"device_id": device.id, "purpose": "token", "iat": clock.now}
        wrong: list[tuple[Any, dict[str, Any], str]] = [
            (new_key(), good, "proof_invalid"),
            (device.key, good | {"device_id": "other"}, "proof_invalid"),
            (device.key, good | {"purpose": "enrol"}, "proof_invalid"),
            (device.key, good | {"iat": "now"}, "proof_invalid"),
            (device.key, good | {"iat": True}, "proof_invalid"),
            (device.key, good | {"iat": 10**400}, "proof_invalid"),
            (device.key, good | {"iat": float("nan")}, "proof_invalid"),
            (device.key, good | {"iat": clock.now - 301}, "proof_expired"),
            (device.key, good | {"iat": clock.now + 301}, "proof_expired"),
        ]
        before = await snapshot()
        for key, payload, reason in wrong:
            body = {"proof": sign(key, payload)}
            answer = await connect(None).post(f"/v1/devices/{device.id}/tokens", json=body)
            assert (answer.status_code, answer.json()["reason"]) == (401, reason), payload
        assert await snapshot() == before

    async def test_unknown_device_looks_like_a_wrong_proof(
        self, client: httpx.AsyncClient, connect: Connect, clock: FakeClock
    ) -> None:
        device = await enrol(client, connect, "ada")
        claims = {"device_id": "nobody", "purpose": "token", "iat": clock.now}
        body = {"proof": sign(device.key, claims)}
        unknown = await connect(None).post("/v1/devices/nobody/tokens", json=body)
        wrong = await connect(None).post(f"/v1/devices/{device.id}/tokens", json=body)
        assert unknown.status_code == wrong.status_code == 401
        assert unknown.json() == wrong.json()

    async def test_expired_token_is_renewed_with_the_key(
        self, client: httpx.AsyncClient, connect: Connect, clock: FakeClock
    ) -> None:
        device = await enrol(client, connect, "ada")
        clock.now += 3601
        late = await device.client.post("/v1/rounds/check-in", json={})
        assert (late.status_code, late.json()["reason"]) == (401, "token_expired")
        claims = {"device_id": device.id, "purpose": "token", "iat": clock.now}
        body = {"proof": sign(device.key, claims)}
        answer = await connect(None).post(f"/v1/devices/{device.id}/tokens", json=body)
        assert answer.status_code == 201
        renewed = connect(DeviceAuth(device.key, answer.json()["token"]))
        assert (await renewed.post("/v1/rounds/check-in", json={})).status_code == 200


class TestRevoke:
    async def test_foreign_devices_look_like_none(
        self, client: httpx.AsyncClient, connect: Connect, state: State, snapshot: Snapshot
    ) -> None:
        device = await enrol(client, connect, "ada")
        other = await enrol(client, connect, "bob")
        token = state["tokens"].mint("user", "bob", "bob", 60)
        before = await snapshot()
        for who in (connect(token), other.client):
            assert (await who.get(f"/v1/devices/{device.id}")).status_code == 404
        assert (await connect(token).delete(f"/v1/devices/{device.id}")).status_code == 404
        assert (await device.client.delete(f"/v1/devices/{device.id}")).status_code == 403
        assert await snapshot() == before

    async def test_takes_effect_at_once_and_for_good(
        self, client: httpx.AsyncClient, connect: Connect, state: State, clock: FakeClock
    ) -> None:
        device = await enrol(client, connect, "ada")
        owner = connect(state["tokens"].mint("user", "ada", "ada", 60))
        assert (await owner.delete(f"/v1/devices/{device.id}")).status_code == 204
        assert (await client.delete(f"/v1/devices/{device.id}")).status_code == 204
        refused = await device.client.post("/v1/rounds/check-in", json={})
        assert (refused.status_code, refused.json()["reason"]) == (403, "device_revoked")
        reading = await device.client.get("/v1/popular")
        assert (reading.status_code, reading.json()["reason"]) == (403, "device_revoked")
        claims = {"device_id": device.id, "purpose": "token", "iat": clock.now}
        body = {"proof": sign(device.key, claims)}
        renewed = await connect(None).post(f"/v1/devices/{device.id}/tokens", json=body)
        assert (renewed.status_code, renewed.json()["reason"]) == (403, "device_revoked")
        code = await new_code(client, "ada")
        again = await connect(None).post("/v1/devices", json=enrolment(code, device.key))
        assert (again.status_code, again.json()["reason"]) == (403, "device_revoked")
        view = (await client.get(f"/v1/devices/{device.id}")).json()
        assert view["revoked_at"] is not None
