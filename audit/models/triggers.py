"""Triggers that make the journal append-only, one table for both databases.

SQLite drops a table's triggers when a migration rebuilds it, so they are asserted anew after every migrate.
"""

import dataclasses

from django.db.backends.base.base import BaseDatabaseWrapper

APPEND_ONLY = ("audit_entry", "audit_entryref", "audit_leaf", "audit_checkpoint")

_FUNCTION = """
CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the journal is append-only: % on % refused', TG_OP, TG_TABLE_NAME; END $$
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger by name, its table, and the operation that it refuses."""

    name: str
    table: str
    operation: str


def expected(vendor: str) -> list[Trigger]:
    """Return the triggers that must stand on a database of this vendor."""
    operations = ["UPDATE", "DELETE"] + (["TRUNCATE"] if vendor == "postgresql" else [])
    return [Trigger(f"{table}_no_{operation.lower()}", table, operation) for table in APPEND_ONLY for operation in operations]


def missing(connection: BaseDatabaseWrapper) -> list[Trigger]:
    """Return the triggers that should stand and do not, or are disabled."""
    standing = _standing(connection)
    return [trigger for trigger in expected(connection.vendor) if trigger.name not in standing]


def install(connection: BaseDatabaseWrapper) -> None:
    """Put every trigger in place, leaving those that stand."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_FUNCTION)
        for trigger in missing(connection):
            cursor.execute(
                f"DROP TRIGGER IF EXISTS {trigger.name}" + (f" ON {trigger.table}" if connection.vendor == "postgresql" else "")
            )
            cursor.execute(_create(trigger, connection.vendor))


def _create(trigger: Trigger, vendor: str) -> str:
    if vendor == "postgresql":
        scope = "STATEMENT" if trigger.operation == "TRUNCATE" else "ROW"
        return (
            f"CREATE TRIGGER {trigger.name} BEFORE {trigger.operation} ON {trigger.table} "
            f"FOR EACH {scope} EXECUTE FUNCTION audit_refuse_change()"
        )
    return (
        f"CREATE TRIGGER {trigger.name} BEFORE {trigger.operation} ON {trigger.table} "
        f"BEGIN SELECT RAISE(ABORT, 'the journal is append-only: {trigger.operation} on {trigger.table} refused'); END"
    )


def _standing(connection: BaseDatabaseWrapper) -> set[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {row[0] for row in cursor.fetchall()}
