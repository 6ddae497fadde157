"""Checkpoints: a Merkle tree over all entries, its root signed and chained, again and again.

The chains of the streams could be computed anew by whoever owns the database; a signed root could not. A checkpoint takes
each stream up to a number that it sees under the stream's lock: within a stream all lower numbers are there then, so an
entry that is committed late, or with a smaller id than others, is never passed over. A stream that somebody is just
appending to is left for the next checkpoint, so that nobody waits for this one while holding another stream.
"""

import datetime as dt
import functools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from audit.models import Checkpoint, Entry, Leaf, StreamHead
from core import canonical, clock, ids, merkle, signing

TYPE = "runbookpilot/audit-checkpoint/v1"
MOST_STREAMS = 500
MOST_ENTRIES = 5000


def make(*, now: dt.datetime) -> Checkpoint | None:
    """Sign the tree with the next entries that none covers yet; None where there are none, or another worker was first."""
    try:
        with transaction.atomic():
            last = latest()
            heads = _uncovered_heads()
            leaves = _leaves(heads, last.size if last else 0)
            if not leaves:
                return None
            made = _signed(last, leaves, now)
            made.save(force_insert=True)
            Leaf.objects.bulk_create(leaves, batch_size=1000)
            StreamHead.objects.bulk_update(_covered(heads, leaves), ["checkpointed"], batch_size=500)
            transaction.on_commit(functools.partial(_witness, made))
    except IntegrityError:
        # Another worker made the checkpoint with this number.
        return None
    return made


def latest() -> Checkpoint | None:
    """Return the newest checkpoint."""
    return Checkpoint.objects.order_by("-number").first()


def document(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return what a checkpoint's signature covers, as canonical JSON."""
    return {
        "type": TYPE,
        "number": checkpoint.number,
        "size": checkpoint.size,
        "root": checkpoint.root,
        "previous": checkpoint.previous or None,
        "at": clock.iso(checkpoint.at),
    }


def signed(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint with its signature, as auditors keep it."""
    return {"checkpoint": document(checkpoint), "keyid": checkpoint.key_id, "signature": checkpoint.signature}


def digest(checkpoint: Checkpoint) -> str:
    """Return the digest by which the next checkpoint names this one."""
    return canonical.digest(signed(checkpoint))


def witnessed() -> dict[str, Any] | None:
    """Return the newest checkpoint that this machine has made, as it is noted outside of the database."""
    try:
        found: dict[str, Any] = json.loads(witness_path().read_text())
    except FileNotFoundError:
        return None
    return found


def witness_path() -> Path:
    """Return where the newest checkpoint is noted."""
    return Path(settings.DATA_DIR) / "audit" / "latest-checkpoint.json"


def _uncovered_heads() -> list[StreamHead]:
    rows = StreamHead.objects.filter(seq__gt=F("checkpointed")).order_by("stream")
    return list(rows.select_for_update(skip_locked=True)[:MOST_STREAMS])


def _leaves(heads: Sequence[StreamHead], size: int) -> list[Leaf]:
    """Return the leaves of the entries that these heads have beyond their checkpoint, as many as fit."""
    leaves: list[Leaf] = []
    for chunk in _grouped(heads):
        rows = Entry.objects.filter(stream__in=[head.stream for head in chunk], seq__gt=min(head.checkpointed for head in chunk))
        known = {head.stream: head for head in chunk}
        found = rows.order_by("stream", "seq").values_list("stream", "seq", "id", "hash")[: MOST_ENTRIES - len(leaves)]
        for stream, seq, entry_id, hash_ in found:
            if seq <= known[stream].seq:
                leaves.append(Leaf(position=size + len(leaves), entry_id=entry_id, stream=stream, seq=seq, hash=hash_))
        if len(leaves) >= MOST_ENTRIES:
            break
    return leaves


def _grouped(heads: Sequence[StreamHead]) -> list[list[StreamHead]]:
    """Return the heads in groups; one that was covered before stands alone, so that its old entries are not read again."""
    fresh = [head for head in heads if not head.checkpointed]
    return [fresh[at : at + 200] for at in range(0, len(fresh), 200)] + [[head] for head in heads if head.checkpointed]


def _covered(heads: Sequence[StreamHead], leaves: Sequence[Leaf]) -> list[StreamHead]:
    reached = {leaf.stream: leaf.seq for leaf in leaves}
    rows = [head for head in heads if head.stream in reached]
    for head in rows:
        head.checkpointed = reached[head.stream]
    return rows


def _signed(last: Checkpoint | None, leaves: Sequence[Leaf], now: dt.datetime) -> Checkpoint:
    tree = merkle.Tree(last.size, [bytes.fromhex(peak) for peak in last.peaks]) if last else merkle.Tree()
    for leaf in leaves:
        tree.append(merkle.leaf(bytes.fromhex(leaf.hash)))
    if not signing.public_keys():
        signing.generate(now)
    made = Checkpoint(
        number=last.number + 1 if last else 1, size=tree.size, root=tree.root.hex(), previous=digest(last) if last else "",
        at=_not_before(last, now), peaks=[peak.hex() for peak in tree.peaks],
    )  # fmt: skip
    signature = signing.sign(canonical.dumps(document(made)))
    made.key_id, made.signature = signature.key_id, signature.signature
    return made


def _not_before(last: Checkpoint | None, now: dt.datetime) -> dt.datetime:
    """Return `now`, but never a time before the last checkpoint or the key that signs: a clock may be set back."""
    return max([now, *(clock.parse(key.valid_from) for key in signing.public_keys()), *([last.at] if last else [])])


def _witness(made: Checkpoint) -> None:
    """Note a checkpoint outside of the database, so that it cannot be taken out of there unseen."""
    path = witness_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_name(f".{path.name}.{ids.new().hex}")
    try:
        scratch.write_text(json.dumps(signed(made)))
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
