"""A further device of a user: refused by name without the word of the first, then admitted."""

from typing import Any

import httpx
import pytest

from clients.python.keystore import DeviceKey
from federation.device_claims import APPROVAL_TYPE, ApprovalClaims
from tests.app.device_by_hand import Connect, HandDevice, enrol, enrolment, new_code, new_key
from tests.app.dpop_by_hand import compact, segment

Refused = Any
PATH = "/v1/devices"


@pytest.fixture
async def ada(client: httpx.AsyncClient, connect: Connect) -> HandDevice:
    return await enrol(client, connect, "ada")


@pytest.fixture
async def code(client: httpx.AsyncClient, ada: HandDevice) -> str:
    return await new_code(client, "ada")


def approval(device: HandDevice, code: str, key: Any) -> str:
    return DeviceKey(device.key).approval(ApprovalClaims(code, key.thumbprint()))


async def test_none(code: str, anonymous: httpx.AsyncClient, refused: Refused) -> None:
    key = new_key()
    sending = anonymous.post(PATH, json=enrolment(code, key))
    problem = await refused(sending, 403, "approval_required")
    assert problem["thumbprint"] == key.thumbprint()


async def test_wrong_ones(
    code: str,
    ada: HandDevice,
    client: httpx.AsyncClient,
    connect: Connect,
    anonymous: httpx.AsyncClient,
    refused: Refused,
) -> None:
    key, bob = new_key(), await enrol(client, connect, "bob")
    good = ApprovalClaims(code, key.thumbprint()).to_json()
    header = {"alg": "ES256", "typ": APPROVAL_TYPE}
    wrong = {
        "no jws": "x",
        "of another user's device": approval(bob, code, key),
        "of the new key itself": compact(key, header, good),
        "of another code": approval(ada, "other", key),
        "of another key": approval(ada, code, new_key()),
        "another type": compact(ada.key, header | {"typ": "twofold-upload"}, good),
        "alg none": f"{segment(header | {'alg': 'none'})}.{segment(good)}.",
        "crit": compact(ada.key, header | {"crit": []}, good),
        "one claim more": compact(ada.key, header, good[:-1] + b',"x":1}'),
    }
    for name, text in wrong.items():
        body = enrolment(code, key) | {"approval": text}
        assert await refused(anonymous.post(PATH, json=body), 403, "approval_invalid"), name


async def test_only_a_server_key_makes_codes_that_replace(
    ada: HandDevice, connect: Connect, mint: Any, refused: Refused
) -> None:
    for who in (connect(mint("user", "ada")), ada.client):
        sending = who.post("/v1/users/ada/enrolment-codes", json={"replaces": True})
        await refused(sending, 403, "wrong_credential")


async def test_a_revoked_device_approves_nothing(
    ada: HandDevice, client: httpx.AsyncClient, connect: Connect, refused: Refused
) -> None:
    code = await new_code(client, "ada", replaces=True)
    await connect(None).post(PATH, json=enrolment(code, new_key()))
    await client.delete(f"{PATH}/{ada.id}")
    key, code = new_key(), await new_code(client, "ada")
    body = enrolment(code, key) | {"approval": approval(ada, code, key)}
    await refused(connect(None).post(PATH, json=body), 403, "approval_invalid")


async def test_the_word_of_the_first_device(
    code: str, ada: HandDevice, anonymous: httpx.AsyncClient
) -> None:
    key = new_key()
    body = enrolment(code, key) | {"approval": approval(ada, code, key)}
    first = await anonymous.post(PATH, json=body)
    again = await anonymous.post(PATH, json=enrolment(code, key))  # the answer was lost
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["user_id"] == "ada"
    assert first.json()["device_id"] == again.json()["device_id"] != ada.id


async def test_lost_devices_are_replaced(
    ada: HandDevice, client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    code = await new_code(client, "ada", replaces=True)
    assert (await anonymous.post(PATH, json=enrolment(code, new_key()))).status_code == 201


async def test_after_all_were_revoked_the_next_is_the_first(
    ada: HandDevice, code: str, client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    await client.delete(f"{PATH}/{ada.id}")
    assert (await anonymous.post(PATH, json=enrolment(code, new_key()))).status_code == 201
