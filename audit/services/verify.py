"""Re-compute the whole journal and name what does not hold.

Three passes, each in flat memory, over a trail that may grow meanwhile: the streams (each entry's hash, number and
predecessor, and the stream's head), the entries that signed leaves name and that are not there any more, and the tree
under each checkpoint with its signature.
"""

import dataclasses
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from audit.journal import chain
from audit.models import Entry, Leaf, StreamHead, triggers
from audit.services import tree
from audit.services.problems import MOST_PROBLEMS, Problem
from core.reads import Read

CHUNK = 2000
#: How often the end of a stream that grows while it is verified is looked at again.
LOOKS = 5

__all__ = ["Problem", "Report", "run"]

Row = tuple[Any, ...]
Head = tuple[int, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What a verification found. `first` names the first problem in the order of the streams.

    `covered` entries are under `checkpoints` signed checkpoints; the newest ones wait for the next.
    """

    entries: int
    streams: int
    checkpoints: int
    covered: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.problems

    @property
    def first(self) -> Problem | None:
        """The first problem in the order of the streams, where there is one."""
        return self.problems[0] if self.problems else None

    def to_dict(self) -> dict[str, object]:
        """The form that programs get."""
        return {
            "ok": self.ok,
            "entries": self.entries,
            "streams": self.streams,
            "checkpoints": self.checkpoints,
            "covered": self.covered,
            "problems": [dataclasses.asdict(problem) for problem in self.problems],
        }


@dataclasses.dataclass(slots=True)
class _Walk:
    """Where the walk over the streams is, and what it has found."""

    stream: str = ""
    seq: int = 0
    hash: str = chain.GENESIS
    entries: int = 0
    streams: int = 0
    problems: list[Problem] = dataclasses.field(default_factory=list)

    def add(self, seq: int, what: str, sentence: str, stream: str = "") -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(stream or self.stream, seq, what, sentence))


def run(*, tenant_ids: Sequence[uuid.UUID] | None = None, stream: str = "") -> Report:
    """Verify triggers, streams, leaves and checkpoints.

    All of them, or only the streams in which some tenants have entries, or one. The tree under the checkpoints, and that a
    whole stream is gone, are only seen where all is verified.
    """
    walk = _Walk()
    for trigger in triggers.missing(connection):
        walk.add(0, "unguarded", f"The trigger {trigger.name} does not stand: {trigger.table} accepts {trigger.operation}.")
    scope = _scope(tenant_ids, stream)
    _check_streams(walk, scope)
    _check_leaves(walk, scope)
    if scope:
        return Report(walk.entries, walk.streams, 0, 0, tuple(walk.problems))
    _check_lost_streams(walk)
    found = tree.check()
    problems = [*walk.problems, *found.problems][:MOST_PROBLEMS]
    return Report(walk.entries, walk.streams, found.checkpoints, found.size, tuple(problems))


def _scope(tenant_ids: Sequence[uuid.UUID] | None, stream: str) -> Q:
    """Return the condition on a stream; empty for all of them. A stream is verified whole, whoever its entries belong to."""
    scope = Q(stream=stream) if stream else Q()
    if tenant_ids is None:
        return scope
    return scope & Q(stream__in=Entry.objects.filter(tenant_id__in=tenant_ids).values("stream"))


def _check_streams(walk: _Walk, scope: Q) -> None:
    heads: dict[str, Head] = {}
    for rows in _chunks(scope):
        last = {walk.stream: heads[walk.stream]} if walk.stream in heads else {}
        heads = last | _heads({row[0] for row in rows} - set(last))
        for row in rows:
            if row[0] != walk.stream:
                _end(walk, heads.get(walk.stream))
                walk.stream, walk.seq, walk.hash = row[0], 0, chain.GENESIS
                walk.streams += 1
            _check_entry(walk, row)
    _end(walk, heads.get(walk.stream))


def _check_entry(walk: _Walk, row: Row) -> None:
    """Note what is wrong with an entry, given what stands before it in its stream."""
    stream, seq, previous, hash_ = row[:4]
    if seq != walk.seq + 1:
        missing = walk.seq + 1
        walk.add(missing, "removed", f"Entry {missing} of {stream} was removed: {seq} follows {walk.seq}.")
    elif previous != walk.hash:
        walk.add(
            seq, "reordered",
            f"Entry {seq} of {stream} does not follow from the entry before it: one of them was inserted, replaced or reordered.",
        )  # fmt: skip
    try:
        holds = chain.hash_of_row(row) == hash_
    except (TypeError, ValueError, AttributeError):
        # An attacker may have stored what no entry of ours can hold.
        holds = False
    if not holds:
        walk.add(seq, "changed", f"Entry {seq} of {stream} was changed: its hash does not fit its content.")
    walk.seq, walk.hash, walk.entries = seq, hash_, walk.entries + 1


def _end(walk: _Walk, head: Head | None) -> None:
    """Note what is wrong with the end of a stream. Entries that were appended meanwhile are read first."""
    for _ in range(LOOKS):
        if not walk.stream or head == (walk.seq, walk.hash):
            return
        if head is None or head[0] <= walk.seq:
            # The head was read before the last entries were, or it is not theirs.
            now = _heads({walk.stream}).get(walk.stream)
            if now == head:
                break
            head = now
            continue
        rest = _of_stream(walk.stream, walk.seq)
        if not rest:
            break
        for row in rest:
            _check_entry(walk, row)
    _name_end(walk, head)


def _name_end(walk: _Walk, head: Head | None) -> None:
    if head is None:
        walk.add(walk.seq, "inserted", f"{walk.stream} has entries and no head.")
    elif head[0] > walk.seq:
        first = walk.seq + 1
        sentence = f"The last entries of {walk.stream} were removed: its head says {head[0]}, the last is {walk.seq}."
        walk.add(first, "removed", sentence)
    else:
        walk.add(
            walk.seq, "inserted", f"The end of {walk.stream} is not what its head says: entries were added or replaced.",
        )  # fmt: skip


def _check_lost_streams(walk: _Walk) -> None:
    """Name the streams of which nothing is left but the head."""
    entries = Entry.objects.filter(stream=OuterRef("stream"))
    lost = StreamHead.objects.filter(~Exists(entries)).order_by("stream").values_list("stream", "seq")
    for stream, seq in lost[:MOST_PROBLEMS]:
        walk.add(1, "removed", f"Every entry of {stream} is gone; its head says {seq}.", stream)


def _check_leaves(walk: _Walk, scope: Q) -> None:
    """Name the entries that a signed leaf names and that are not there as they were."""
    same = Entry.objects.filter(pk=OuterRef("entry_id"), hash=OuterRef("hash"), stream=OuterRef("stream"), seq=OuterRef("seq"))
    lost = Leaf.objects.filter(scope, ~Exists(same)).order_by("position").values_list("stream", "seq")
    for stream, seq in lost[:MOST_PROBLEMS]:
        walk.add(
            seq, "removed", f"Entry {seq} of {stream} was removed or replaced: it is not the one under a signed checkpoint.", stream
        )


def _heads(streams: set[str]) -> dict[str, Head]:
    rows = StreamHead.objects.filter(stream__in=streams).values_list("stream", "seq", "hash")
    return {stream: (seq, hash_) for stream, seq, hash_ in rows}


def _of_stream(stream: str, seq: int) -> list[Row]:
    return _REST.all(stream=stream, seq=seq)


_REST = Read(lambda stream, seq: Entry.objects.filter(stream=stream, seq__gt=seq).order_by("seq").values_list(*chain.ROW)[:CHUNK])


def _chunks(scope: Q) -> Iterator[list[Row]]:
    """Yield all entries by stream and number, each chunk a query of its own, so that no transaction stays open."""
    entries = Entry.objects.filter(scope).order_by("stream", "seq").values_list(*chain.ROW)
    following: Read[Row] = Read(lambda stream: entries.filter(stream__gt=stream)[:CHUNK])
    stream, seq = "", 0
    while True:
        chunk = _of_stream(stream, seq)
        if len(chunk) < CHUNK:
            chunk += following.all(stream=stream)
        if not chunk:
            return
        yield chunk
        stream, seq = chunk[-1][0], chunk[-1][1]
