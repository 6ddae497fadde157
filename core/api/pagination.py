"""Cursor pages: a place in an order without ties, so that nothing is lost or repeated while rows come and go."""

import base64
import binascii
import dataclasses
import datetime as dt
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError as NotAValue
from django.db.models import Q
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from core.api import parsers

LONGEST_CURSOR = 2000
NO_CURSOR = "This is no cursor of this list: follow next and previous as they are."
LINK = {"type": "string", "nullable": True, "format": "uri"}


@dataclasses.dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an order: the values of the row that it stands at, and in which direction the page lies."""

    order: tuple[str, ...]
    backwards: bool
    values: tuple[Any, ...]


class CursorPages(BasePagination):
    """Newest first by id, which is ordered by time; `?page_size=` up to 200, `?ordering=` by what the view allows.

    A view names what it can be ordered by in `ordering_fields`: the public name and the column, which is never empty.
    """

    ordering: tuple[str, ...] = ("-id",)
    page_size = 50
    max_page_size = 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return the rows of the page; raises ValidationError for a parameter that is none of this list's."""
        self._order = self._ordering(request, view)
        cursor = decoded(request.query_params.get("cursor", ""), self._order, queryset.model)
        backwards = cursor is not None and cursor.backwards
        if cursor:
            queryset = queryset.filter(_beyond(cursor))
        size = self._size(request)
        rows = list(queryset.order_by(*(_turned(self._order) if backwards else self._order))[: size + 1])
        return self._cut(rows, size, cursor, request)

    def first_page(self, read: Callable[[int], list[Any]], request: Request) -> list[Any]:
        """Return the rows of the first page in the order that no caller has chosen, where `read` gets that many of them."""
        self._order = self.ordering
        size = self._size(request)
        return self._cut(read(size + 1), size, None, request)

    def _cut(self, rows: list[Any], size: int, cursor: Cursor | None, request: Request) -> list[Any]:
        """Return the page without the row that only tells whether there are more, and note where its neighbours are."""
        self._url = request.build_absolute_uri()
        backwards = cursor is not None and cursor.backwards
        more, rows = len(rows) > size, rows[:size]
        if backwards:
            rows.reverse()
        self._next = self._link(rows[-1], backwards=False) if rows and (more or backwards) else None
        self._previous = self._link(rows[0], backwards=True) if rows and (cursor if not backwards else more) else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page with the addresses of its neighbours."""
        return Response({"results": data, "next": self._next, "previous": self._previous})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page."""
        properties = {"results": schema, "next": LINK, "previous": LINK}
        return {"type": "object", "required": ["results", "next", "previous"], "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe what a page is asked for with."""
        names = sorted(getattr(view, "ordering_fields", {}))
        size = {"type": "integer", "minimum": 1, "default": self.page_size}
        found = [
            _parameter("cursor", "From `next` or `previous` of another page.", {"type": "string"}),
            _parameter("page_size", f"How many rows a page has; never more than {self.max_page_size}.", size),
        ]
        if names:
            order = {"type": "string", "enum": [*names, *(f"-{name}" for name in names)]}
            found.append(_parameter("ordering", "By what the rows are ordered; with - from the last to the first.", order))
        return found

    def _ordering(self, request: Request, view: Any) -> tuple[str, ...]:
        wanted = request.query_params.get("ordering", "")
        if not wanted:
            return self.ordering
        known: Mapping[str, str] = getattr(view, "ordering_fields", {})
        sign, name = ("-", wanted[1:]) if wanted.startswith("-") else ("", wanted)
        if name not in known:
            raise ValidationError({"ordering": [f"This list is ordered by: {', '.join(sorted(known)) or 'nothing else'}."]})
        column = known[name]
        return (f"{sign}{column}",) if column == "id" else (f"{sign}{column}", f"{sign}id")

    def _size(self, request: Request) -> int:
        wanted = request.query_params.get("page_size", "")
        if not wanted:
            return self.page_size
        if not (wanted.isascii() and wanted.isdecimal() and len(wanted) <= 9 and int(wanted) > 0):
            raise ValidationError({"page_size": [f"This is a number from 1 to {self.max_page_size}."]})
        return min(int(wanted), self.max_page_size)

    def _link(self, row: Any, *, backwards: bool) -> str:
        values = tuple(_value(row, column) for column in self._order)
        cursor = encoded(Cursor(self._order, backwards, values))
        return replace_query_param(remove_query_param(self._url, "cursor"), "cursor", cursor)


def encoded(cursor: Cursor) -> str:
    """Return a cursor as text for an address."""
    text = json.dumps([list(cursor.order), cursor.backwards, [_plain(value) for value in cursor.values]], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(text: str, order: Sequence[str], model: Any) -> Cursor | None:
    """Return the cursor that `text` names, None where it names none; raises ValidationError for one of another list."""
    if not text:
        return None
    try:
        if len(text) > LONGEST_CURSOR:
            raise ValueError
        told, backwards, given = parsers.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if told != list(order) or not isinstance(backwards, bool) or len(given) != len(order):
            raise ValueError
        values = tuple(_read(model, column, value) for column, value in zip(order, given, strict=True))
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error, NotAValue, ParseError) as error:
        raise ValidationError({"cursor": [NO_CURSOR]}) from error
    return Cursor(tuple(order), backwards, values)


def _beyond(cursor: Cursor) -> Q:
    """Return the condition for the rows after the cursor's place: by the first column, and among its equals by the next."""
    (column, *rest), (value, *values) = cursor.order, cursor.values
    name, verb = column.removeprefix("-"), "lt" if column.startswith("-") != cursor.backwards else "gt"
    condition = Q(**{f"{name}__{verb}": value})
    if rest:
        # The first column alone, once more, is what an index can use.
        after = _beyond(Cursor(tuple(rest), cursor.backwards, tuple(values)))
        condition = Q(**{f"{name}__{verb}e": value}) & (condition | after)
    return condition


def _turned(order: Sequence[str]) -> list[str]:
    return [column[1:] if column.startswith("-") else f"-{column}" for column in order]


def _value(row: Any, column: str) -> Any:
    name = column.removeprefix("-")
    return row[name] if isinstance(row, Mapping) else getattr(row, name)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value


def _read(model: Any, column: str, value: Any) -> Any:
    if not isinstance(value, str | int | float):
        raise TypeError
    read = model._meta.get_field(column.removeprefix("-")).to_python(value)
    return read.astimezone(dt.UTC) if isinstance(read, dt.datetime) else read


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "required": False, "in": "query", "description": description, "schema": schema}
