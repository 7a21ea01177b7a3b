"""Uploads, receipts, lists of rounds: refusals first, and each leaves the database as it was."""

import asyncio
import struct
from typing import Any

import httpx
import numpy as np
import pytest

from app.settings import Settings
from app.store.blobs import digest_of
from federation.plan import Plan
from federation.update_codec import HEADER_BYTES, encode
from tests.app.conftest import FakeClock
from tests.app.device_by_hand import HandDevice, content_digest, update_body
from tests.app.round_world import TARGET, RoundWorld, Snapshot, small_rounds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


@pytest.fixture
async def ada(world: RoundWorld) -> HandDevice:
    return (await world.enrol("ada"))[0]


async def assigned(device: HandDevice) -> dict[str, Any]:
    found: dict[str, Any] = (await device.check_in())["assignment"]
    return found


def body_of(plan: Plan, words: np.ndarray[Any, Any]) -> bytes:
    return encode(plan.digest, words.astype(np.int32))


def wrong_bodies(assignment: dict[str, Any]) -> dict[str, tuple[bytes, int, str]]:
    """Name -> body, status and reason."""
    good = update_body(assignment, seed=1)
    plan = Plan.from_mapping(assignment["plan"])
    words = np.zeros(plan.n_words, np.int64)
    off_grid, over_clip, metric = words.copy(), words.copy(), words.copy()
    off_grid[0] = plan.grid.levels + 1
    over_clip[: plan.n_values] = plan.grid.levels // 2
    metric[-1] = -1
    nan = good[:HEADER_BYTES] + struct.pack("<f", float("nan")) * plan.n_words
    return {
        "empty": (b"", 422, "wrong_length"),
        "truncated": (good[:-1], 422, "wrong_length"),
        "too long": (good + b"\0", 413, "body_too_large"),
        "magic": (b"NOPE" + good[4:], 422, "bad_magic"),
        "layout": (good[:4] + b"\x02\0" + good[6:], 422, "wrong_layout"),
        "plan": (good[:8] + bytes(32) + good[40:], 422, "wrong_plan"),
        "count": (good[:40] + b"\x01\0\0\0" + good[44:], 422, "wrong_length"),
        "off grid": (body_of(plan, off_grid), 422, "off_grid"),
        "over clip": (body_of(plan, over_clip), 422, "over_clip"),
        "metric": (body_of(plan, metric), 422, "metric_out_of_range"),
        "floats that are no numbers": (nan, 422, "off_grid"),
    }


class TestUploadRefused:
    async def test_wrong_bodies(
        self, world: RoundWorld, ada: HandDevice, snapshot: Snapshot
    ) -> None:
        assignment = await assigned(ada)
        before = await snapshot()
        for name, (body, status, reason) in wrong_bodies(assignment).items():
            answer = await ada.put(assignment["upload_url"], body)
            assert (answer.status_code, answer.json()["reason"]) == (status, reason), name
            assert answer.headers["content-type"] == "application/problem+json"
        assert await snapshot() == before
        assert world.update_blobs() == []

    async def test_wrong_headers(self, ada: HandDevice, snapshot: Snapshot) -> None:
        assignment = await assigned(ada)
        url, body = assignment["upload_url"], update_body(assignment, 1)
        other = update_body(assignment, 2)
        before = await snapshot()

        async def chunks() -> Any:
            yield body

        zeros = "sha-256=:" + "A" * 43 + "=:"
        signature = ada.signature(url, "sha256:" + "0" * 64)
        signed = {"Content-Digest": zeros, "Upload-Signature": signature}
        for content, headers, status, reason in (
            (chunks(), {}, 411, "length_required"),
            (body, {"Content-Digest": ""}, 422, "digest_required"),
            (body, {"Content-Digest": "sha-256=abc"}, 422, "digest_required"),
            (body, {"Content-Digest": "md5=:AAAA:"}, 422, "digest_required"),
            (body, {"Content-Digest": content_digest(body)}, 422, "signature_invalid"),
            (body, signed, 422, "digest_mismatch"),
        ):
            answer = await ada.client.put(url, content=content, headers=headers)
            assert (answer.status_code, answer.json()["reason"]) == (status, reason), headers
        assert digest_of(other) != digest_of(body)
        assert await snapshot() == before

    async def test_foreign_and_unknown_assignments_look_alike(
        self, world: RoundWorld, ada: HandDevice, snapshot: Snapshot
    ) -> None:
        (bob,) = await world.enrol("bob")
        assignment = await assigned(ada)
        body = update_body(assignment, 1)
        before = await snapshot()
        foreign = await bob.put(assignment["upload_url"], body)
        unknown = await bob.put("/v1/updates/no-such", body)
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json() == unknown.json()
        assert (await bob.client.get(assignment["upload_url"])).status_code == 404
        assert await snapshot() == before

    async def test_revoked(self, world: RoundWorld, ada: HandDevice, snapshot: Snapshot) -> None:
        assignment = await assigned(ada)
        await world.server.delete(f"/v1/devices/{ada.id}")
        before = await snapshot()
        answer = await ada.put(assignment["upload_url"], update_body(assignment, 1))
        assert (answer.status_code, answer.json()["reason"]) == (403, "device_revoked")
        assert await snapshot() == before

    async def test_after_the_lease(
        self, world: RoundWorld, ada: HandDevice, snapshot: Snapshot
    ) -> None:
        assignment = await assigned(ada)
        await world.tick(after_s=21.0)
        before = await snapshot()
        answer = await ada.put(assignment["upload_url"], update_body(assignment, 1))
        assert (answer.status_code, answer.json()["reason"]) == (410, "assignment_expired")
        assert await snapshot() == before
        assert world.update_blobs() == []

    async def test_after_the_close(self, world: RoundWorld, ada: HandDevice) -> None:
        assignment = await assigned(ada)
        await world.tick(after_s=61.0)
        answer = await ada.put(assignment["upload_url"], update_body(assignment, 1))
        assert (answer.status_code, answer.json()["reason"]) == (410, "round_closed")
        assert world.update_blobs() == []

    async def test_other_bytes(
        self, world: RoundWorld, ada: HandDevice, snapshot: Snapshot
    ) -> None:
        assignment = await assigned(ada)
        first = update_body(assignment, 1)
        assert (await ada.put(assignment["upload_url"], first)).status_code == 201
        before = await snapshot()
        answer = await ada.put(assignment["upload_url"], update_body(assignment, 2))
        assert (answer.status_code, answer.json()["reason"]) == (409, "update_conflict")
        assert await snapshot() == before
        assert len(world.update_blobs()) == 1


