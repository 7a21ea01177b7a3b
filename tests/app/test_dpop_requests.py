"""Devices' requests over HTTP: refusals by name, nonces, and proofs that count once, whatever
becomes of Redis, on two workers that share it.

`TWOFOLD_EXAMPLES` scales the campaign.
"""

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.access import used_proofs
from app.access.nonces import EPOCH_BYTES, MAC_BYTES, WINDOW_S, Nonces, Stamp, window_at
from app.access.used_proofs import LocalProofs
from app.cache.embedded import EmbeddedRedis
from app.settings import LimitSettings, Settings
from app.wiring import State, build_state
from tests.app.conftest import FakeClock, clients_of, running
from tests.app.device_by_hand import Connect, DeviceAuth, HandDevice, enrol, new_key
from tests.app.dpop_by_hand import compact, proof_claims, proof_header, segment

N = int(os.environ.get("TWOFOLD_EXAMPLES", "60"))
Snapshot = Callable[[], Awaitable[str]]
PATH, ORIGIN = "/v1/rounds/check-in", "http://test"
CHALLENGES = {
    "dpop_required": "invalid_token",
    "dpop_invalid": "invalid_dpop_proof",
    "dpop_expired": "invalid_dpop_proof",
    "dpop_nonce": "use_dpop_nonce",
    "dpop_replayed": "invalid_dpop_proof",
}


@pytest.fixture
def redis_server(own_redis: EmbeddedRedis) -> EmbeddedRedis:
    return own_redis


