"""Several rows of several tables in one statement: the one place with SQL written by hand.

The ORM builds a statement for each table, and spends more time on it than the database does. PostgreSQL gets one text
that changes everything or nothing, in one round trip and one commit; SQLite, which has no round trips, gets one statement
a table. Values are converted by the fields themselves. `playbooks_app.services.commits` keeps the same in the ORM, as the
oracle of its tests.
"""

import dataclasses
import datetime as dt
import functools
import json
import operator
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.types.json import Jsonb

from core import statements

_GIVEN = frozenset(
    {
        models.BooleanField,
        models.CharField,
        models.DateTimeField,
        models.FloatField,
        models.IntegerField,
        models.PositiveIntegerField,
        models.PositiveSmallIntegerField,
        models.SmallIntegerField,
        models.BigIntegerField,
        models.PositiveBigIntegerField,
        models.TextField,
        models.UUIDField,
    }
)


@dataclasses.dataclass(frozen=True, slots=True)
class Insert:
    """New rows of one model: its instances, or, of a `model` that is named, anything with an attribute for each column."""

    rows: Sequence[Any]
    model: type[models.Model] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Update:
    """Changed rows of one model, by their primary key: `fields` are written."""

    rows: Sequence[models.Model]
    fields: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Delete:
    """Rows of one model that go, by their primary key, where nothing refers to them."""

    rows: Sequence[models.Model]


Change = Insert | Update | Delete


@dataclasses.dataclass(frozen=True, slots=True)
class Guard:
    """A row that has to be there, as `where` says (None: it is empty), for anything to be written; it gets `values`, if any."""

    model: type[models.Model]
    where: Mapping[str, Any]
    values: Mapping[str, Any]


def write(guards: Sequence[Guard], changes: Sequence[Change], *, durable: bool = True) -> bool:
    """Write all of it where every guard finds its row, else nothing; return whether it was written.

    What is not `durable` is seen by everybody at once, and may be gone after a crash of the database itself: PostgreSQL does
    not wait for its log. SQLite, and an open transaction of the caller's, wait in any case.
    """
    changes = [change for change in changes if change.rows]
    # The thread's own wrapper, looked up once: through `connection` each of its attributes is a search of its own.
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor == "postgresql":
        return _write_at_once(database, guards, changes, durable=durable or database.in_atomic_block)
    with transaction.atomic(), database.cursor() as cursor:
        for guard in guards:
            cursor.execute(*_guard_sqlite(guard))
            if not (cursor.rowcount if guard.values else cursor.fetchone()):
                transaction.set_rollback(True)
                return False
        for change in changes:
            cursor.executemany(*_plain(change))
    return True


def _write_at_once(
    database: BaseDatabaseWrapper, guards: Sequence[Guard], changes: Sequence[Change], *, durable: bool
) -> bool:
    shapes = [_shape(change) for change in changes]
    params: list[Any] = []
    for guard in guards:
        params += _where(guard, "postgresql")
    for guard in guards:
        params += [*_prepared("postgresql", guard.model, guard.values), *_where(guard, "postgresql")] if guard.values else []
    for change, (_, model, names, _) in zip(changes, shapes, strict=True):
        for row in change.rows:
            params += _values(row, "postgresql", model, names)
    rows = statements.run(database, _text((*map(_shape, guards), *shapes), durable), params)
    return bool(rows[0][0] == len(guards))


@functools.lru_cache(maxsize=512)
def _text(shape: tuple[Any, ...], durable: bool) -> bytes:
    """Return the statement for changes of this shape. Each guard locks its row first, and all of them stand before any change."""
    guards = [item for item in shape if item[0] == "guard"]
    parts = []
    for number, (_, model, where, _) in enumerate(guards):
        found = _found(model, where)
        earlier = f" AND EXISTS (SELECT 1 FROM found_{number - 1})" if number else ""
        parts.append(f"found_{number} AS (SELECT 1 FROM {_table(model)} WHERE {found}{earlier} FOR NO KEY UPDATE)")
    last = f"EXISTS (SELECT 1 FROM found_{len(guards) - 1})" if guards else "TRUE"
    for number, (_, model, where, values) in enumerate(guards):
        if not values:
            parts.append(f"guard_{number} AS (SELECT 1 FROM found_{number} WHERE {last})")
            continue
        sets = ", ".join(f"{_column(model, name)} = %s" for name in values)
        found = _found(model, where)
        parts.append(f"guard_{number} AS (UPDATE {_table(model)} SET {sets} WHERE {found} AND {last} RETURNING 1)")
    for number, item in enumerate(item for item in shape if item[0] != "guard"):
        parts.append(f"change_{number} AS ({_change(item, last)})")
    counted = " + ".join(f"(SELECT count(*) FROM guard_{number})" for number in range(len(guards))) or "0"
    unwaited = "" if durable else ", set_config('synchronous_commit', 'off', TRUE)"
    return statements.numbered(f"WITH {', '.join(parts)} SELECT {counted}{unwaited}")


