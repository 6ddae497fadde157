"""Proofs that an auditor can check alone: that an entry is under a signed checkpoint, and that a log has only grown."""

import uuid
from typing import Any

from audit.journal import chain
from audit.models import Checkpoint, Entry, Leaf
from audit.services import checkpoints
from core import canonical, merkle, signing
from core.errors import Conflict, NotFound


class NoSuchEntry(NotFound):
    """There is no such entry."""


class NoSuchCheckpoint(NotFound):
    """There is no such checkpoint."""


class NotCovered(Conflict):
    """No checkpoint covers this entry yet."""

    code = "not_covered"


def of_entry(*, entry_id: uuid.UUID) -> dict[str, Any]:
    """Return an entry with its path to the newest signed root; raises NoSuchEntry and NotCovered."""
    entry = Entry.objects.filter(pk=entry_id).first()
    if entry is None:
        raise NoSuchEntry
    leaf, checkpoint = Leaf.objects.filter(entry_id=entry_id).first(), checkpoints.latest()
    if leaf is None or checkpoint is None or leaf.position >= checkpoint.size:
        raise NotCovered(hint="The next one does, within a minute.")
    path = merkle.inclusion(leaf.position, checkpoint.size, _root)
    return {
        "entry": {**chain.canonical_form(entry), "hash": entry.hash},
        "position": leaf.position,
        "path": [item.hex() for item in path],
        **checkpoints.signed(checkpoint),
    }


def of_growth(*, old: int, new: int) -> dict[str, Any]:
    """Return the path that shows the log at checkpoint `old` as the beginning of the one at `new`; raises NoSuchCheckpoint."""
    rows = Checkpoint.objects.in_bulk([old, new])
    if old not in rows or new not in rows or old > new:
        raise NoSuchCheckpoint
    path = merkle.consistency(rows[old].size, rows[new].size, _root)
    return {
        "old": checkpoints.signed(rows[old]),
        "new": checkpoints.signed(rows[new]),
        "path": [item.hex() for item in path],
    }


def holds(proof: dict[str, Any], keys: list[signing.PublicKey]) -> bool:
    """Return whether what `of_entry` gave holds: the entry's hash, its path, and the signature by one of `keys`."""
    entry = {name: value for name, value in proof["entry"].items() if name != "hash"}
    document = proof["checkpoint"]
    return (
        canonical.digest(entry) == proof["entry"]["hash"]
        and merkle.includes(
            merkle.leaf(bytes.fromhex(proof["entry"]["hash"])), proof["position"], document["size"],
            [bytes.fromhex(item) for item in proof["path"]], bytes.fromhex(document["root"]),
        )
        and signing.verify(canonical.dumps(document), signing.Signature(proof["keyid"], proof["signature"]), keys)
    )  # fmt: skip


def still_stands(kept: dict[str, Any], keys: list[signing.PublicKey]) -> bool:
    """Return whether the log is a continuation of a signed checkpoint that an auditor kept."""
    document = kept["checkpoint"]
    signature = signing.Signature(kept["keyid"], kept["signature"])
    row = Checkpoint.objects.filter(number=document["number"]).first()
    if row is None or not signing.verify(canonical.dumps(document), signature, keys):
        return False
    return checkpoints.document(row) == document and _root(0, row.size).hex() == document["root"]


def _root(low: int, high: int) -> bytes:
    """Return the root over a range of leaves, in flat memory."""
    rows = Leaf.objects.filter(position__gte=low, position__lt=high).order_by("position").values_list("hash", flat=True)
    return merkle.root_of(merkle.leaf(bytes.fromhex(hash_)) for hash_ in rows.iterator(chunk_size=5000))
