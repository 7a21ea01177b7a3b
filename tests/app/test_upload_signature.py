"""Envelopes of uploads: what is none, by name; tampered bodies by the hundred; then what is kept.

`TWOFOLD_EXAMPLES` scales the campaign.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OctKey
from sqlalchemy import select

from app.access.compact_jws import read_compact
from app.access.public_keys import PublicKeys, thumbprint_of
from app.settings import Settings
from app.store.tables import updates, versions
from federation.device_claims import UPLOAD_TYPE, ApprovalClaims, UploadClaims
from federation.merkle import signature_leaves, tree_root
from tests.app.device_by_hand import HandDevice, content_digest, digest_of, new_key, update_body
from tests.app.dpop_by_hand import compact, segment
from tests.app.round_world import QUORUM, RoundWorld, Snapshot, small_rounds

N = int(os.environ.get("TWOFOLD_EXAMPLES", "60"))
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "upload_signature.json").read_text())
HEADER = {"alg": "ES256", "typ": UPLOAD_TYPE}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


@pytest.fixture
async def ada(world: RoundWorld) -> HandDevice:
    return (await world.enrol("ada"))[0]


async def lease(device: HandDevice) -> dict[str, Any]:
    found: dict[str, Any] = (await device.check_in())["assignment"]
    return found


def claims_of(lease: dict[str, Any], body: bytes, **changes: Any) -> dict[str, Any]:
    given = lease["plan_digest"], lease["round"], lease["id"], digest_of(body)
    claims: dict[str, Any] = json.loads(UploadClaims(*given).to_json())
    return claims | changes


def canonical(claims: dict[str, Any]) -> bytes:
    return json.dumps(claims, sort_keys=True, separators=(",", ":")).encode()


def wrong_signatures(device: HandDevice, lease: dict[str, Any], body: bytes) -> dict[str, Any]:
    """Name -> an envelope that must be refused."""
    key, good = device.key, claims_of(lease, body)
    payload = canonical(good)
    sent = compact(key, HEADER, payload)
    head, middle, signature = sent.split(".")
    approval = ApprovalClaims(lease["id"], "t").to_json()
    secret = OctKey.generate_key(256).as_dict(private=True)
    other_body = digest_of(b"another body")
    return {
        "empty": "",
        "no jws": "x",
        "truncated": sent[:-3],
        "detached": f"{head}..{signature}",
        "alg none": f"{segment(HEADER | {'alg': 'none'})}.{middle}.{signature}",
        "alg none, unsigned": f"{segment(HEADER | {'alg': 'none'})}.{middle}.",
        "hmac": compact(key, HEADER | {"alg": "HS256"}, payload),
        "embedded key": compact(key, HEADER | {"jwk": secret}, payload),
        "crit": compact(key, HEADER | {"crit": ["exp"]}, payload),
        "a proof's type": compact(key, HEADER | {"typ": "dpop+jwt"}, payload),
        "no type": compact(key, {"alg": "ES256"}, payload),
        "an approval": compact(key, HEADER, approval),
        "another key": compact(new_key(), HEADER, payload),
        "zero signature": f"{head}.{middle}.{segment(bytes(64))}",
        "another order": compact(key, HEADER, json.dumps(dict(reversed(good.items()))).encode()),
        "oversize": compact(key, HEADER, canonical(good | {"more": "x" * 3000})),
        "one more": compact(key, HEADER, canonical(claims_of(lease, body, more=1))),
        "another purpose": compact(key, HEADER, canonical(claims_of(lease, body, purpose="enrol"))),
        "another plan": compact(
            key, HEADER, canonical(claims_of(lease, body, plan_digest=other_body))
        ),
        "another round": compact(key, HEADER, canonical(claims_of(lease, body, round=2))),
        "the round is true": compact(key, HEADER, canonical(claims_of(lease, body, round=True))),
        "another assignment": compact(
            key, HEADER, canonical(claims_of(lease, body, assignment="a"))
        ),
        "another body": compact(
            key, HEADER, canonical(claims_of(lease, body, body_digest=other_body))
        ),
    }


class TestRefused:
    async def test_by_name(self, world: RoundWorld, ada: HandDevice, snapshot: Snapshot) -> None:
        assignment = await lease(ada)
        body, url = update_body(assignment, 1), assignment["upload_url"]
        before = await snapshot()
        for name, signature in wrong_signatures(ada, assignment, body).items():
            answer = await ada.put(url, body, **{"Upload-Signature": signature})
            assert (answer.status_code, answer.json()["reason"]) == (422, "signature_invalid"), name
            assert answer.json()["errors"][0]["field"] == "Upload-Signature"
        assert await snapshot() == before
        assert world.update_blobs() == []
        assert (await ada.put(url, body)).status_code == 201

    async def test_missing(self, ada: HandDevice) -> None:
        assignment = await lease(ada)
        body = update_body(assignment, 1)
        headers = {"Content-Digest": content_digest(body)}
        answer = await ada.client.put(assignment["upload_url"], content=body, headers=headers)
        assert (answer.status_code, answer.json()["reason"]) == (422, "signature_invalid")

    async def test_signed_by_another_device(self, world: RoundWorld, ada: HandDevice) -> None:
        assignment = await lease(ada)
        (bob,) = await world.enrol("bob")
        bob.leases = ada.leases
        body = update_body(assignment, 1)
        signature = bob.signature(assignment["upload_url"], digest_of(body))
        answer = await ada.put(assignment["upload_url"], body, **{"Upload-Signature": signature})
        assert answer.json()["reason"] == "signature_invalid"

    async def test_campaign_of_bodies_swapped_on_the_way(
        self, world: RoundWorld, ada: HandDevice, snapshot: Snapshot
    ) -> None:
        """Under a good proof and a good envelope; with the digest of either body."""
        assignment = await lease(ada)
        good, url = update_body(assignment, 1), assignment["upload_url"]
        signed = {"Upload-Signature": ada.signature(url, digest_of(good))}
        before = await snapshot()
        for seed in range(N):
            swapped = update_body(assignment, 2 + seed)
            digest = good if seed % 2 else swapped
            given = signed | {"Content-Digest": content_digest(digest)}
            answer = await ada.put(url, swapped, **given)
            expected = "digest_mismatch" if seed % 2 else "signature_invalid"
            assert (answer.status_code, answer.json()["reason"]) == (422, expected)
        assert await snapshot() == before
        assert world.update_blobs() == []


class TestKept:
    async def test_the_first_envelope_counts(self, world: RoundWorld, ada: HandDevice) -> None:
        assignment = await lease(ada)
        body, url = update_body(assignment, 1), assignment["upload_url"]
        envelopes = [compact(ada.key, HEADER, canonical(claims_of(assignment, body)))] * 2
        envelopes[1] = compact(ada.key, HEADER, canonical(claims_of(assignment, body)), high_s=True)
        answers = [await ada.put(url, body, **{"Upload-Signature": e}) for e in envelopes]
        assert [one.status_code for one in answers] == [201, 200]
        assert answers[0].json() == answers[1].json()
        async with world.state["database"].read() as connection:
            kept = (await connection.execute(select(updates.c.signature_digest))).scalars().all()
        assert kept == [digest_of(envelopes[0].encode())]

    async def test_the_record_fixes_who_signed_what(self, world: RoundWorld) -> None:
        signed = []
        for number, device in enumerate(await world.enrol(*(f"u{n}" for n in range(QUORUM + 1)))):
            assignment = await lease(device)
            body = update_body(assignment, number)
            envelope = device.signature(assignment["upload_url"], digest_of(body))
            answer = await device.put(
                assignment["upload_url"], body, **{"Upload-Signature": envelope}
            )
            assert answer.status_code == 201
            signed.append((assignment["id"], digest_of(envelope.encode())))
        for _ in range(4):
            await world.tick()
        async with world.state["database"].read() as connection:
            newest = select(versions.c.record).where(versions.c.kind == "round")
            record = json.loads((await connection.execute(newest)).scalar_one())
        assert record["signatures_root"] == tree_root(signature_leaves(signed))
        swapped = [(signed[0][0], signed[1][1]), (signed[1][0], signed[0][1]), *signed[2:]]
        assert record["signatures_root"] != tree_root(signature_leaves(swapped))


class TestVectors:
    def test_key_and_payload(self) -> None:
        assert thumbprint_of(VECTORS["key"]) == VECTORS["thumbprint"]
        claims = json.loads(VECTORS["payload"])
        assert claims.pop("purpose") == "upload"
        assert UploadClaims(**claims).to_json() == VECTORS["payload"].encode()
        parts = [canonical(VECTORS["header"]), VECTORS["payload"].encode()]
        assert VECTORS["signing_input"] == ".".join(map(segment, parts))

    @pytest.mark.parametrize("name", VECTORS["signatures"])
    def test_signature(self, name: str) -> None:
        one, key = VECTORS["signatures"][name], PublicKeys().get(VECTORS["key"])
        assert key is not None
        jws = read_compact(f"{VECTORS['signing_input']}.{one['signature']}", 2048)
        assert (jws is not None and jws.is_signed_by(key)) == one["verifies"]
