"""B5: what an execution of ten steps costs the database, as the server itself counts it."""

import re
import time

from django.conf import settings
from django.db import connection
from psycopg.errors import Diagnostic

from benchmarks import places, worlds
from benchmarks.lines import Line, Target
from playbooks_app.models import PlaybookVersion

#: Executions that share what the server writes for itself meanwhile.
TOGETHER = 10
MOST_STATEMENTS = 60
_STATEMENT = re.compile(r"(?:statement|execute [^:]*): *(\w+)", re.DOTALL)
_BOUNDS = {"BEGIN", "COMMIT", "ROLLBACK"}


def measure(_benches: list[str]) -> None:
    """Count the WAL syncs of executions and the statements of one, round after round."""
    settings.TASK_BACKEND = "core.tasks.drop"
    world = worlds.make()
    version = world.playbook("nothing", "nothing.read")
    for _ in range(5):
        world.run(version)
    size = places.sizes()
    syncs = [_syncs(world, version, size.of(TOGETHER)) for _ in range(size.rounds)]
    words = [_statements(world, version) for _ in range(size.rounds)]
    counts = [sum(word not in _BOUNDS for word in found) for found in words]
    savepoints = max(found.count("SAVEPOINT") for found in words)
    Line(
        bench="B5", what="WAL syncs of an execution of 10 steps", unit="syncs", target=Target("ours", "<=", 13), rates=False,
        # Others may write to the same server: only the quietest round is ours alone.
        ours=[min(syncs)], also={"statements": max(counts), "most_statements": MOST_STATEMENTS, "savepoints": savepoints, "syncs": syncs},
        holds=max(counts) <= MOST_STATEMENTS and not savepoints,
    ).show()  # fmt: skip


def _syncs(world: worlds.World, version: PlaybookVersion, count: int) -> float:
    before = _synced()
    for _ in range(count):
        world.run(version)
    return (_synced() - before) / count


def _synced() -> int:
    """Return how often the server has synced its log, with what this session did."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT 1")
        time.sleep(0.05)
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT wal_sync FROM pg_stat_wal")
        return int(cursor.fetchone()[0])


def _statements(world: worlds.World, version: PlaybookVersion) -> list[str]:
    """Return the first word of each statement that the server logs for one execution; it tells this session of its log."""
    found: list[str] = []

    def heard(notice: Diagnostic) -> None:
        match = _STATEMENT.match(notice.message_primary or "")
        if match:
            found.append(match[1].upper())

    connection.ensure_connection()
    session = connection.connection
    session.add_notice_handler(heard)
    try:
        session.execute("SET client_min_messages = log; SET log_statement = 'all'")
        found.clear()
        world.run(version)
    finally:
        session.execute("RESET log_statement; RESET client_min_messages")
        session.remove_notice_handler(heard)
    return found[:-1] if found and found[-1] == "RESET" else found
