"""The audit chain: whatever is changed, the chain does not verify, and says where."""

import copy
import json
import pickle
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.audit import GENESIS_CHAIN, AuditRecord, chain_digest, member_digest
from federation.audit_chain import StoredRecord, verify_chain, verify_stored
from federation.canonical import digest

SALT = b"s" * 16


def make_chain() -> list[AuditRecord]:
    members = tuple(sorted(member_digest(SALT, name) for name in ("ann", "bob")))
    chain = [AuditRecord(1, None, "genesis", GENESIS_CHAIN, digest(b"model 1"))]
    chain.append(AuditRecord(2, 1, "catalogue", chain[-1].chain, digest(b"model 2")))
    for version in (3, 4):
        chain.append(
            AuditRecord(
                version=version,
                parent=version - 1,
                kind="round",
                parent_chain=chain[-1].chain,
                model=digest(b"model %d" % version),
                plan=digest(b"plan"),
                sum=digest(b"sum %d" % version),
                count=2,
                members=members,
                metrics={"loss": 4.25, "hits_at_10": 0.5},
                gate="passed",
                training_state=digest(b"state"),
                updates_root=digest(b"root"),
                build={"torch": "2.9.0", "threads": 1},
            )
        )
    return chain


CHAIN = make_chain()
STORED = [StoredRecord(r.version, r.to_json(), r.chain) for r in CHAIN]
ROUND = CHAIN[-1]
ROLLBACK = AuditRecord(5, 4, "rollback", ROUND.chain, digest(b"model 5"), base=2)


