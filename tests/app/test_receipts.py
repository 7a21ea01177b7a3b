"""Receipts, signed and proven: refusals first, then what a device can hold against the service."""

import asyncio
import json
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from sqlalchemy import select

from app.receipts.signing import ReceiptSigner, receipt_key
from app.settings import Settings
from app.store.tables import updates
from federation.audit import AuditRecord
from federation.canonical import canonical_json
from federation.merkle import root_from_path, update_leaf
from federation.receipt import ReceiptClaims
from tests.app.audit_world import publish_rounds
from tests.app.device_by_hand import HandDevice, update_body
from tests.app.round_world import TARGET, RoundWorld, small_rounds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


async def deliver(world: RoundWorld, *names: str) -> list[tuple[HandDevice, str]]:
    """Devices of these users that uploaded, each with the address of its update."""
    delivered = []
    for seed, device in enumerate(await world.enrol(*names)):
        assignment = (await device.check_in())["assignment"]
        answer = await device.put(assignment["upload_url"], update_body(assignment, seed))
        assert answer.status_code == 201
        delivered.append((device, assignment["upload_url"]))
    return delivered


async def public_key(world: RoundWorld) -> dict[str, Any]:
    answer = await world.connect(None).get("/.well-known/jwks.json")
    assert answer.status_code == 200
    (key,) = answer.json()["keys"]
    return dict(key)


def claims_of(signed: str, key: dict[str, Any]) -> ReceiptClaims:
    found = jws.deserialize_compact(signed, ECKey.import_key(key), ["ES256"])
    assert found.headers() == {"alg": "ES256", "kid": key["kid"], "typ": "twofold-receipt"}
    return ReceiptClaims.from_json(found.payload)


class TestKey:
    @pytest.mark.parametrize(
        "pem", ["nonsense", ECKey.generate_key("P-384", private=True).as_pem().decode()]
    )
    def test_a_wrong_key_is_named(self, settings: Settings, pem: str) -> None:
        given = settings.model_validate(settings.model_dump() | {"receipt_key": pem})
        with pytest.raises(RuntimeError, match="TWOFOLD_RECEIPT_KEY must hold a private P-256"):
            receipt_key(given)

    def test_a_public_key_signs_nothing(self, settings: Settings) -> None:
        public = ECKey.generate_key("P-256", private=True).as_pem(private=False).decode()
        given = settings.model_validate(settings.model_dump() | {"receipt_key": public})
        with pytest.raises(RuntimeError, match="private"):
            receipt_key(given)

    def test_a_damaged_file_is_named(self, settings: Settings) -> None:
        receipt_key(settings)
        (settings.data_dir / "receipt-key").write_text("x")
        with pytest.raises(RuntimeError, match="receipt-key must hold"):
            receipt_key(settings)

    def test_the_key_is_made_once_and_for_its_owner_alone(self, settings: Settings) -> None:
        keys = [receipt_key(settings).thumbprint() for _ in range(3)]
        assert len(set(keys)) == 1
        assert (settings.data_dir / "receipt-key").stat().st_mode & 0o077 == 0

    def test_only_the_public_half_is_served(self, settings: Settings) -> None:
        jwk = ReceiptSigner(receipt_key(settings)).public_jwk
        assert set(jwk) == {"kty", "crv", "x", "y", "alg", "use", "kid"}


class TestReceipt:
    async def test_the_signature_covers_what_was_taken(self, world: RoundWorld) -> None:
        ((device, url),) = await deliver(world, "ada")
        receipt = (await device.client.get(url)).json()
        claims = claims_of(receipt["signed"], await public_key(world))
        for name, value in json.loads(claims.to_json()).items():
            assert receipt.get(name, value) == value, name
        assert (claims.round, claims.mode, claims.staleness) == (1, "plain", 0)

    async def test_a_changed_receipt_does_not_verify(self, world: RoundWorld) -> None:
        ((device, url),) = await deliver(world, "ada")
        header, _, signature = (await device.client.get(url)).json()["signed"].split(".")
        key = await public_key(world)
        other = ReceiptSigner(ECKey.generate_key("P-256", private=True))
        claims = ReceiptClaims(
            "b", 1, "sha256:" + "0" * 64, "sha256:" + "1" * 64, 1, 0, "t", "plain"
        )
        forged = other.sign(claims)
        for text in (f"{header}.{forged.split('.')[1]}.{signature}", forged):
            with pytest.raises(Exception, match="bad_signature"):
                jws.deserialize_compact(text, ECKey.import_key(key), ["ES256"])

    async def test_the_same_upload_gets_the_same_bytes_whatever_the_key(
        self, world: RoundWorld
    ) -> None:
        (device,) = await world.enrol("ada")
        assignment = (await device.check_in())["assignment"]
        body = update_body(assignment, 1)
        answers = await asyncio.gather(
            *(device.put(assignment["upload_url"], body) for _ in range(6))
        )
        world.state["receipts"] = ReceiptSigner(ECKey.generate_key("P-256", private=True))
        answers.append(await device.put(assignment["upload_url"], body))
        assert len({answer.json()["signed"] for answer in answers}) == 1
        async with world.state["database"].read() as connection:
            stored = (await connection.execute(select(updates.c.receipt))).scalars().all()
        assert stored == [answers[0].json()["signed"]]


