"""Merkle trees against the definitions of RFC 6962, taken literally."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import merkle

Leaves = list[bytes]
LEAVES = st.lists(st.binary(max_size=3), min_size=1, max_size=70)


def naive_root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def naive_path(m: int, leaves: Sequence[bytes]) -> Leaves:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(m: int, leaves: Sequence[bytes], whole: bool = True) -> Leaves:
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*naive_proof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_proof(m - k, leaves[k:], False), naive_root(leaves[:k])]


def hashes(leaves: Sequence[bytes]) -> Leaves:
    return [merkle.leaf(item) for item in leaves]


def subtree_of(leaves: Sequence[bytes]) -> merkle.Subtree:
    return lambda low, high: merkle.root_of(hashes(leaves[low:high]))


def changed(path: Sequence[bytes]) -> list[Leaves]:
    """Every way in which a proof can be slightly wrong."""
    wrong = [[*path[:at], bytes([item[0] ^ 1]) + item[1:], *path[at + 1 :]] for at, item in enumerate(path)]
    return [*wrong, list(path[:-1]), [*path, bytes(32)]] if path else [[bytes(32)]]


@given(st.lists(st.binary(max_size=3), max_size=70))
def test_the_root_is_that_of_the_standard(leaves: Leaves) -> None:
    assert merkle.root_of(hashes(leaves)) == naive_root(leaves)


@given(LEAVES, st.data())
def test_an_inclusion_proof_is_that_of_the_standard_and_holds(leaves: Leaves, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = merkle.inclusion(index, len(leaves), subtree_of(leaves))
    assert path == naive_path(index, leaves)
    assert merkle.includes(merkle.leaf(leaves[index]), index, len(leaves), path, naive_root(leaves))


@given(LEAVES, st.data())
def test_an_inclusion_proof_shows_nothing_else(leaves: Leaves, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root, hashed = naive_path(index, leaves), naive_root(leaves), merkle.leaf(leaves[index])
    assert not any(merkle.includes(hashed, index, len(leaves), wrong, root) for wrong in changed(path))
    assert not merkle.includes(merkle.leaf(b"other"), index, len(leaves), path, root)
    assert not merkle.includes(hashed, len(leaves), len(leaves), path, root)


@given(LEAVES, st.data())
def test_a_consistency_proof_is_that_of_the_standard_and_holds(leaves: Leaves, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, len(leaves)))
    path = merkle.consistency(old, len(leaves), subtree_of(leaves))
    assert path == naive_proof(old, leaves)
    assert merkle.extends(old, len(leaves), naive_root(leaves[:old]), naive_root(leaves), path)


@given(LEAVES, st.data())
def test_a_consistency_proof_shows_nothing_else(leaves: Leaves, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, len(leaves)))
    first, second, path = naive_root(leaves[:old]), naive_root(leaves), naive_proof(old, leaves)
    assert not any(merkle.extends(old, len(leaves), first, second, wrong) for wrong in changed(path))
    assert not merkle.extends(old, len(leaves), bytes(32), second, path)
    assert not merkle.extends(old, len(leaves), first, bytes(32), path)


@given(LEAVES)
def test_a_tree_goes_on_from_its_peaks(leaves: Leaves) -> None:
    half = merkle.Tree()
    for item in hashes(leaves[: len(leaves) // 2]):
        half.append(item)
    again = merkle.Tree(half.size, list(half.peaks))
    for item in hashes(leaves[len(leaves) // 2 :]):
        again.append(item)
    assert again.root == naive_root(leaves)


@pytest.mark.parametrize(("index", "size"), [(1, 1), (-1, 3), (0, 0)])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion(index, size, subtree_of([]))


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3)])
def test_there_is_no_proof_for_a_tree_that_is_no_beginning(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="not the beginning"):
        merkle.consistency(old, new, subtree_of([]))
    assert not merkle.extends(old, new, merkle.EMPTY, merkle.EMPTY, [])


def test_a_proof_between_different_trees_without_hashes_shows_nothing() -> None:
    assert not merkle.extends(3, 5, bytes(32), bytes(32), [])
