"""Entries as other apps see them: plain, frozen, found by stream, subject or reference."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence

from django.db.models import Q, QuerySet

from audit.choices import Kind
from audit.models import Entry, EntryRef


@dataclasses.dataclass(frozen=True, slots=True)
class EntryView:
    """An entry of the journal, read-only."""

    id: uuid.UUID
    stream: str
    seq: int
    kind: str
    at: dt.datetime
    tenant_id: uuid.UUID | None
    environment: str
    actor_kind: str
    actor_id: str
    actor_name: str
    subject_kind: str
    subject_id: str
    simulated: bool
    trace_id: str
    refs: Sequence[Sequence[str]]
    data: Mapping[str, object]
    prev_hash: str
    hash: str

    @property
    def verb(self) -> str:
        """What happened, as the verb of a sentence; the kind itself where it is no longer known."""
        return str(Kind(self.kind).label) if self.kind in Kind.values else self.kind

    def ref(self, kind: str) -> str | None:
        """Return the id of the first reference of this kind."""
        return next((ref for name, ref in self.refs if name == kind), None)


def view(entry: Entry) -> EntryView:
    """Return `entry` as other apps may hold it."""
    return EntryView(**{field.name: getattr(entry, field.name) for field in dataclasses.fields(EntryView)})


def of_stream(stream: str, *, after: int = 0, limit: int | None = None) -> list[EntryView]:
    """Return the entries of a stream in order, those after number `after`."""
    rows = Entry.objects.filter(stream=stream, seq__gt=after).order_by("seq")
    return [view(entry) for entry in (rows[:limit] if limit else rows)]


def last_of(stream: str) -> EntryView:
    """Return the last entry of a stream; raises DoesNotExist where it has none."""
    return view(Entry.objects.filter(stream=stream).order_by("-seq")[:1].get())


def about(refs: Sequence[tuple[str, object]], *, limit: int = 200) -> list[EntryView]:
    """Return the newest entries whose subject or reference is one of `refs`, oldest first."""
    wanted = Q()
    subjects = Q()
    for kind, ref_id in refs:
        wanted |= Q(kind=kind, ref_id=str(ref_id))
        subjects |= Q(subject_kind=kind, subject_id=str(ref_id)) | Q(stream=f"{kind}:{ref_id}")
    if not refs:
        return []
    ids = EntryRef.objects.filter(wanted).values("entry_id")
    rows = Entry.objects.filter(Q(id__in=ids) | subjects).order_by("-id")[:limit]
    return [view(entry) for entry in reversed(rows)]


def queryset() -> QuerySet[Entry]:
    """Return all entries, for a door that filters and pages them."""
    return Entry.objects.all()


def iterate(rows: QuerySet[Entry]) -> Iterator[EntryView]:
    """Yield entries one by one in flat memory."""
    for entry in rows.iterator(chunk_size=2000):
        yield view(entry)


def in_chunks(rows: QuerySet[Entry], *, size: int = 2000) -> Iterator[EntryView]:
    """Yield entries oldest first, each chunk by a query of its own, so that whoever reads may take its time."""
    after: uuid.UUID | None = None
    while True:
        chunk = list(rows.filter(**({"id__gt": after} if after else {})).order_by("id")[:size])
        yield from map(view, chunk)
        if len(chunk) < size:
            return
        after = chunk[-1].id


def in_order(rows: QuerySet[Entry], *, size: int = 500) -> Iterator[EntryView]:
    """Yield the entries of one stream by their numbers, each chunk by a query of its own, as `in_chunks` does."""
    after = 0
    while chunk := list(rows.filter(seq__gt=after).order_by("seq")[:size]):
        yield from map(view, chunk)
        after = chunk[-1].seq