class TestProof:
    async def test_refusals(self, world: RoundWorld) -> None:
        (ada, url), (bob, _) = await deliver(world, "ada", "bob")
        (cyd,) = await world.enrol("cyd")
        idle = (await cyd.check_in())["assignment"]["upload_url"]
        for client, path, status, reason in (
            (world.connect(None), url, 401, "unauthorised"),
            (world.server, url, 403, "wrong_credential"),
            (bob.client, url, 404, "not_assigned"),
            (ada.client, "/v1/updates/no-such", 404, "not_assigned"),
            (cyd.client, idle, 404, "not_found"),
            (ada.client, url, 409, "round_open"),
        ):
            answer = await client.get(f"{path}/proof")
            assert (answer.status_code, answer.json()["reason"]) == (status, reason), path
        foreign = (await bob.client.get(f"{url}/proof")).json()
        assert foreign == (await bob.client.get("/v1/updates/no-such/proof")).json()

    async def test_an_abandoned_round_counts_nothing(self, world: RoundWorld) -> None:
        ((ada, url),) = await deliver(world, "ada")
        await world.tick(after_s=61.0)
        answer = await ada.client.get(f"{url}/proof")
        assert (answer.status_code, answer.json()["reason"]) == (410, "discarded")

    async def test_every_device_proves_its_own_place(self, world: RoundWorld) -> None:
        delivered = await deliver(world, "ada", "bob", "cyd")
        await world.tick()
        assert world.update_blobs() == []  # the proof needs the digests alone
        places = []
        for device, url in delivered:
            receipt = (await device.client.get(url)).json()
            proof = (await device.client.get(f"{url}/proof")).json()
            record = AuditRecord.from_json(canonical_json(proof["record"]))
            leaf = update_leaf(receipt["assignment"], receipt["body_digest"])
            index, size = proof["leaf_index"], proof["tree_size"]
            assert root_from_path(leaf, index, size, proof["path"]) == record.updates_root
            assert (record.chain, size, receipt["outcome"]) == (
                proof["chain"],
                record.count,
                "counted",
            )
            assert (proof["round"], proof["version"]) == (1, record.version)
            places.append(index)
        assert sorted(places) == list(range(TARGET))


class TestRecords:
    async def test_who_may_read_and_what_is_malformed(self, world: RoundWorld) -> None:
        assert (await world.connect(None).get("/v1/audit/records")).status_code == 401
        for query in ("cursor=YQ", "cursor=%F0%9F%98%80", "limit=0", f"cursor={'A' * 600}"):
            answer = await world.server.get(f"/v1/audit/records?{query}")
            assert answer.status_code == 422, query

    async def test_oldest_first_by_pages(self, world: RoundWorld) -> None:
        await publish_rounds(world, 2)
        first = (await world.server.get("/v1/audit/records?limit=2")).json()
        path = f"/v1/audit/records?limit=2&cursor={first['next_cursor']}"
        rest = (await world.server.get(path)).json()
        records = [
            AuditRecord.from_json(canonical_json(entry["record"]))
            for entry in first["data"] + rest["data"]
        ]
        assert [record.kind for record in records] == ["genesis", "round", "round"]
        assert [one.parent_chain for one in records[1:]] == [one.chain for one in records[:-1]]
        assert rest["next_cursor"] is None
        assert rest["data"][-1]["chain"] == records[-1].chain