@dataclass
class Spoken:
    """A device's words: its credential, a nonce, and proofs that are made by hand."""

    device: HandDevice
    clock: FakeClock
    nonce: str = ""
    made: int = 0

    @property
    def token(self) -> str:
        auth = self.device.client.auth
        assert isinstance(auth, DeviceAuth)
        return auth.token

    def claims(self, method: str = "POST", path: str = PATH, **changes: Any) -> dict[str, Any]:
        self.made += 1
        url = ORIGIN + path
        good = proof_claims(method, url, self.token, self.clock.now, self.nonce)
        if not self.nonce:
            del good["nonce"]
        return good | {"jti": f"proof-number-{self.made:012d}"} | changes

    def headers(self, claims: dict[str, Any], key: Any = None) -> dict[str, str]:
        key = key or self.device.key
        proof = compact(key, proof_header(key), claims)
        return {"Authorization": f"DPoP {self.token}", "DPoP": proof}

    async def send(self, client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
        answer = await client.post(PATH, json={}, headers=headers)
        self.nonce = answer.headers.get("dpop-nonce", self.nonce)
        return answer

    async def good(self, client: httpx.AsyncClient) -> dict[str, str]:
        """The headers of a request that was just accepted."""
        for _ in range(2):
            headers = self.headers(self.claims())
            if (await self.send(client, headers)).status_code == 200:
                return headers
        raise AssertionError("a good request was refused twice")


@pytest.fixture
async def spoken(client: httpx.AsyncClient, connect: Connect, clock: FakeClock) -> Spoken:
    return Spoken(await enrol(client, connect, "ada"), clock)


@pytest.fixture
async def second(
    application: tuple[FastAPI, State], settings: Settings, redis_server: Any, clock: FakeClock
) -> AsyncIterator[httpx.AsyncClient]:
    """Another worker over the same stores."""
    state = build_state(settings, redis_server.url, clock)
    async with clients_of(application[0], state) as make:
        yield make(None)
    await state["cache"].close()
    await state["database"].close()


def check_refusal(answer: httpx.Response, reason: str) -> None:
    assert (answer.status_code, answer.json()["reason"]) == (401, reason), answer.text
    expected = f'DPoP error="{CHALLENGES[reason]}", algs="ES256"'
    assert answer.headers["www-authenticate"] == expected
    shown = set(answer.json()) - {"server_time"}
    assert shown == {"type", "title", "status", "reason", "detail"}


class TestRefusals:
    async def test_by_name(
        self, spoken: Spoken, anonymous: httpx.AsyncClient, snapshot: Snapshot, client: Any
    ) -> None:
        await spoken.good(anonymous)
        token, other = spoken.token, new_key()
        proof = spoken.headers(spoken.claims())["DPoP"]
        foreign = spoken.headers(spoken.claims(), other)
        late = spoken.claims(iat=int(spoken.clock.now) - 400)
        refusals: list[tuple[str, Any, str]] = [
            ("as a bearer", {"Authorization": f"Bearer {token}", "DPoP": proof}, "dpop_required"),
            ("no proof", {"Authorization": f"DPoP {token}"}, "dpop_required"),
            ("no sense", {"Authorization": f"DPoP {token}", "DPoP": "x"}, "dpop_invalid"),
            (
                "two",
                [("Authorization", f"DPoP {token}"), ("DPoP", proof), ("DPoP", proof)],
                "dpop_invalid",
            ),
            ("oversize", {"Authorization": f"DPoP {token}", "DPoP": "x" * 9000}, "dpop_invalid"),
            ("foreign key", foreign, "dpop_invalid"),
            ("other method", spoken.headers(spoken.claims("PUT")), "dpop_invalid"),
            ("other path", spoken.headers(spoken.claims(path="/v1/popular")), "dpop_invalid"),
            ("late", spoken.headers(late), "dpop_expired"),
            ("empty nonce", spoken.headers(spoken.claims(nonce="")), "dpop_invalid"),
            ("made-up nonce", spoken.headers(spoken.claims(nonce="n" * 39)), "dpop_nonce"),
        ]
        before = await snapshot()
        for name, headers, reason in refusals:
            answer = await anonymous.post(PATH, json={}, headers=headers)
            check_refusal(answer, reason)
            assert name != "late" or answer.json()["server_time"].startswith("2027-")
        assert await snapshot() == before

    async def test_the_token_of_another_device(
        self, spoken: Spoken, client: httpx.AsyncClient, connect: Connect
    ) -> None:
        other = Spoken(await enrol(client, connect, "bob"), spoken.clock)
        claims = other.claims()
        answer = await spoken.send(connect(None), other.headers(claims, spoken.device.key))
        check_refusal(answer, "dpop_invalid")

    async def test_other_credentials_are_no_devices(
        self, connect: Connect, server_key: str, mint: Any
    ) -> None:
        for credential in (server_key, mint("user", "ada"), "x"):
            headers = {"Authorization": f"DPoP {credential}"}
            answer = await connect(None).get("/v1/items", headers=headers)
            assert (answer.status_code, answer.json()["reason"]) == (401, "token_invalid")

    async def test_host_is_never_asked(
        self, settings: Settings, redis_server: EmbeddedRedis, clock: FakeClock, server_key: str
    ) -> None:
        named = settings.model_copy(update={"public_url": "https://shop.example"})
        async with AsyncExitStack() as stack:
            application = await stack.enter_async_context(running(named, redis_server.url, clock))
            connect = await stack.enter_async_context(clients_of(*application))
            spoken = Spoken(await enrol(connect(server_key), connect, "ada"), clock)
            anonymous = connect(None)
            right = "HTTPS://shop.example:443" + PATH
            for host in ("shop.example", "evil.example"):
                for htu, status in ((right, (200, 401)), (f"https://evil.example{PATH}", (401,))):
                    headers = spoken.headers(spoken.claims(htu=htu)) | {"Host": host}
                    assert (await spoken.send(anonymous, headers)).status_code in status
            headers = spoken.headers(spoken.claims(htu=right)) | {"Host": "evil.example"}
            assert (await spoken.send(anonymous, headers)).status_code == 200


class TestNonces:
    async def test_each_answer_carries_the_next(
        self, spoken: Spoken, anonymous: httpx.AsyncClient, clock: FakeClock
    ) -> None:
        await spoken.good(anonymous)
        for _ in range(5):  # a request every 50 seconds never needs another
            clock.now += 50
            assert (
                await spoken.send(anonymous, spoken.headers(spoken.claims()))
            ).status_code == 200

    async def test_enrolment_gives_the_first(
        self, client: httpx.AsyncClient, connect: Connect
    ) -> None:
        device = await enrol(client, connect, "ada")
        claims = {"device_id": device.id, "purpose": "token", "iat": 1_800_000_000.0}
        proof = compact(device.key, {"alg": "ES256"}, claims)
        answer = await connect(None).post(f"/v1/devices/{device.id}/tokens", json={"proof": proof})
        device.client.auth = DeviceAuth(device.key, answer.json()["token"])
        assert len(answer.headers["dpop-nonce"]) == 39

    async def test_an_old_one_is_refused_with_a_new_one(
        self, spoken: Spoken, anonymous: httpx.AsyncClient, clock: FakeClock
    ) -> None:
        await spoken.good(anonymous)
        clock.now += 2 * WINDOW_S
        check_refusal(await spoken.send(anonymous, spoken.headers(spoken.claims())), "dpop_nonce")
        assert (await spoken.send(anonymous, spoken.headers(spoken.claims()))).status_code == 200

    def test_only_our_own_are_read(self) -> None:
        nonces, now = Nonces(b"s" * 32), 1_800_000_030.0
        stamp = Stamp(window_at(now), b"e" * EPOCH_BYTES)
        nonce = nonces.make(stamp)
        assert nonces.read(nonce, now) == nonces.read(nonce, now + WINDOW_S) == stamp
        assert nonces.read(nonce, now + 2 * WINDOW_S) is None
        assert nonces.read(nonce, now - WINDOW_S) is None
        assert Nonces(b"t" * 32).read(nonce, now) is None
        for place in range(len(nonce)):
            changed = nonce[:place] + ("A" if nonce[place] != "A" else "B") + nonce[place + 1 :]
            assert nonces.read(changed, now) is None
        assert nonces.read(segment(bytes(MAC_BYTES)), now) is None

    async def test_a_late_proof_does_not_use_up_the_bucket_of_the_device(
        self, settings: Settings, redis_server: EmbeddedRedis, clock: FakeClock, server_key: str
    ) -> None:
        limits = LimitSettings.none().model_copy(update={"device_per_s": 1.0, "burst_s": 5.0})
        strict = settings.model_copy(update={"limits": limits})
        async with AsyncExitStack() as stack:
            application = await stack.enter_async_context(running(strict, redis_server.url, clock))
            connect = await stack.enter_async_context(clients_of(*application))
            spoken = Spoken(await enrol(connect(server_key), connect, "ada"), clock)
            old = spoken.headers(spoken.claims(nonce="n" * 39))
            answers = [await connect(None).post(PATH, json={}, headers=old) for _ in range(7)]
            assert [one.status_code for one in answers] == [401] * 5 + [429] * 2
            assert answers[-1].headers["dpop-nonce"]
            spoken.nonce = answers[0].headers["dpop-nonce"]
            answer = await spoken.send(connect(None), spoken.headers(spoken.claims()))
            assert answer.status_code == 200


class TestOnce:
    async def test_campaign(
        self,
        spoken: Spoken,
        anonymous: httpx.AsyncClient,
        second: httpx.AsyncClient,
        state: State,
        snapshot: Snapshot,
    ) -> None:
        """N of each kind, on two workers, with Redis emptied again and again."""
        used = [await spoken.good(worker) for worker in (anonymous, second, anonymous)]
        claims = spoken.claims(nonce=spoken.nonce)
        key, other, token = spoken.device.key, new_key(), spoken.token
        none = f"{segment(proof_header(key) | {'alg': 'none'})}.{segment(claims)}."
        kinds: dict[str, Any] = {
            "replayed": lambda n: used[n % 3],
            "stolen": lambda _: spoken.headers(spoken.claims(), other),
            "tampered": lambda _: spoken.headers(spoken.claims("PUT")),
            "expired": lambda n: spoken.headers(spoken.claims(iat=int(spoken.clock.now) - 301 - n)),
            "confused": lambda _: {"Authorization": f"DPoP {token}", "DPoP": none},
        }
        before, workers = await snapshot(), itertools.cycle((anonymous, second))
        for (name, make), n in itertools.product(kinds.items(), range(N)):
            if n % 20 == 10:
                await state["cache"].redis.flushall()
            answer = await spoken.send(next(workers), make(n))
            assert answer.status_code == 401, (name, n)
            assert answer.json()["reason"].startswith("dpop_"), (name, n)
        assert await snapshot() == before
        await spoken.good(second)

    async def test_a_proof_counts_on_one_worker(
        self, spoken: Spoken, anonymous: httpx.AsyncClient, second: httpx.AsyncClient
    ) -> None:
        used = await spoken.good(anonymous)
        for worker in (anonymous, second):
            check_refusal(await spoken.send(worker, used), "dpop_replayed")

    async def test_a_signature_of_the_other_form_is_the_same_proof(
        self, spoken: Spoken, anonymous: httpx.AsyncClient
    ) -> None:
        await spoken.good(anonymous)
        claims, key = spoken.claims(), spoken.device.key
        assert (await spoken.send(anonymous, spoken.headers(claims))).status_code == 200
        high = compact(key, proof_header(key), claims, high_s=True)
        headers = {"Authorization": f"DPoP {spoken.token}", "DPoP": high}
        check_refusal(await spoken.send(anonymous, headers), "dpop_replayed")

    async def test_redis_restarted_with_an_older_memory(
        self,
        spoken: Spoken,
        anonymous: httpx.AsyncClient,
        second: httpx.AsyncClient,
        state: State,
        redis_server: EmbeddedRedis,
        clock: FakeClock,
    ) -> None:
        """A snapshot has the epoch, but not the proofs that were used after it was taken."""
        await spoken.good(anonymous)
        await state["cache"].redis.save()
        used = await spoken.good(anonymous)
        redis_server.stop()
        redis_server.start()
        for worker in (anonymous, second, anonymous, second):
            check_refusal(await spoken.send(worker, used), "dpop_nonce")
            clock.now += 2  # the breaker of a worker that noticed closes again
        assert await state["cache"].is_up()
        await spoken.good(second)

    async def test_redis_away_and_back(
        self,
        spoken: Spoken,
        anonymous: httpx.AsyncClient,
        second: httpx.AsyncClient,
        redis_server: EmbeddedRedis,
        clock: FakeClock,
    ) -> None:
        before = await spoken.good(anonymous)
        redis_server.stop()
        meanwhile = await spoken.good(anonymous)
        check_refusal(await spoken.send(anonymous, meanwhile), "dpop_replayed")
        for worker in (anonymous, second):
            check_refusal(await spoken.send(worker, before), "dpop_nonce")
        check_refusal(await spoken.send(second, meanwhile), "dpop_nonce")
        redis_server.start()
        clock.now += 2
        for headers, worker in itertools.product((before, meanwhile), (anonymous, second)):
            check_refusal(await spoken.send(worker, headers), "dpop_nonce")
        await spoken.good(anonymous)

    def test_a_full_memory_begins_another_epoch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(used_proofs, "LOCAL_PROOFS_MAX", 3)
        epochs = iter([b"1", b"2", b"3"])
        local = LocalProofs(lambda: next(epochs))
        stamp = Stamp(7, b"1")
        assert [local.admit(7, stamp, bytes([n]))[1] for n in (0, 1, 1, 2)] == [
            "new",
            "new",
            "used",
            "new",
        ]
        assert local.admit(7, stamp, b"x") == (b"2", "void")
        assert local.admit(7, Stamp(7, b"2"), b"\0") == (b"2", "new")
        assert local.admit(9, Stamp(9, b"2"), b"\0") == (b"2", "new")