def _change(item: tuple[Any, ...], last: str) -> str:
    kind, model, names, count = item
    columns = [_column(model, name) for name in names]
    first = ", ".join(f"%s::{_type(model, name)}" for name in names)
    rest = ", ".join(["%s"] * len(names))
    rows = ", ".join([f"({first})", *[f"({rest})"] * (count - 1)])
    if kind == "insert":
        return f"INSERT INTO {_table(model)} ({', '.join(columns)}) SELECT * FROM (VALUES {rows}) AS new WHERE {last}"
    table = _table(model)
    if kind == "delete":
        return f"DELETE FROM {table} USING (VALUES {rows}) AS new ({columns[0]}) WHERE {table}.{columns[0]} = new.{columns[0]} AND {last}"
    sets = ", ".join(f"{column} = new.{column}" for column in columns[1:])
    return (
        f"UPDATE {table} SET {sets} FROM (VALUES {rows}) AS new ({', '.join(columns)}) "
        f"WHERE {table}.{columns[0]} = new.{columns[0]} AND {last}"
    )


def _plain(change: Change) -> tuple[str, list[list[Any]]]:
    """Return the statement for one row, as SQLite gets it, and the values of each."""
    kind, model, names, _ = _shape(change)
    rows = [_values(row, "sqlite", model, names) for row in change.rows]
    # The key comes first, but stands last in the text.
    return _plain_text(kind, model, names), [[*row[1:], row[0]] for row in rows] if kind == "update" else rows


@functools.lru_cache(maxsize=512)
def _plain_text(kind: str, model: type[models.Model], names: Sequence[str]) -> str:
    columns = [_column(model, name) for name in names]
    if kind == "insert":
        return f"INSERT INTO {_table(model)} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"
    if kind == "delete":
        return f"DELETE FROM {_table(model)} WHERE {columns[0]} = %s"
    sets = ", ".join(f"{column} = %s" for column in columns[1:])
    return f"UPDATE {_table(model)} SET {sets} WHERE {columns[0]} = %s"


def _guard_sqlite(guard: Guard) -> tuple[str, list[Any]]:
    text = _guard_text(guard.model, _conditions(guard), tuple(guard.values))
    return text, [*_prepared("sqlite", guard.model, guard.values), *_where(guard, "sqlite")]


@functools.lru_cache(maxsize=512)
def _guard_text(model: type[models.Model], conditions: Sequence[tuple[str, bool]], names: Sequence[str]) -> str:
    found = _found(model, conditions)
    if not names:
        return f"SELECT 1 FROM {_table(model)} WHERE {found}"
    sets = ", ".join(f"{_column(model, name)} = %s" for name in names)
    return f"UPDATE {_table(model)} SET {sets} WHERE {found}"


def _shape(item: Guard | Change) -> tuple[Any, ...]:
    if isinstance(item, Guard):
        return ("guard", item.model, _conditions(item), tuple(item.values))
    if isinstance(item, Insert):
        model: Any = item.model or type(item.rows[0])
        return ("insert", model, _names(model), len(item.rows))
    model = type(item.rows[0])
    if isinstance(item, Delete):
        return ("delete", model, _updated(model, ()), len(item.rows))
    return ("update", model, _updated(model, item.fields), len(item.rows))


@functools.lru_cache(maxsize=64)
def _updated(model: type[models.Model], fields: tuple[str, ...]) -> tuple[str, ...]:
    return (model._meta.pk.attname, *fields)


def _values(row: Any, vendor: str, model: type[models.Model], names: tuple[str, ...]) -> list[Any]:
    read, conversions = _reader(vendor, model, names)
    values = list(read(row))
    for position, save in conversions:
        values[position] = save(values[position])
    return values


