"""Queries of the ORM that are asked again and again: compiled once for each database, then run with other values.

The ORM takes longer to write down such a query than the database takes to answer it, and PostgreSQL longer to plan than to
run it. The query stays one of the ORM, and its answer the same; what is kept is the text. Nothing that was read is kept.
"""

import dataclasses
import datetime as dt
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.query import ModelIterable, ValuesListIterable, get_related_populators

from core import statements

T = TypeVar("T")


class Slot(models.Expression):
    """The place of a value in a query, which gets it each time that it is asked; of a list, the place of one item."""

    def __init__(self, name: str, index: int | None = None) -> None:
        super().__init__(output_field=None)
        self.name, self.index = name, index

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)

    def of(self, values: Mapping[str, Any]) -> Any:
        """Return the value of this slot."""
        return values[self.name] if self.index is None else values[self.name][self.index]


Converter = tuple[int, Sequence[Callable[..., Any]], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    numbered: bytes
    params: Sequence[Any]
    converters: Sequence[Converter]
    made: Callable[[Sequence[Any]], Any] | None


class Read(Generic[T]):
    """A query of which the values alone differ, asked for rows of a model, with what it selects beside them, or for tuples.

    `build` gets a slot for each value by its name, a list of slots for a list, and returns the query: `values_list`, or one
    for instances. It is called once for each kind of database and each length of a list. A value is a text, a number, an id,
    a moment, or a list of these; it is compared with what is stored, so None is none.
    """

    def __init__(self, build: Callable[..., "models.QuerySet[Any, T]"]) -> None:
        self._build = build
        self._compiled: dict[Any, _Compiled] = {}
        self._lock = threading.Lock()

    def all(self, **values: Any) -> list[T]:
        """Return all rows for these values, one for each slot."""
        if any(value == [] for value in values.values()):
            return []
        database = connections[DEFAULT_DB_ALIAS]
        lengths = tuple(len(value) if isinstance(value, list) else -1 for value in values.values())
        key = (database.vendor, tuple(values), lengths)
        compiled = self._compiled.get(key)
        if compiled is None:
            with self._lock:
                compiled = self._compiled.setdefault(key, _compile(self._build(**_slots(values))))
        rows = _fetched(database, compiled, _bound(database, compiled.params, values))
        if compiled.converters:
            rows = [_converted(row, compiled.converters) for row in rows]
        return [compiled.made(row) for row in rows] if compiled.made else rows

    def first(self, **values: Any) -> T | None:
        """Return the first row for these values, if there is any."""
        found = self.all(**values)
        return found[0] if found else None


def _converted(row: Sequence[Any], converters: Sequence[Converter]) -> tuple[Any, ...]:
    found = list(row)
    for position, ways, expression in converters:
        for convert in ways:
            found[position] = convert(found[position], expression, connection)
    return tuple(found)


def _slots(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [Slot(name, index) for index in range(len(value))] if isinstance(value, list) else Slot(name)
        for name, value in values.items()
    }


def _compile(queryset: "models.QuerySet[Any, Any]") -> _Compiled:
    compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
    text, params = compiler.as_sql()
    if "%%" in text:
        raise ValueError("A query that is compiled once cannot contain a percent sign.")
    converters = compiler.get_converters(compiler.select and [item[0] for item in compiler.select])
    iterable = queryset._iterable_class
    if iterable is ModelIterable:
        made = _maker(compiler)
    elif iterable is ValuesListIterable:
        made = None
    else:
        raise TypeError(f"Rows of {iterable.__name__} are not supported.")
    return _Compiled(
        text=text, numbered=statements.numbered(text), params=tuple(params), made=made,
        converters=[(position, found, expression) for position, (found, expression) in converters.items()],
    )  # fmt: skip


def _maker(compiler: Any) -> Callable[[Sequence[Any]], Any]:
    """Return what makes a row of the model, and those that it selects beside it, of a row of the database, as the ORM does."""
    info, select = compiler.klass_info, compiler.select
    first, last = info["select_fields"][0], info["select_fields"][-1] + 1
    names = [item[0].target.attname for item in select[first:last]]
    model, populators = info["model"], get_related_populators(info, select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]  # the stubs are of a later Django
    annotations = list((compiler.annotation_col_map or {}).items())

    def made(row: Sequence[Any]) -> Any:
        found = model.from_db(DEFAULT_DB_ALIAS, names, row[first:last])
        for populator in populators:
            populator.populate(row, found)
        for name, position in annotations:
            setattr(found, name, row[position])
        return found

    return made


def _bound(database: BaseDatabaseWrapper, params: Sequence[Any], values: Mapping[str, Any]) -> list[Any]:
    given = [item.of(values) if isinstance(item, Slot) else item for item in params]
    # PostgreSQL's driver takes strings, numbers, moments and ids as they are.
    return given if database.vendor == "postgresql" else [_plain(database, value) for value in given]


def _plain(database: BaseDatabaseWrapper, value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return value.hex
    return database.ops.adapt_datetimefield_value(value) if isinstance(value, dt.datetime) else value


def _fetched(database: BaseDatabaseWrapper, compiled: _Compiled, params: Sequence[Any]) -> list[Any]:
    if database.vendor != "postgresql" or database.queries_logged or database.execute_wrappers:
        with database.cursor() as cursor:
            cursor.execute(compiled.text, params)
            return list(cursor.fetchall())
    database.validate_no_broken_transaction()
    database.close_if_health_check_failed()
    return statements.run(database, compiled.numbered, params)
