"""Merkle trees as in RFC 6962: leaves and nodes are hashed apart, so that neither passes for the other.

A tree is known by its size and root. Proofs are lists of hashes, from the leaf upwards.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence

EMPTY = hashlib.sha256().digest()

#: Return the root over the leaves from the first number up to and without the second.
Subtree = Callable[[int, int], bytes]


def leaf(content: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + content).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclasses.dataclass(slots=True)
class Tree:
    """A tree that grows: the roots of its perfect subtrees, largest first, are all that has to be kept of it."""

    size: int = 0
    peaks: list[bytes] = dataclasses.field(default_factory=list)

    def append(self, hashed: bytes) -> None:
        """Add the hash of a leaf."""
        self.size += 1
        rest = self.size
        while rest & 1 == 0:
            hashed = node(self.peaks.pop(), hashed)
            rest >>= 1
        self.peaks.append(hashed)

    @property
    def root(self) -> bytes:
        """The hash over all leaves."""
        if not self.peaks:
            return EMPTY
        *others, found = self.peaks
        for peak in reversed(others):
            found = node(peak, found)
        return found


def root_of(hashes: Iterable[bytes]) -> bytes:
    """Return the root over the hashes of leaves, in flat memory."""
    tree = Tree()
    for hashed in hashes:
        tree.append(hashed)
    return tree.root


def inclusion(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that the leaf at `index` is in the tree of this size."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    path = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(subtree(middle, high))
            high = middle
        else:
            path.append(subtree(low, middle))
            low = middle
    return path[::-1]


def consistency(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that the tree of size `old` is the beginning of the one of size `new`."""
    if not 0 < old <= new:
        raise ValueError(f"a tree of {old} is not the beginning of one of {new}")
    path: list[bytes] = []
    low, high, whole = 0, new, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(subtree(middle, high))
            high = middle
        else:
            path.append(subtree(low, middle))
            low, whole = middle, False
    return ([] if whole else [subtree(low, high)]) + path[::-1]


def includes(hashed: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Return whether a proof shows that the leaf with this hash is at `index` in the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, hashed
    for item in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node(item, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, item)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def extends(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Return whether a proof shows that the old tree is the beginning of the new one (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    items = list(path) if old & (old - 1) else [old_root, *path]
    if not items:
        return False
    # The lowest subtree that both trees share whole.
    common = (old & -old).bit_length() - 1
    at, last = (old - 1) >> common, (new - 1) >> common
    first = second = items[0]
    for item in items[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node(item, first), node(item, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node(second, item)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