@functools.lru_cache(maxsize=256)
def _reader(
    vendor: str, model: type[models.Model], names: tuple[str, ...]
) -> tuple[Callable[[Any], Sequence[Any]], Sequence[tuple[int, Callable[[Any], Any]]]]:
    """Return what reads the values of these columns from a row, and how some of them, by their positions, are converted."""
    prepared = enumerate(_preparations(vendor, model, names))
    # With one name it would read a value instead of a sequence.
    read = operator.attrgetter(*names) if len(names) > 1 else lambda row: (getattr(row, names[0]),)
    return read, [(position, save) for position, (_, save) in prepared if save]


def _conditions(guard: Guard) -> tuple[tuple[str, bool], ...]:
    """Return the names that a guard asks about, and of each whether it has to be empty."""
    return tuple((name, value is None) for name, value in guard.where.items())


def _found(model: type[models.Model], conditions: Sequence[tuple[str, bool]]) -> str:
    return " AND ".join(f"{_column(model, name)} {'IS NULL' if empty else '= %s'}" for name, empty in conditions)


def _where(guard: Guard, vendor: str) -> list[Any]:
    return _prepared(vendor, guard.model, {name: value for name, value in guard.where.items() if value is not None})


def _prepared(vendor: str, model: type[models.Model], values: Mapping[str, Any]) -> list[Any]:
    return [save(values[name]) if save else values[name] for name, save in _preparations(vendor, model, tuple(values))]


@functools.lru_cache(maxsize=256)
def _preparations(
    vendor: str, model: type[models.Model], names: tuple[str, ...]
) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    fields = {field.attname: field for field in model._meta.concrete_fields} | {
        field.name: field for field in model._meta.concrete_fields
    }
    return tuple((name, _conversion(vendor, fields[name])) for name in names)


def _conversion(vendor: str, field: Any) -> Callable[[Any], Any] | None:
    """Return what turns a value of this field into what the driver is given; None where it is given as it is.

    PostgreSQL's driver takes strings, numbers, moments and UUIDs themselves, SQLite's strings and numbers; the fields' own
    way to say so is slow.
    """
    while field.is_relation:
        field = field.target_field
    plain_json = type(field) is models.JSONField and field.encoder is None
    if vendor == "postgresql":
        if type(field) in _GIVEN:
            return None
        if plain_json:
            return _json
    elif type(field) in _GIVEN:
        own: dict[type, Callable[[Any], Any]] = {models.UUIDField: _hex, models.DateTimeField: _moment}
        return own.get(type(field))
    elif plain_json:
        return _json_text
    # One thread's wrapper serves all: the fields ask it for its operations alone, never for a cursor.
    return functools.partial(field.get_db_prep_save, connection=connections[DEFAULT_DB_ALIAS])


def _json(value: Any) -> Any:
    return None if value is None else Jsonb(value)


def _json_text(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _hex(value: uuid.UUID | str | None) -> str | None:
    return value.hex if isinstance(value, uuid.UUID) else value and uuid.UUID(value).hex


def _moment(value: dt.datetime | None) -> str | None:
    return None if value is None else str(value.astimezone(dt.UTC).replace(tzinfo=None))


@functools.lru_cache(maxsize=64)
def _names(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields if not isinstance(field, models.AutoField))


@functools.lru_cache(maxsize=512)
def _column(model: type[models.Model], name: str) -> str:
    field: Any = model._meta.get_field(name) if name in _by_name(model) else _by_attname(model)[name]
    return f'"{field.column}"'


@functools.lru_cache(maxsize=64)
def _by_name(model: type[models.Model]) -> Mapping[str, Any]:
    return {field.name: field for field in model._meta.concrete_fields}


@functools.lru_cache(maxsize=64)
def _by_attname(model: type[models.Model]) -> Mapping[str, Any]:
    return {field.attname: field for field in model._meta.concrete_fields}


def _type(model: type[models.Model], name: str) -> str:
    field: Any = _by_attname(model).get(name) or _by_name(model)[name]
    full = str(field.rel_db_type(connection) if field.is_relation else field.db_type(connection))
    # A cast to varchar(n) would cut what is too long; without the length the column refuses it.
    return full.split("(")[0]


def _table(model: type[models.Model]) -> str:
    return f'"{model._meta.db_table}"'
