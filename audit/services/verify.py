"""Re-compute the whole journal and name what does not hold.

Walks the entries in the order of their streams, one chunk at a time, so that memory does not grow with the trail.
"""

import dataclasses
from collections.abc import Iterator

from django.db import connection

from audit.journal import chain
from audit.models import Entry, StreamHead, triggers
from core import canonical

CHUNK = 2000
MOST_PROBLEMS = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not hold: in which stream, at which number, and what it is in words."""

    stream: str
    seq: int
    what: str
    sentence: str


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What a verification found. `first` names the first problem in the order of the streams."""

    entries: int
    streams: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def first(self) -> Problem | None:
        return self.problems[0] if self.problems else None

    def to_dict(self) -> dict[str, object]:
        """The form that programs get."""
        return {
            "ok": self.ok,
            "entries": self.entries,
            "streams": self.streams,
            "problems": [dataclasses.asdict(problem) for problem in self.problems],
        }


@dataclasses.dataclass(slots=True)
class _Position:
    stream: str = ""
    seq: int = 0
    hash: str = chain.GENESIS


def run() -> Report:
    """Verify every stream against its hashes, its numbers and its head, and the triggers that guard the tables."""
    problems: list[Problem] = [
        Problem("", 0, "unguarded", f"The trigger {trigger.name} does not stand: {trigger.table} accepts {trigger.operation}.")
        for trigger in triggers.missing(connection)
    ]
    heads = dict(_heads())
    count, streams, position = 0, 0, _Position()
    for entry in _entries():
        if entry.stream != position.stream:
            problems += _ended(position, heads)
            position, streams = _Position(stream=entry.stream), streams + 1
        count += 1
        problems += _checked(entry, position)
        position.seq, position.hash = entry.seq, entry.hash
    problems += _ended(position, heads)
    problems += [
        Problem(stream, 0, "removed", f"Every entry of {stream} is gone; its head says {seq}.")
        for stream, (seq, _) in heads.items()
    ]
    return Report(count, streams, tuple(problems[:MOST_PROBLEMS]))


def _checked(entry: Entry, before: _Position) -> list[Problem]:
    """Return what is wrong with `entry`, given what stands before it in its stream."""
    name = f"Entry {entry.seq} of {entry.stream}"
    found = []
    if entry.seq != before.seq + 1:
        found.append(
            Problem(
                entry.stream,
                before.seq + 1,
                "removed",
                f"Entry {before.seq + 1} of {entry.stream} was removed: {entry.seq} follows {before.seq}.",
            )
        )
    elif entry.prev_hash != before.hash:
        found.append(
            Problem(
                entry.stream,
                entry.seq,
                "reordered",
                f"{name} does not follow from the entry before it: one of them was inserted, replaced or reordered.",
            )
        )
    if not _hash_holds(entry):
        found.append(Problem(entry.stream, entry.seq, "changed", f"{name} was changed: its hash does not fit its content."))
    return found


def _hash_holds(entry: Entry) -> bool:
    try:
        return chain.hash_of(entry) == entry.hash
    except (canonical.NotCanonical, TypeError, ValueError):
        # An attacker may have stored what no entry of ours can hold.
        return False


def _ended(position: _Position, heads: dict[str, tuple[int, str]]) -> list[Problem]:
    """Return what is wrong with the end of a stream, and forget its head."""
    if not position.stream:
        return []
    head = heads.pop(position.stream, None)
    if head is None:
        return [Problem(position.stream, position.seq, "inserted", f"{position.stream} has entries and no head.")]
    if head[0] > position.seq:
        return [
            Problem(
                position.stream,
                position.seq + 1,
                "removed",
                f"The last entries of {position.stream} were removed: its head says {head[0]}, the last is {position.seq}.",
            )
        ]
    if head != (position.seq, position.hash):
        return [
            Problem(
                position.stream,
                position.seq,
                "inserted",
                f"The end of {position.stream} is not what its head says: entries were added or replaced.",
            )
        ]
    return []


def _heads() -> Iterator[tuple[str, tuple[int, str]]]:
    for stream, seq, digest in StreamHead.objects.values_list("stream", "seq", "hash").iterator(chunk_size=CHUNK):
        yield stream, (seq, digest)


def _entries() -> Iterator[Entry]:
    """Yield all entries by stream and number, a chunk at a time, each chunk a query of its own."""
    stream, seq = "", 0
    while True:
        rest = Entry.objects.filter(stream=stream, seq__gt=seq).order_by("seq")[:CHUNK]
        chunk = list(rest)
        if len(chunk) < CHUNK:
            chunk += list(Entry.objects.filter(stream__gt=stream).order_by("stream", "seq")[: CHUNK - len(chunk)])
        if not chunk:
            return
        yield from chunk
        stream, seq = chunk[-1].stream, chunk[-1].seq
