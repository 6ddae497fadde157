"""Copying a whole deployment from one database into another, empty one, whichever of the two kinds they are.

Rows are copied as they stand, by column: nothing is decrypted, no default and no clock gets its hands on them. All of it
is one transaction on the target, verified before it is committed: a move that fails leaves nothing behind.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import Error, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.models.expressions import Col

from audit.services import verify
from core.errors import Conflict, DomainError
from runbookpilot import databases

CHUNK = 500
#: Rows of these may hold a document each: fewer of them at once, so that memory stays flat.
BULKY = 20
#: What every migrated database holds already; it gets the source's, whose ids other rows name.
_MADE_BY_MIGRATE = (Permission, ContentType)
_MODULUS = 1 << 256

Progress = Callable[[str, int, int], None]


class NotMigrated(Conflict):
    """The database is not at this version: run `python manage.py migrate` on it first."""

    code = "not_migrated"


class TargetNotEmpty(Conflict):
    """The target is not empty, and nothing in it is overwritten."""

    code = "target_not_empty"


class CopyFailed(DomainError):
    """The copy is not what the original is; nothing of it was kept."""

    code = "copy_failed"
    http_status = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """What stands in one table: how many rows, and the sum of their digests, which no order changes."""

    name: str
    rows: int
    digest: str


@dataclasses.dataclass(frozen=True, slots=True)
class Copy:
    """What was copied, and what the verification of its journal found."""

    tables: tuple[Table, ...]
    report: verify.Report

    @property
    def rows(self) -> int:
        """How many rows there are in all tables."""
        return sum(table.rows for table in self.tables)


def require_migrated(connection: BaseDatabaseWrapper) -> None:
    """Raise NotMigrated unless the database is at this version."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMigrated(f"{databases.shown(connection.settings_dict)}: {NotMigrated.__doc__}")


def require_empty(connection: BaseDatabaseWrapper) -> None:
    """Raise TargetNotEmpty where there is a row of ours already."""
    with connection.cursor() as cursor:
        standing = set(connection.introspection.table_names(cursor))
        for model in _models():
            name = model._meta.db_table
            if model in _MADE_BY_MIGRATE or name not in standing:
                continue
            cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(name)} LIMIT 1")
            if cursor.fetchone():
                raise TargetNotEmpty(f"{TargetNotEmpty.__doc__} There are rows in {name}.")


def copy(
    source: BaseDatabaseWrapper, target: BaseDatabaseWrapper, *, progress: Progress, finish: Callable[[Copy], None]
) -> Copy:
    """Copy everything, verify it, call `finish` for what else belongs into the target, and commit; else leave nothing.

    The source's transaction is the caller's, so that all of it is read as it stood at one moment. Raises NotMigrated,
    TargetNotEmpty, CopyFailed.
    """
    require_migrated(source)
    require_empty(target)
    call_command("migrate", database=target.alias, interactive=False, verbosity=0)
    with databases.as_default(source):
        before = verify.run()
    try:
        with transaction.atomic(using=target.alias):
            _clear(target)
            require_empty(target)
            tables = tuple(_copy_table(source, target, model, progress) for model in _models())
            _reset_sequences(target)
            made = Copy(tables, _verified(target, tables, before))
            with databases.as_default(target):
                finish(made)
    except Error as error:
        raise CopyFailed(f"The target refused the copy, and nothing of it was kept: {_first_line(error)}") from error
    if target.vendor == "postgresql":
        with target.cursor() as cursor:
            cursor.execute("ANALYZE")
    return made


def contents(connection: BaseDatabaseWrapper) -> tuple[Table, ...]:
    """Return what stands in every table of ours."""
    return tuple(_content(connection, model) for model in _models())


def _models() -> list[type[models.Model]]:
    found = (model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy and model._meta.managed)
    return sorted(found, key=lambda model: model._meta.db_table)


def _clear(target: BaseDatabaseWrapper) -> None:
    with target.cursor() as cursor:
        for model in _MADE_BY_MIGRATE:
            cursor.execute(f"DELETE FROM {target.ops.quote_name(model._meta.db_table)}")


def _copy_table(source: BaseDatabaseWrapper, target: BaseDatabaseWrapper, model: type[models.Model], progress: Progress) -> Table:
    name, fields = model._meta.db_table, _fields(model)
    columns = ", ".join(target.ops.quote_name(column) for column, _ in fields)
    insert = f"INSERT INTO {target.ops.quote_name(name)} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})"
    total, done, digest = _count(source, name), 0, 0
    progress(name, 0, total)
    with target.cursor() as cursor:
        for rows in _chunks(source, model):
            digest = (digest + _digest(model, rows)) % _MODULUS
            try:
                cursor.executemany(insert, [_adapted(target, fields, row) for row in rows])
            except Error as error:
                sentence = f"{name}: the target refuses one of rows {done + 1} to {done + len(rows)}: {_first_line(error)}"
                raise CopyFailed(f"{sentence}. Nothing was kept.") from error
            done += len(rows)
            progress(name, done, total)
    return Table(name, done, f"{digest:064x}")


