"""The device's own audit: what became of each update that it holds a receipt for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from clients.python.answers import Answer, Failure, read_json
from clients.python.connection import Connection
from clients.python.objections import Objection
from clients.python.receipt_book import ReceiptBook
from clients.python.receipt_checks import ChainCheck, check_proof, read_proof
from federation.receipt import ReceiptClaims

Outcome = Literal["counted", "pending", "discarded", "unproven", "refuted"]

# A service that never comes to an end of its chain is not listened to for ever.
PAGES_MAX = 100_000

ENDS: Mapping[str, Outcome] = {"round_open": "pending", "discarded": "discarded"}


@dataclass(frozen=True)
class Standing:
    """What became of one update.

    outcome: "counted" (proven: once), "pending" (its round is open), "discarded" (its round was
    abandoned), "unproven" (no proof came; `why`), "refuted" (the proof does not hold; `why`).
    version, leaf_index, tree_size: where it was counted.
    """

    claims: ReceiptClaims
    outcome: Outcome
    why: str = ""
    version: int | None = None
    leaf_index: int = 0
    tree_size: int = 0


@dataclass(frozen=True)
class DeviceAudit:
    """standings: one per receipt, oldest first; head: newest version of the chain and its digest,
    None before there is one."""

    standings: list[Standing]
    head: tuple[int, str] | None

    @property
    def holds(self) -> bool:
        """Whether nothing that the service said was refuted."""
        return all(standing.outcome != "refuted" for standing in self.standings)


def audit_receipts(connection: Connection, book: ReceiptBook) -> DeviceAudit | Failure | Objection:
    """Check the whole chain, and every receipt against it.

    A failure when the chain cannot be had; an objection when it does not hold, or is not the one
    that this device saw before. Raises: CorruptedStateError.
    """
    # The proofs first: the chain, read after them, reaches to the record of each.
    asked = [(claims, connection.proof(claims.assignment)) for claims in book.read()]
    chain = _check_chain(connection, book.head())
    if not isinstance(chain, ChainCheck):
        return chain
    standings = [_standing(chain, claims, answer) for claims, answer in asked]
    if chain.head is not None:
        book.save_head(*chain.head)
    return DeviceAudit(standings, chain.head)


def _check_chain(
    connection: Connection, seen: tuple[int, str] | None
) -> ChainCheck | Failure | Objection:
    chain, cursor = ChainCheck(), None
    for _ in range(PAGES_MAX):
        page = _document(connection.audit_records(cursor))
        if isinstance(page, Failure):
            return page
        try:
            broken = chain.add(page["data"])
            cursor = page["next_cursor"]
        except (ValueError, KeyError, TypeError) as error:
            return Failure(None, "malformed_answer", f"audit records: {error}")
        if broken is not None:
            return broken
        if cursor is None:
            break
    if seen is not None and chain.chains.get(seen[0]) != seen[1]:
        return Objection("chain_forked", f"version {seen[0]} is not the one seen before")
    return chain


def _standing(chain: ChainCheck, claims: ReceiptClaims, answer: Answer | Failure) -> Standing:
    found = _document(answer)
    if isinstance(found, Failure):
        outcome = ENDS.get(found.reason, "unproven")
        return Standing(claims, outcome, "" if found.reason in ENDS else found.reason)
    try:
        proof = read_proof(found)
    except (ValueError, KeyError, TypeError) as error:
        return Standing(claims, "refuted", f"the proof is none: {error}")
    objection = check_proof(claims, proof)
    if objection is not None:
        return Standing(claims, "refuted", objection.detail)
    if chain.chains.get(proof.record.version) != proof.chain:
        return Standing(claims, "refuted", "the record is not in the chain")
    return Standing(claims, "counted", "", proof.record.version, proof.leaf_index, proof.tree_size)


def _document(answer: Answer | Failure) -> dict[str, Any] | Failure:
    return answer if isinstance(answer, Failure) else read_json(answer)
