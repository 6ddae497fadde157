"""The canonical form of an entry, and the hash that chains it to the one before."""

import dataclasses
import datetime as dt
import hashlib
import json
import uuid
from json.encoder import encode_basestring as quoted
from typing import Any

from django.db.models import F, TextField
from django.db.models.functions import Cast

from audit.models import Entry
from audit.selectors.entries import EntryView
from core import canonical, clock

GENESIS = ""


@dataclasses.dataclass(slots=True)
class NewEntry:
    """An entry that is about to be written: the columns of `audit.models.Entry`, without what an instance of a model costs."""

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
    refs: list[list[str]]
    data: object
    prev_hash: str
    hash: str = ""


def canonical_form(entry: Entry | EntryView) -> dict[str, object]:
    """Return what the hash of `entry` covers: everything but the hash itself."""
    return {
        "v": 1,
        "id": str(entry.id),
        "stream": entry.stream,
        "seq": entry.seq,
        "kind": str(entry.kind),
        "at": clock.iso(entry.at.astimezone(dt.UTC)),
        "tenant": str(entry.tenant_id) if entry.tenant_id else None,
        "environment": entry.environment,
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
        "subject": {"kind": entry.subject_kind, "id": entry.subject_id},
        "simulated": entry.simulated,
        "trace": entry.trace_id,
        "refs": entry.refs,
        "data": entry.data,
        "prev": entry.prev_hash,
    }


def hash_of(entry: Entry | EntryView) -> str:
    """Return the sha256 over the canonical form of `entry`."""
    return canonical.digest(canonical_form(entry))


def hash_of_new(entry: NewEntry) -> str:
    """Return the same for an entry that is about to be written, whose `data` and `refs` are plain; several times faster."""
    return _hash(
        entry.stream, entry.seq, entry.prev_hash, "", str(entry.id), entry.kind, clock.iso(entry.at), str(entry.tenant_id or ""),
        entry.environment, entry.actor_kind, entry.actor_id, entry.actor_name, entry.subject_kind, entry.subject_id,
        entry.simulated, entry.trace_id, _written(entry.refs), _written(entry.data),
    )  # fmt: skip


_TEXT = ("id", "at", "tenant_id", "refs", "data")
#: What `hash_of_row` takes of an entry, in this order. Ids, moments and JSON come as text: the fields' own conversions cost
#: more than the hash.
ROW = tuple(
    Cast(name, TextField()) if name in _TEXT else F(name)
    for name in (
        "stream", "seq", "prev_hash", "hash", "id", "kind", "at", "tenant_id", "environment", "actor_kind", "actor_id",
        "actor_name", "subject_kind", "subject_id", "simulated", "trace_id", "refs", "data",
    )
)  # fmt: skip
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_SAFE = 2**53


def hash_of_row(row: tuple[Any, ...]) -> str:
    """Return the same hash from the bare values of `ROW`, several times faster; raises ValueError or TypeError for odd ones.

    Stricter than `hash_of` on purpose: a value that `canonical.plain` would change is not what was written.
    """
    stream, seq, prev, hash_, id_, kind, at, *rest, refs, data = row
    return _hash(stream, seq, prev, hash_, id_, kind, _moment(at), *rest, "[]" if refs == "[]" else _stored(json.loads(refs)), "{}" if data == "{}" else _stored(json.loads(data)))


def _hash(*row: Any) -> str:
    """Return the sha256 of the canonical form of `ROW`, written with its keys in order; `refs` and `data` are canonical JSON."""
    (stream, seq, prev, _, id_, kind, at, tenant, environment, actor_kind, actor_id, actor_name,
     subject_kind, subject_id, simulated, trace, refs, data) = row  # fmt: skip
    text = (
        f'{{"actor":{{"id":{quoted(actor_id)},"kind":{quoted(actor_kind)},"name":{quoted(actor_name)}}},'
        f'"at":{quoted(at)},"data":{data},'
        f'"environment":{quoted(environment)},"id":{_id(id_)},"kind":{quoted(kind)},"prev":{quoted(prev)},'
        f'"refs":{refs},"seq":{seq:d},'
        f'"simulated":{"true" if simulated else "false"},"stream":{quoted(stream)},'
        f'"subject":{{"id":{quoted(subject_id)},"kind":{quoted(subject_kind)}}},'
        f'"tenant":{_id(tenant) if tenant else "null"},"trace":{quoted(trace)},"v":1}}'
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _moment(text: str) -> str:
    """Return a moment as the hash has it: the database writes it in UTC, with a space, and without zeros at its end."""
    day, _, time = text.removesuffix("+00").partition(" ")
    whole, _, fraction = time.partition(".")
    return f"{day}T{whole}.{fraction:0<6}Z"


def _id(text: str) -> str:
    """Return an id as the hash has it; SQLite keeps it without dashes."""
    return quoted(text if len(text) == 36 else f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def _written(value: object) -> str:
    """Return the canonical form of JSON that was just made plain."""
    return _ENCODER.encode(value) if _simple(value) else canonical.dumps(value).decode()


def _stored(value: object) -> str:
    """Return the canonical form of JSON as it was read."""
    if _simple(value):
        return _ENCODER.encode(value)
    form = canonical.dumps(value)
    if canonical.plain(value) != value or json.loads(form) != value:
        raise canonical.NotCanonical("it was not written in this form")
    return form.decode()


def _simple(value: Any) -> bool:
    """Return whether the standard library writes `value` as RFC 8785 does: no floats, no great numbers, ASCII keys."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return -_SAFE < value < _SAFE
    if kind is dict:
        return all(name.isascii() and _simple(item) for name, item in value.items())
    return kind is list and all(map(_simple, value))