def _content(connection: BaseDatabaseWrapper, model: type[models.Model]) -> Table:
    count, digest = 0, 0
    for rows in _chunks(connection, model):
        count, digest = count + len(rows), (digest + _digest(model, rows)) % _MODULUS
    return Table(model._meta.db_table, count, f"{digest:064x}")


def _verified(target: BaseDatabaseWrapper, tables: Sequence[Table], before: verify.Report) -> verify.Report:
    """Return what verifying the copied journal found; raises CopyFailed where the copy differs in a row or a proof."""
    differing = [old.name for old, new in zip(tables, contents(target), strict=True) if old != new]
    if differing:
        raise CopyFailed(f"{CopyFailed.__doc__} These tables differ: {', '.join(differing)}.")
    with databases.as_default(target):
        after = verify.run()
    new = [problem.sentence for problem in after.problems if problem not in before.problems]
    if new or (before.entries, before.checkpoints, before.covered) != (after.entries, after.checkpoints, after.covered):
        raise CopyFailed(f"{CopyFailed.__doc__} {' '.join(new[:3])}".strip())
    return after


def _reset_sequences(target: BaseDatabaseWrapper) -> None:
    with target.cursor() as cursor:
        for statement in target.ops.sequence_reset_sql(no_style(), _models()):
            cursor.execute(statement)


def _fields(model: type[models.Model]) -> list[tuple[str, Any]]:
    """Return the columns of a model, each with the field that says how its values are stored."""
    found = []
    for field in model._meta.concrete_fields:
        kept: Any = field
        while kept.remote_field:
            kept = kept.target_field
        found.append((str(field.column), kept))
    return found


def _chunks(connection: BaseDatabaseWrapper, model: type[models.Model]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a table in plain Python values; JSON as its text, and what is encrypted as it is."""
    fields, name = _fields(model), connection.ops.quote_name(model._meta.db_table)
    converters = [connection.ops.get_db_converters(Col(name, field)) for _, field in fields]
    size = BULKY if any(field.get_internal_type() == "BinaryField" for _, field in fields) else CHUNK
    with connection.chunked_cursor() as cursor:
        columns = ", ".join(connection.ops.quote_name(column) for column, _ in fields)
        cursor.execute(f"SELECT {columns} FROM {name}")
        while rows := cursor.fetchmany(size):
            yield [
                tuple(_converted(connection, value, field, chain) for value, (_, field), chain in zip(row, fields, converters, strict=True))
                for row in rows
            ]


def _converted(connection: BaseDatabaseWrapper, value: Any, field: Any, chain: Sequence[Any]) -> Any:
    for convert in chain:
        value = convert(value, Col("", field), connection)
    return bytes(value) if isinstance(value, memoryview) else value


def _adapted(connection: BaseDatabaseWrapper, fields: Sequence[tuple[str, Any]], row: Sequence[Any]) -> list[Any]:
    return [None if value is None else _adapt(connection, field, value) for (_, field), value in zip(fields, row, strict=True)]


def _adapt(connection: Any, field: Any, value: Any) -> Any:
    """Return a value as this database stores it. Fields of ours that encrypt are past their work: theirs are bytes."""
    kind, ops = field.get_internal_type(), connection.ops
    if kind == "DateTimeField":
        return ops.adapt_datetimefield_value(value)
    if kind == "DateField":
        return ops.adapt_datefield_value(value)
    if kind == "UUIDField":
        return value if connection.features.has_native_uuid_field else value.hex
    if kind == "BinaryField":
        return connection.Database.Binary(value)
    return value


def _digest(model: type[models.Model], rows: Sequence[Sequence[Any]]) -> int:
    documents = {at for at, (_, field) in enumerate(_fields(model)) if field.get_internal_type() == "JSONField"}
    total = 0
    for row in rows:
        plain = [_plain(json.loads(value)) if at in documents and value is not None else value for at, value in enumerate(row)]
        total += int.from_bytes(hashlib.sha256(repr(plain).encode("utf-8", "surrogatepass")).digest(), "big")
    return total


def _plain(value: Any) -> Any:
    """Return a JSON value in the one form that both databases give back: keys in order, 1.0 the number that 1 is."""
    if isinstance(value, dict):
        return sorted((key, _plain(item)) for key, item in value.items())
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _count(connection: BaseDatabaseWrapper, table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")
        return int(cursor.fetchone()[0])


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
