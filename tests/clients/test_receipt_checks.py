"""What a device makes of receipts and proofs: nothing that does not hold is believed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from clients.python.objections import Objection
from clients.python.receipt_checks import (
    ChainCheck,
    Proof,
    check_proof,
    check_receipt,
    key_name,
    read_keys,
    read_proof,
)
from federation.audit import GENESIS_CHAIN, AuditRecord, member_digest
from federation.canonical import digest
from federation.merkle import inclusion_path, tree_root, update_leaves
from federation.receipt import JWS_TYPE, ReceiptClaims

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "receipt.json").read_text())
KEYS = read_keys({"keys": [VECTOR["key"]]})
CLAIMS = ReceiptClaims.from_json(VECTOR["payload"].encode())
UPDATES = [(CLAIMS.assignment, CLAIMS.body_digest), ("a", digest(b"a")), ("b", digest(b"b"))]
INDEX = sorted(UPDATES).index(UPDATES[0])


def make_chain(updates: list[tuple[str, str]]) -> list[AuditRecord]:
    """A genesis, and a round that counted `updates`."""
    genesis = AuditRecord(1, None, "genesis", GENESIS_CHAIN, digest(b"model 1"))
    members = sorted(member_digest(b"s" * 16, str(n)) for n in range(len(updates)))
    counted = AuditRecord(
        version=2,
        parent=1,
        kind="round",
        parent_chain=genesis.chain,
        model=digest(b"model 2"),
        plan=CLAIMS.plan_digest,
        sum=digest(b"sum"),
        count=len(updates),
        members=tuple(members),
        gate="passed",
        updates_root=tree_root(update_leaves(updates)),
    )
    return [genesis, counted]


def proof_of(updates: list[tuple[str, str]], index: int = INDEX) -> Proof:
    record = make_chain(updates)[-1]
    path = inclusion_path(update_leaves(updates), index)
    return Proof(index, len(updates), path, record, record.chain)


def entries(records: list[AuditRecord]) -> list[dict[str, Any]]:
    return [
        {"version": one.version, "record": one.to_mapping(), "chain": one.chain} for one in records
    ]


class TestReceipt:
    @pytest.mark.parametrize(
        "signed",
        ["", "a.b.c", "x" * 10_000, VECTOR["signed"][:-4], VECTOR["signed"] + "AAAA", "ü.ü.ü"],
    )
    def test_what_is_no_receipt(self, signed: str) -> None:
        assert isinstance(check_receipt(signed, KEYS), Objection)

    def test_another_key(self) -> None:
        other = ECKey.generate_key("P-256", private=True)
        header = {"alg": "ES256", "kid": VECTOR["kid"], "typ": JWS_TYPE}
        forged = jws.serialize_compact(header, VECTOR["payload"].encode(), other, ["ES256"])
        found = check_receipt(forged, KEYS)
        assert isinstance(found, Objection)
        assert found.reason == "receipt_invalid"
        assert isinstance(check_receipt(VECTOR["signed"], {}), Objection)

    @pytest.mark.parametrize("missing", ["typ", "kid"])
    def test_something_else_that_the_key_signed(self, missing: str) -> None:
        key = ECKey.generate_key("P-256", private=True)
        keys = read_keys({"keys": [key.as_dict(private=False)]})
        about = {"alg": "ES256", "kid": key.thumbprint(), "typ": JWS_TYPE}
        payload = VECTOR["payload"].encode()
        good = jws.serialize_compact(about, payload, key, ["ES256"])
        assert check_receipt(good, keys) == CLAIMS
        del about[missing]
        other = jws.serialize_compact(about, payload, key, ["ES256"])
        assert isinstance(check_receipt(other, keys), Objection)

    def test_keys_are_named_by_what_they_are(self) -> None:
        renamed = read_keys({"keys": [VECTOR["key"] | {"kid": "anything"}, {"kty": "RSA"}]})
        assert set(renamed) == {VECTOR["kid"]}
        with pytest.raises((ValueError, KeyError)):
            read_keys({"keys": [{"kty": "EC", "crv": "P-256", "x": "!", "y": "!"}]})

    def test_the_vector(self) -> None:
        assert key_name(VECTOR["signed"]) == VECTOR["kid"]
        assert check_receipt(VECTOR["signed"], KEYS) == CLAIMS


class TestProof:
    @pytest.mark.parametrize(
        "forge",
        [
            lambda proof: replace(proof, leaf_index=(proof.leaf_index + 1) % 3),
            lambda proof: replace(proof, path=proof.path[:-1]),
            lambda proof: replace(proof, path=(*proof.path, digest(b"x"))),
            lambda proof: replace(proof, path=(digest(b"x"), *proof.path[1:])),
            lambda proof: replace(proof, tree_size=4),
            lambda proof: replace(proof, chain=digest(b"x")),
            lambda proof: replace(proof, record=make_chain(UPDATES[1:])[-1]),
            lambda proof: replace(proof, record=make_chain(UPDATES)[0]),
        ],
    )
    def test_a_forged_proof(self, forge: Callable[[Proof], Proof]) -> None:
        forged = forge(proof_of(UPDATES))
        found = check_proof(CLAIMS, forged)
        assert isinstance(found, Objection)
        assert found.reason == "proof_invalid"

    def test_a_receipt_for_other_bytes(self) -> None:
        other = replace(CLAIMS, body_digest=digest(b"other"))
        assert check_proof(other, proof_of(UPDATES)) is not None

    def test_a_tree_that_counts_an_update_twice_has_a_leaf_too_many(self) -> None:
        twice = [*UPDATES, UPDATES[0]]
        path = inclusion_path(update_leaves(twice), INDEX)
        record = replace(make_chain(UPDATES)[-1], updates_root=tree_root(update_leaves(twice)))
        assert check_proof(CLAIMS, Proof(INDEX, 4, path, record, record.chain)) is not None

    def test_an_honest_proof(self) -> None:
        proof = proof_of(UPDATES)
        assert check_proof(CLAIMS, proof) is None
        told = {
            "leaf_index": proof.leaf_index,
            "tree_size": proof.tree_size,
            "path": list(proof.path),
            "record": proof.record.to_mapping(),
            "chain": proof.chain,
        }
        assert read_proof(told) == proof
        for name in told:
            for value in (None, "x", [1], -1):
                with pytest.raises((ValueError, KeyError, TypeError)):
                    read_proof(told | {name: value})


class TestChain:
    @pytest.mark.parametrize("at", [0, 1])
    def test_a_changed_record_is_named(self, at: int) -> None:
        forged = entries(make_chain(UPDATES))
        forged[at]["record"]["model"] = digest(b"other")
        found = ChainCheck().add(forged)
        assert isinstance(found, Objection)
        assert (found.reason, f"version {at + 1}" in found.detail) == ("chain_broken", True)

    def test_a_chain_that_does_not_begin_with_a_genesis(self) -> None:
        found = ChainCheck().add(entries(make_chain(UPDATES)[1:]))
        assert isinstance(found, Objection)

    def test_page_by_page(self) -> None:
        chain, records = ChainCheck(), make_chain(UPDATES)
        assert chain.head is None
        for entry in entries(records):
            assert chain.add([entry]) is None
        assert chain.head == (2, records[-1].chain)
        assert chain.chains == {one.version: one.chain for one in records}
