"""Statements whose text is known and long, run again and again on PostgreSQL: bound and, after some times, prepared by the server."""

import functools
from collections.abc import Sequence
from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

#: Cursors that a connection keeps, as many as it keeps prepared statements.
KEPT = 100


def run(database: BaseDatabaseWrapper, text: bytes, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows that a statement yields; raises the errors of Django.

    The cursor is kept with its connection for the same text: it remembers how each parameter is written and each column read,
    which takes as long to find out as the rest of what the client does.
    """
    database.ensure_connection()
    with database.wrap_database_errors:
        cursor = _cursors(database.connection)(text)
        cursor.execute(text, params)
        return cursor.fetchall()


def numbered(text: str) -> bytes:
    """Return a text with the parameters as the server names them, so that nothing is parsed on the client."""
    first, *rest = text.split("%s")
    return (first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))).encode()


def _cursors(connection: Any) -> Any:
    """Return what yields the cursor of a connection for a text."""
    kept = vars(connection).get("_runbookpilot_cursors")
    if kept is None:
        kept = functools.lru_cache(maxsize=KEPT)(lambda _text: psycopg.RawCursor(connection))
        vars(connection)["_runbookpilot_cursors"] = kept
    return kept