class TestUpload:
    async def test_receipt(self, world: RoundWorld, ada: HandDevice, clock: FakeClock) -> None:
        assignment = await assigned(ada)
        await ada.download(assignment)
        assert (await ada.client.get(assignment["upload_url"])).status_code == 404
        body = update_body(assignment, 1)
        answer = await ada.put(assignment["upload_url"], body)
        assert answer.status_code == 201
        receipt = answer.json()
        assert receipt["body_digest"] == digest_of(body)
        assert receipt["size_bytes"] == len(body)
        assert (receipt["outcome"], receipt["mode"]) == ("pending", "plain")
        assert (await ada.client.get(assignment["upload_url"])).json() == receipt

    async def test_same_bytes_in_parallel_count_once(
        self, world: RoundWorld, ada: HandDevice
    ) -> None:
        assignment = await assigned(ada)
        body = update_body(assignment, 1)
        answers = await asyncio.gather(
            *(ada.put(assignment["upload_url"], body) for _ in range(10))
        )
        assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
        assert len({answer.content for answer in answers}) == 1
        assert (await world.round()).state.accepted == 1
        assert len(world.update_blobs()) == 1

    async def test_racing_bodies_for_one_assignment(
        self, world: RoundWorld, ada: HandDevice
    ) -> None:
        assignment = await assigned(ada)
        bodies = [update_body(assignment, seed) for seed in range(6)]
        answers = await asyncio.gather(*(ada.put(assignment["upload_url"], b) for b in bodies))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
        winner = bodies[[answer.status_code for answer in answers].index(201)]
        assert await world.counted() == [digest_of(winner)]
        blob = world.state["blobs"].get("updates", world.update_blobs()[0])
        assert world.update_blobs() == [f"{assignment['id']}.{digest_of(winner)}"]
        assert blob == winner

    async def test_parallel_uploads_at_the_target(self, world: RoundWorld) -> None:
        devices = await world.enrol(*(f"user-{i}" for i in range(8)))
        granted = [(d, a) for d in devices if (a := (await d.check_in())["assignment"])]
        assert len(granted) > TARGET
        sent = [(d, a, update_body(a, i)) for i, (d, a) in enumerate(granted)]
        answers = await asyncio.gather(
            *(d.put(a["upload_url"], body) for d, a, body in sent for _ in range(32 // len(sent)))
        )
        codes = [answer.status_code for answer in answers]
        assert codes.count(201) == TARGET
        assert set(codes) <= {200, 201, 410}
        stored = await world.round()
        assert (stored.state.phase, stored.state.accepted) == ("reducing", TARGET)
        assert len(await world.counted()) == len(world.update_blobs()) == TARGET

    async def test_requests_are_counted_from_assignment_to_receipt(self, world: RoundWorld) -> None:
        for i, device in enumerate(await world.enrol("ada", "bob", "cyd")):
            assignment = await assigned(device)
            await device.download(assignment)
            await device.put(assignment["upload_url"], update_body(assignment, i))
        shown = (await world.server.get("/v1/rounds/1")).json()
        assert shown["requests_per_update"] == 3.0

    async def test_cache_away(self, world: RoundWorld, ada: HandDevice) -> None:
        assignment = await assigned(ada)
        world.state["cache"]._rest_until = world.clock.now + 10
        answer = await ada.put(assignment["upload_url"], update_body(assignment, 1))
        assert answer.status_code == 201
        assert (await ada.check_in())["retry"] is not None


class TestRounds:
    async def test_only_the_server_looks(self, world: RoundWorld, ada: HandDevice) -> None:
        for path in ("/v1/rounds", "/v1/rounds/1"):
            assert (await ada.client.get(path)).status_code == 403
            assert (await world.connect(None).get(path)).status_code == 401

    async def test_unknown_and_malformed(self, client: httpx.AsyncClient) -> None:
        for path, status in (
            ("/v1/rounds/7", 404),
            ("/v1/rounds/0", 422),
            ("/v1/rounds/99999999999999999999", 422),
            ("/v1/rounds/one", 422),
            ("/v1/rounds?cursor=%F0%9F%98%80", 422),
            ("/v1/rounds?cursor=YQ", 422),
            ("/v1/rounds?limit=0", 422),
        ):
            assert (await client.get(path)).status_code == status, path

    async def test_newest_first_by_pages(self, world: RoundWorld) -> None:
        for _ in range(3):
            await world.tick(after_s=61.0)
        first = (await world.server.get("/v1/rounds?limit=3")).json()
        rest = await world.server.get(f"/v1/rounds?limit=3&cursor={first['next_cursor']}")
        ids = [one["id"] for one in first["data"] + rest.json()["data"]]
        assert ids == [4, 3, 2, 1]
        assert rest.json()["next_cursor"] is None
        ended = first["data"][1]
        assert (ended["phase"], ended["reason"]) == ("abandoned", "below_quorum")
