"""A trail to attack, and an attacker who owns the database but not the signing key."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from audit import journal
from audit.choices import Kind
from audit.models import triggers
from audit.services import checkpoints
from core import clock
from core.actors import system

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=dt.UTC)
ACTOR = system("test")


def write(stream: str = "execution:1", **more: Any) -> None:
    """Append one entry."""
    with transaction.atomic():
        journal.append(stream=stream, kind=Kind.STEP_STARTED, actor=ACTOR, now=NOW, subject=("step", "a"), **more)


def trail(streams: str = "abcdefgh", entries: int = 6) -> None:
    """Append the same number of entries to each stream, one stream after the other, again and again."""
    for number in range(entries):
        for stream in streams:
            write(stream, data={"n": number})


def cover() -> None:
    """Sign all that is there."""
    while checkpoints.make(now=clock.now()) is not None:
        pass


@contextmanager
def unguarded() -> Iterator[Any]:
    """Let the triggers step aside, as whoever owns the database can, and put them back; yields a cursor."""
    postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        for trigger in triggers.expected(connection.vendor):
            cursor.execute(f"DROP TRIGGER {trigger.name}" + (f" ON {trigger.table}" if postgresql else ""))
        yield cursor
    triggers.install(connection)


def attack(sql: str, *params: object) -> None:
    """Run one statement that the triggers would refuse."""
    with unguarded() as cursor:
        cursor.execute(sql, params)
