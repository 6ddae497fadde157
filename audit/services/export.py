"""The journal as files: JSON Lines for programs, CSV for spreadsheets; streamed."""

import csv
import io
import json
from collections.abc import Iterable, Iterator

from audit.journal import chain
from audit.models import Entry
from audit.selectors.entries import EntryView

COLUMNS = ("at", "stream", "seq", "kind", "actor", "subject_kind", "subject_id", "simulated", "data", "hash")
_RUNS = ("=", "+", "-", "@", "\t", "\r")


def json_lines(entries: Iterable[Entry | EntryView]) -> Iterator[str]:
    """Yield each entry in its canonical form with its hash, a line of JSON each."""
    for entry in entries:
        yield json.dumps({**chain.canonical_form(entry), "hash": entry.hash}, ensure_ascii=False, sort_keys=True) + "\n"


def comma_separated(entries: Iterable[Entry | EntryView]) -> Iterator[str]:
    """Yield a heading and a row for each entry; a cell that a spreadsheet would run is neutralised."""
    yield _row(COLUMNS)
    for entry in entries:
        cells = (
            chain.canonical_form(entry)["at"],
            entry.stream,
            entry.seq,
            entry.kind,
            entry.actor_name,
            entry.subject_kind,
            entry.subject_id,
            entry.simulated,
            json.dumps(entry.data, ensure_ascii=False, sort_keys=True),
            entry.hash,
        )
        yield _row(cells)


def neutral(cell: object) -> str:
    """Return `cell` as text that no spreadsheet takes for a formula."""
    text = str(cell)
    return f"'{text}" if text.startswith(_RUNS) else text


def _row(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([neutral(cell) for cell in cells])
    return line.getvalue()
