"""Appending entries: number, chain, store, and note what the wiring has to wake."""

import dataclasses
import datetime as dt
import functools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Expression, QuerySet, Subquery
from django.utils.module_loading import import_string

from audit.choices import Kind
from audit.journal import chain
from audit.models import Delivery, Entry, EntryRef, StreamHead
from core import canonical, ids, tasks, tracing, writes
from core.actors import Actor
from core.reads import Read

DELIVER = "audit.tasks.deliver"
#: Entries in one statement, of as many as anybody appends.
AT_ONCE = 500


class NotInTransaction(RuntimeError):
    """An entry is appended in the transaction of the change that it records, and there is none."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """What an entry is to say. `data` holds ids, digests and words of ours: never alert content, never a secret."""

    stream: str
    kind: Kind
    actor: Actor
    now: dt.datetime
    subject: tuple[str, object]
    tenant_id: uuid.UUID | None = None
    environment: str = ""
    refs: Sequence[tuple[str, object]] = ()
    data: Mapping[str, object] = dataclasses.field(default_factory=dict)
    simulated: bool = False


def append(
    *,
    stream: str,
    kind: Kind,
    actor: Actor,
    now: dt.datetime,
    subject: tuple[str, object],
    tenant_id: uuid.UUID | None = None,
    environment: str = "",
    refs: Sequence[tuple[str, object]] = (),
    data: Mapping[str, object] | None = None,
    simulated: bool = False,
) -> uuid.UUID:
    """Append one entry to `stream` and return its id; raises NotInTransaction outside of one."""
    fact = Fact(
        stream=stream,
        kind=kind,
        actor=actor,
        now=now,
        subject=subject,
        tenant_id=tenant_id,
        environment=environment,
        refs=refs,
        data=data or {},
        simulated=simulated,
    )
    return append_all([fact])[0]


def append_all(facts: Iterable[Fact]) -> list[uuid.UUID]:
    """Append entries in order, each to its stream, and return their ids.

    Streams are locked in the order of their names, so that two transactions never wait for each other in a circle.
    """
    ordered = list(facts)
    if not connection.in_atomic_block:
        raise NotInTransaction(NotInTransaction.__doc__)
    heads = _locked_heads(sorted({fact.stream for fact in ordered}))
    entries = [_chained(fact, heads[fact.stream]) for fact in ordered]
    changes: list[writes.Change] = [writes.Update([*heads.values()], ("seq", "hash"))]
    for first in range(0, len(entries), AT_ONCE):
        part = entries[first : first + AT_ONCE]
        deliveries = _deliveries(part)
        changes += [writes.Insert(part, Entry), writes.Insert(_refs(part)), writes.Insert(deliveries)]
        writes.write([], changes)
        changes = []
        _wake(part, deliveries)
    return [entry.id for entry in entries]


@dataclasses.dataclass(slots=True)
class Tail:
    """The end of a stream as one writer remembers it, who appends by `core.writes` as long as nobody else does.

    `chain` yields what has to be written for some facts; `written` is called when it was.
    """

    stream: str
    seq: int
    hash: str

    @classmethod
    def of(cls, stream: str) -> "Tail":
        """Return the end of a stream as it is now."""
        found = _HEAD.first(stream=stream)
        return cls(stream, *found) if found else cls(stream, 0, "")

    @classmethod
    def beside(cls, row: Any, stream: str) -> "Tail":
        """Return the end of a stream as it was when a row was read with what `end_of` selects beside it."""
        return cls(stream, row.tail_seq or 0, row.tail_hash or "")

    def chain(self, facts: Sequence[Fact]) -> "Links":
        """Return the rows of these facts, in order, and the guard that nobody else has appended meanwhile."""
        end = Tail(self.stream, self.seq, self.hash)
        entries = [_chained(fact, end) for fact in facts]
        deliveries = _deliveries(entries)
        changes: list[writes.Change] = [
            writes.Insert(entries, Entry),
            writes.Insert(_refs(entries)),
            writes.Insert(deliveries),
        ]
        guards = []
        if self.seq:
            where, values = {"stream": self.stream, "seq": self.seq}, {"seq": end.seq, "hash": end.hash}
            guards = [writes.Guard(StreamHead, where, values)]
        else:
            changes.insert(0, writes.Insert([StreamHead(stream=end.stream, seq=end.seq, hash=end.hash)]))
        return Links(guards, changes, end, entries, deliveries)


@dataclasses.dataclass(frozen=True, slots=True)
class Links:
    """What `core.writes` has to write for some facts, and the end of the stream after it."""

    guards: Sequence[writes.Guard]
    changes: Sequence[writes.Change]
    tail: Tail
    _entries: Sequence[chain.NewEntry]
    _deliveries: Sequence[Delivery]

    def written(self) -> Tail:
        """Wake what the wiring names, and return the new end of the stream."""
        _wake(self._entries, self._deliveries)
        return self.tail


def end_of(stream: Expression) -> dict[str, Subquery]:
    """Return what selects the end of a stream beside something else: `tail_seq` and `tail_hash`, None where it is empty."""
    head = StreamHead.objects.filter(stream=stream)
    return {"tail_seq": Subquery(head.values("seq")[:1]), "tail_hash": Subquery(head.values("hash")[:1])}


def _head(stream: Expression) -> QuerySet[StreamHead, tuple[int, str]]:
    return StreamHead.objects.filter(stream=stream).values_list("seq", "hash")


_HEAD = Read(_head)
_HEADS = Read(lambda streams: StreamHead.objects.select_for_update().filter(stream__in=streams).order_by("stream"))


def _locked_heads(streams: Sequence[str]) -> dict[str, StreamHead]:
    known = {head.stream: head for head in _HEADS.all(streams=list(streams))}
    fresh = [stream for stream in streams if stream not in known]
    if fresh:
        StreamHead.objects.bulk_create([StreamHead(stream=stream) for stream in fresh], ignore_conflicts=True)
        created = StreamHead.objects.select_for_update().filter(stream__in=fresh).order_by("stream")
        known |= {head.stream: head for head in created}
    return known


def _chained(fact: Fact, head: StreamHead | Tail) -> chain.NewEntry:
    entry = chain.NewEntry(
        id=ids.new(),
        stream=fact.stream,
        seq=head.seq + 1,
        kind=Kind(fact.kind),
        at=fact.now,
        tenant_id=fact.tenant_id,
        environment=fact.environment,
        actor_kind=fact.actor.kind,
        actor_id=fact.actor.id,
        actor_name=fact.actor.name,
        subject_kind=fact.subject[0],
        subject_id=str(fact.subject[1]),
        simulated=fact.simulated,
        trace_id=tracing.current(),
        refs=[[kind, str(ref)] for kind, ref in fact.refs],
        data=canonical.plain(fact.data),
        prev_hash=head.hash,
    )
    entry.hash = chain.hash_of_new(entry)
    head.seq, head.hash = entry.seq, entry.hash
    return entry


def _refs(entries: Sequence[chain.NewEntry]) -> list[EntryRef]:
    """Return what entries can be found by besides their stream, which names its owner itself."""
    return [
        EntryRef(entry_id=entry.id, kind=kind, ref_id=ref_id)
        for entry in entries
        for kind, ref_id in entry.refs
        if entry.stream != f"{kind}:{ref_id}"
    ]


def _deliveries(entries: Sequence[chain.NewEntry]) -> list[Delivery]:
    return [
        Delivery(entry_id=entry.id, handler=handler, next_at=entry.at)
        for entry in entries
        for handler in handlers(entry.kind)
        if handler not in _direct()
    ]


def _wake(entries: Sequence[chain.NewEntry], deliveries: Sequence[Delivery]) -> None:
    for row in deliveries:
        tasks.enqueue(DELIVER, queue_of=row.handler, delivery_id=str(row.id))
    for entry in entries:
        for handler in handlers(entry.kind):
            if handler in _direct():
                tasks.enqueue(handler, **{f"{entry.subject_kind}_id": entry.subject_id})


def handlers(kind: str) -> Sequence[str]:
    """Return the dotted paths of the tasks that an entry of this kind wakes."""
    return _wiring().get(kind, ())


@functools.cache
def _wiring() -> Mapping[str, Sequence[str]]:
    return import_string(settings.WIRING)


@functools.cache
def _direct() -> frozenset[str]:
    found: frozenset[str] = import_string(settings.WIRING_DIRECT)
    return found
