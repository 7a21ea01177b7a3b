"""The Merkle tree: RFC 9162's shape, and no proof for what is not in the tree exactly there."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from federation.canonical import digest
from federation.merkle import inclusion_path, root_from_path, tree_root, update_leaf

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "merkle.json").read_text())
LEAVES = [bytes.fromhex(leaf) for leaf in VECTORS["leaves"]]
Leaves = st.lists(st.binary(max_size=4), min_size=1, max_size=40, unique=True)


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, written from its text."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    left, right = by_definition(leaves[:k]), by_definition(leaves[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def holds(leaf: bytes, index: int, size: int, path: tuple[str, ...], root: str) -> bool:
    try:
        return root_from_path(leaf, index, size, path) == root
    except ValueError:
        return False


@pytest.mark.parametrize("index", [-1, 3])
def test_no_leaf_no_path(index: int) -> None:
    with pytest.raises(ValueError, match=r"^index"):
        inclusion_path(LEAVES[:3], index)
    with pytest.raises(ValueError, match=r"^index"):
        root_from_path(LEAVES[0], index, 3, ())


def test_a_path_of_another_length_is_refused() -> None:
    path = inclusion_path(LEAVES, 5)
    for wrong, why in ((path[:-1], "short"), ((*path, path[0]), "long"), ((), "short")):
        with pytest.raises(ValueError, match=f"^path: too {why}"):
            root_from_path(LEAVES[5], 5, len(LEAVES), wrong)
    with pytest.raises(ValueError, match="not a sha256 digest"):
        root_from_path(LEAVES[5], 5, len(LEAVES), ("x", *path[1:]))


@settings(deadline=None)
@given(leaves=Leaves, data=st.data())
def test_an_edited_leaf_is_not_included(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root = inclusion_path(leaves, index), tree_root(leaves)
    other = data.draw(st.binary(max_size=4))
    assume(other != leaves[index])
    assert not holds(other, index, len(leaves), path, root)


@settings(deadline=None)
@given(leaves=Leaves, data=st.data())
def test_another_place_or_path_does_not_verify(leaves: list[bytes], data: st.DataObject) -> None:
    size = len(leaves)
    index = data.draw(st.integers(0, size - 1))
    path, root = inclusion_path(leaves, index), tree_root(leaves)
    elsewhere = data.draw(st.integers(0, size + 2))
    assume(elsewhere != index)
    assert not holds(leaves[index], elsewhere, size, path, root)
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        edited = (*path[:at], digest(path[at].encode()), *path[at + 1 :])
        assert not holds(leaves[index], index, size, edited, root)


@settings(deadline=None)
@given(leaves=Leaves, data=st.data())
def test_a_tree_with_a_leaf_dropped_repeated_or_swapped_has_another_root(
    leaves: list[bytes], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.integers(0, len(leaves) - 1))
    dropped = leaves[:at] + leaves[at + 1 :]
    repeated = leaves[: at + 1] + leaves[at:]
    swapped = list(leaves)
    swapped[at], swapped[other] = leaves[other], leaves[at]
    found = {tree_root(dropped), tree_root(repeated), tree_root(leaves)}
    assert len(found) == 3
    assert (tree_root(swapped) == tree_root(leaves)) == (at == other)


@settings(deadline=None)
@given(leaves=Leaves)
def test_a_node_does_not_pass_for_a_leaf(leaves: list[bytes]) -> None:
    assume(len(leaves) >= 2)
    halves = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves[:2]]
    assert tree_root([b"".join(halves)]) != tree_root(leaves[:2])


@settings(deadline=None)
@given(leaves=st.lists(st.binary(max_size=4), max_size=40))
def test_root_is_that_of_the_definition(leaves: list[bytes]) -> None:
    assert tree_root(leaves) == f"sha256:{by_definition(leaves).hex()}"


@settings(deadline=None)
@given(leaves=Leaves)
def test_every_leaf_has_a_short_path_to_the_root(leaves: list[bytes]) -> None:
    root, size = tree_root(leaves), len(leaves)
    for index, leaf in enumerate(leaves):
        path = inclusion_path(leaves, index)
        assert len(path) <= (size - 1).bit_length()
        assert root_from_path(leaf, index, size, path) == root


def test_vectors() -> None:
    assert [tree_root(LEAVES[:n]) for n in range(len(LEAVES) + 1)] == VECTORS["roots"]
    # The root that Certificate Transparency's reference tests state for these eight leaves.
    eight = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    assert VECTORS["roots"][8] == f"sha256:{eight}"
    for known in VECTORS["paths"]:
        index, size, path = known["index"], known["size"], known["path"]
        assert list(inclusion_path(LEAVES[:size], index)) == path
        assert root_from_path(LEAVES[index], index, size, path) == VECTORS["roots"][size]
    update = VECTORS["update"]
    leaf = update_leaf(update["assignment"], update["body_digest"])
    assert (leaf.hex(), tree_root([leaf])) == (update["leaf"], update["root"])
