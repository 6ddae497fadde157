"""The canonical form of an entry, and the hash that chains it to the one before."""

import datetime as dt

from audit.models import Entry
from audit.selectors.entries import EntryView
from core import canonical, clock

GENESIS = ""


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
