"""The Merkle tree over a round's updates, by which a device proves that its own was counted.

Hashing and proofs are those of RFC 9162, section 2.1 (https://www.rfc-editor.org/rfc/rfc9162): a
leaf is hashed behind 0x00 and a node behind 0x01, so that neither passes for the other. Roots and
hashes are digests in the form of `canonical`.
"""

import hashlib
from collections.abc import Iterable, Sequence

from federation.canonical import PREFIX, raw_digest

LEAF, NODE = b"\x00", b"\x01"
UPDATE_LABEL = b"twofold/update/1"
SIGNATURE_LABEL = b"twofold/signature/1"


def update_leaves(updates: Iterable[tuple[str, str]]) -> list[bytes]:
    """The leaves of a round's updates, (assignment, body digest), in the order of assignment ids.

    By their UTF-8 bytes, which is also the order of code points.
    """
    return [update_leaf(*update) for update in sorted(updates)]


def update_leaf(assignment: str, body_digest: str) -> bytes:
    """The leaf of an update: a label, the 32 bytes of its body's digest, its assignment's id."""
    return UPDATE_LABEL + raw_digest(body_digest) + assignment.encode("utf-8")


def signature_leaves(signatures: Iterable[tuple[str, str]]) -> list[bytes]:
    """The leaves of the envelopes of a round's updates, (assignment, digest), in the same order."""
    return [
        SIGNATURE_LABEL + raw_digest(name) + assignment.encode("utf-8")
        for assignment, name in sorted(signatures)
    ]


def tree_root(leaves: Sequence[bytes]) -> str:
    """The root over the leaves in their order; that of no leaves is the digest of nothing."""
    return _named(_root([_leaf_hash(leaf) for leaf in leaves]))


def inclusion_path(leaves: Sequence[bytes], index: int) -> tuple[str, ...]:
    """The hashes beside the way from leaf `index` up to the root, lowest first."""
    if not 0 <= index < len(leaves):
        raise ValueError("index: no such leaf")
    return tuple(map(_named, _path([_leaf_hash(leaf) for leaf in leaves], index)))


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[str]) -> str:
    """The root of the tree of `size` leaves that holds `leaf` at `index`, by its inclusion path.

    The steps are those of RFC 9162, 2.1.3.2. A root does not fix how many leaves it is over: take
    `size` from where the root stands, not from whoever brings the path. ValueError for an index
    outside the tree, and for a path that is longer or shorter than this place has.
    """
    if not 0 <= index < size:
        raise ValueError("index: outside the tree")
    place, last, found = index, size - 1, _leaf_hash(leaf)
    for beside in map(raw_digest, path):
        if last == 0:
            raise ValueError("path: too long")
        if place % 2 == 1 or place == last:
            found = _node_hash(beside, found)
            # The last place of a level without a neighbour rises unhashed.
            while place % 2 == 0 and place > 0:
                place, last = place // 2, last // 2
        else:
            found = _node_hash(found, beside)
        place, last = place // 2, last // 2
    if last != 0:
        raise ValueError("path: too short")
    return _named(found)


def _root(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256().digest()
    k = _left_size(len(hashes))
    return _node_hash(_root(hashes[:k]), _root(hashes[k:]))


def _path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    if len(hashes) == 1:
        return []
    k = _left_size(len(hashes))
    if index < k:
        return [*_path(hashes[:k], index), _root(hashes[k:])]
    return [*_path(hashes[k:], index - k), _root(hashes[:k])]


def _left_size(n: int) -> int:
    """The largest power of two below n; n: at least 2."""
    return 1 << (n - 1).bit_length() - 1


def _leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(LEAF + leaf).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()


def _named(raw: bytes) -> str:
    return PREFIX + raw.hex()
