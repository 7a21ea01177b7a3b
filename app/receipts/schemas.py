"""Answers of the receipt routes."""

from typing import Any

from pydantic import BaseModel


class PublicKey(BaseModel):
    """A public key that checks receipts (RFC 7517); `kid` is its RFC 7638 thumbprint."""

    kty: str
    crv: str
    x: str
    y: str
    alg: str
    use: str
    kid: str


class KeySet(BaseModel):
    """The keys that receipts are signed with at present."""

    keys: list[PublicKey]


class ProofView(BaseModel):
    """That an update is a leaf of the tree whose root stands in its version's audit record.

    leaf_index, tree_size, path: the inclusion proof of RFC 9162; the leaves are in the order of
    assignment ids. record, chain: the version's audit record and the chain digest up to it.
    """

    assignment: str
    round: int
    version: int
    leaf_index: int
    tree_size: int
    path: list[str]
    record: dict[str, Any]
    chain: str
