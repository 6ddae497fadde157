"""Which signed checkpoint covers which entries, as other apps see it."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import OuterRef, Q, Subquery

from audit.models import Checkpoint, Entry, Leaf


@dataclasses.dataclass(frozen=True, slots=True)
class CheckpointView:
    """A signed checkpoint, read-only. `size` is how many entries are under its root."""

    number: int
    size: int
    root: str
    at: dt.datetime
    key_id: str
    signature: str


@dataclasses.dataclass(frozen=True, slots=True)
class Recorded:
    """Where a receipt stands in the journal: its entry, whether that has the hash named, and the first checkpoint over it."""

    entry_id: uuid.UUID
    fits: bool
    checkpoint: CheckpointView | None


def latest() -> CheckpointView | None:
    """Return the newest checkpoint."""
    row = Checkpoint.objects.order_by("-number").first()
    return _view(row) if row else None


def covering(entry_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, CheckpointView]:
    """Return the first checkpoint over each of these entries; an entry that none covers yet is left out. Two queries."""
    first = Checkpoint.objects.filter(size__gt=OuterRef("position")).order_by("number").values("number")[:1]
    leaves = Leaf.objects.filter(entry_id__in=entry_ids).annotate(checkpoint=Subquery(first))
    numbers = dict(leaves.exclude(checkpoint=None).values_list("entry_id", "checkpoint"))
    rows = Checkpoint.objects.in_bulk(set(numbers.values()))
    return {entry_id: _view(rows[number]) for entry_id, number in numbers.items()}


def of_receipts(receipts: Collection[Mapping[str, Any]]) -> dict[str, Recorded]:
    """Return where receipts stand, by the hash of the entry that each names; one whose entry is not there is left out."""
    named = {(str(row["stream"]), int(row["seq"])): str(row["hash"]) for row in (receipt.get("journal") for receipt in receipts) if row}
    if not named:
        return {}
    wanted = Q(pk__in=[])
    for stream, seq in named:
        wanted |= Q(stream=stream, seq=seq)
    found = list(Entry.objects.filter(wanted).values_list("id", "stream", "seq", "hash"))
    over = covering([entry_id for entry_id, *_ in found])
    return {
        named[stream, seq]: Recorded(entry_id, hash_ == named[stream, seq], over.get(entry_id))
        for entry_id, stream, seq, hash_ in found
    }


def _view(row: Checkpoint) -> CheckpointView:
    return CheckpointView(**{field.name: getattr(row, field.name) for field in dataclasses.fields(CheckpointView)})