@pytest.mark.parametrize(
    "change",
    [
        {"version": -1},
        {"version": True},
        {"parent": 2},
        {"parent": None},
        {"parent": 3.0},
        {"kind": "other"},
        {"kind": "catalogue"},
        {"kind": "genesis"},
        {"parent_chain": "x"},
        {"model": None},
        {"plan": None},
        {"sum": "x"},
        {"gate": ""},
        {"gate": None},
        {"count": 3},
        {"count": 0, "members": ()},
        {"members": ROUND.members[:1] * 2},
        {"members": ROUND.members[::-1]},
        {"members": ("ann", "bob")},
        {"members": list(ROUND.members)},
        {"metrics": {"loss": float("nan")}},
        {"metrics": {"loss": True}},
        {"metrics": [1]},
        {"training_state": "x"},
        {"base": 1},
        {"restored_from": 1, "restored_row": 1},
        {"updates_root": "x"},
        {"build": {"threads": None}},
        {"build": "torch"},
    ],
)
def test_records_that_do_not_fit_together(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as error:
        replace(ROUND, **change)
    assert str(error.value).split(":")[0].split(".")[0] in {*change, "parent", "plan", "members"}


@pytest.mark.parametrize(
    "change",
    [
        {"base": 4},
        {"base": 5},
        {"base": -1},
        {"base": True},
        {"kind": "genesis"},
        {"kind": "round"},
        {"count": 1},
        {"plan": digest(b"plan")},
        {"restored_from": 2},
        {"restored_row": 7},
        {"restored_from": 5, "restored_row": 7},
        {"restored_from": 2, "restored_row": -1},
        {"kind": "catalogue", "restored_from": 2, "restored_row": 7},
    ],
)
def test_rollbacks_that_do_not_fit_together(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(ROLLBACK, **change)


def test_a_rollback_says_what_it_took_from_where() -> None:
    assert verify_chain([*CHAIN, ROLLBACK]) is None
    of_a_row = replace(ROLLBACK, restored_from=1, restored_row=7)
    assert verify_chain([*CHAIN, of_a_row]) is None
    catalogue = replace(ROLLBACK, kind="catalogue")
    digests = {record.digest for record in (ROLLBACK, of_a_row, catalogue)}
    assert len(digests) == 3
    assert AuditRecord.from_json(of_a_row.to_json()) == of_a_row


@pytest.mark.parametrize("name", [field.name for field in fields(AuditRecord)])
def test_missing_field_is_named(name: str) -> None:
    plain = json.loads(ROUND.to_json())
    del plain[name]
    with pytest.raises(ValueError, match=f"^{name}: missing"):
        AuditRecord.from_json(json.dumps(plain).encode())


def test_only_a_round_has_a_root_of_updates() -> None:
    with pytest.raises(ValueError, match=r"^updates_root: only a round"):
        replace(CHAIN[1], updates_root=digest(b"root"))


def test_unknown_and_mistyped_fields() -> None:
    plain = json.loads(ROUND.to_json())
    with pytest.raises(ValueError, match=r"^extra"):
        AuditRecord.from_json(json.dumps(plain | {"extra": 1}).encode())
    with pytest.raises(ValueError, match=r"^members"):
        AuditRecord.from_json(json.dumps(plain | {"members": "abc"}).encode())


def test_salt_must_not_be_guessable() -> None:
    with pytest.raises(ValueError, match="salt"):
        member_digest(b"short", "ann")
    assert member_digest(SALT, "ann") != member_digest(b"t" * 16, "ann")


@given(row=st.integers(0, 3), data=st.data())
def test_any_edited_byte_is_found_in_its_record(row: int, data: st.DataObject) -> None:
    target = STORED[row]
    body = bytearray(target.record)
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    edited = [*STORED[:row], replace(target, record=bytes(body)), *STORED[row + 1 :]]
    broken = verify_stored(edited)
    assert broken is not None
    assert broken.version == target.version


@pytest.mark.parametrize("row", range(4))
def test_an_edited_chain_digest_is_found(row: int) -> None:
    edited = list(STORED)
    edited[row] = replace(edited[row], chain=digest(b"other"))
    broken = verify_stored(edited)
    assert broken is not None
    assert (broken.version, broken.what.split(":")[0]) == (row + 1, "chain")


@pytest.mark.parametrize("row", range(3))
def test_a_record_replaced_with_its_own_digest_breaks_at_its_successor(row: int) -> None:
    forged = replace(CHAIN[row], model=digest(b"forged"))
    rows = list(STORED)
    rows[row] = StoredRecord(forged.version, forged.to_json(), forged.chain)
    broken = verify_stored(rows)
    assert broken is not None
    assert (broken.version, broken.what.split(":")[0]) == (row + 2, "parent_chain")


def test_the_last_record_needs_the_head() -> None:
    forged = replace(CHAIN[3], model=digest(b"forged"))
    assert verify_chain([*CHAIN[:3], forged]) is None
    for records in ([*CHAIN[:3], forged], CHAIN[:3], []):
        broken = verify_chain(records, head=CHAIN[3].chain)
        assert broken is not None
        assert broken.what.startswith("head")


def test_records_left_out_swapped_repeated_or_relabelled() -> None:
    cases = {
        "no genesis": (CHAIN[1:], 2, "kind"),
        "gap": ([CHAIN[0], *CHAIN[2:]], 3, "parent"),
        "swapped": ([CHAIN[0], CHAIN[2], CHAIN[1], CHAIN[3]], 3, "parent"),
        "repeated": ([*CHAIN[:2], *CHAIN[1:]], 2, "parent"),
        "two": ([*CHAIN, CHAIN[0]], 1, "parent"),
        "begun": ([replace(CHAIN[0], parent_chain=digest(b"x"))], 1, "parent_chain"),
    }
    for records, version, field in cases.values():
        broken = verify_chain(records)
        assert broken is not None
        assert (broken.version, broken.what.split(":")[0]) == (version, field)
    broken = verify_stored([replace(STORED[0], version=9)])
    assert broken is not None
    assert broken.what.startswith("version")


def test_a_record_in_another_spelling_is_not_the_record() -> None:
    spaced = json.dumps(json.loads(STORED[0].record)).encode()
    broken = verify_stored([replace(STORED[0], record=spaced)])
    assert broken is not None
    assert "canonical" in broken.what


def test_whole_chain_verifies() -> None:
    assert verify_chain(CHAIN) is None
    assert verify_chain(CHAIN, head=CHAIN[-1].chain) is None
    assert verify_stored(STORED, head=STORED[-1].chain) is None
    assert verify_chain([]) is None


def test_chain_digest_depends_on_both_sides() -> None:
    one, two = digest(b"one"), digest(b"two")
    assert len({chain_digest(a, b) for a in (one, two) for b in (one, two)}) == 4


def test_round_trip_and_chain_digest() -> None:
    for record in CHAIN:
        again = AuditRecord.from_json(record.to_json())
        assert again == record
        assert again.digest == record.digest == digest(record.to_json())
        assert record.chain == chain_digest(record.parent_chain, record.digest)
        assert pickle.loads(pickle.dumps(record)) == copy.deepcopy(record) == record
        assert hash(again) == hash(record)
