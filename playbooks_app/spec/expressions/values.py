"""How values compare and how they look as text. Only JSON values and moments are known; attributes never are."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping

from playbooks_app.spec import limits
from playbooks_app.spec.expressions.errors import ExpressionError


def kind(value: object) -> str:
    """Return the word for the type of `value`."""
    if value is None:
        return "null"
    for types, word in _KINDS:
        if isinstance(value, types):
            return word
    return "an unknown type"


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    ((int, float), "a number"),
    (str, "text"),
    ((list, tuple), "a list"),
    (Mapping, "a mapping"),
    (dt.datetime, "a moment"),
)


def is_list(value: object) -> bool:
    """Whether `value` is a list of this language."""
    return isinstance(value, list | tuple)


def equal(left: object, right: object) -> bool:
    """Whether both are the same value; a boolean never equals a number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(item, right[key]) for key, item in left.items())
    return bool(left == right)


def before(left: object, right: object) -> bool:
    """Whether `left` comes before `right`; false against null, ExpressionError for different types."""
    if left is None or right is None:
        return False
    for types in (int | float, str, dt.datetime):
        if isinstance(left, types) and isinstance(right, types) and not _boolean(left, right):
            return bool(left < right)  # type: ignore[operator]
    raise ExpressionError(f"{kind(left)} cannot be ordered against {kind(right)}")


def _boolean(*values: object) -> bool:
    return any(isinstance(value, bool) for value in values)


def contains(container: object, item: object) -> bool:
    """Whether a text, list or mapping holds `item`; nothing stands in null."""
    if container is None:
        return False
    if isinstance(container, str):
        if item is None:
            return False
        if not isinstance(item, str):
            raise ExpressionError(f"text cannot contain {kind(item)}")
        return item in container
    if isinstance(container, list | tuple):
        return any(equal(item, member) for member in container)
    if isinstance(container, Mapping):
        return isinstance(item, str) and item in container
    raise ExpressionError(f"{kind(container)} cannot contain anything")


def as_text(value: object) -> str:
    """Return `value` as it stands inside a text; raises ExpressionError for null and for unknown types."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping) or is_list(value):
        return as_json(value)
    raise ExpressionError(f"{kind(value)} has no text form", hint="add | default(…) if it may be null")


def as_json(value: object) -> str:
    """Return `value` as JSON text; raises ExpressionError for what JSON cannot carry."""
    measure(value, limits.TEXT_CHARACTERS)
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_jsonable)
    except (TypeError, ValueError) as error:
        raise ExpressionError(f"{kind(value)} has no JSON form") from error


def measure(value: object, most: int) -> None:
    """Raise ExpressionError where `value` as JSON would be longer than `most`, or nests too deeply.

    A value may hold another many times over, so that it is small in memory and huge once it is written.
    """
    size = 0
    waiting: list[tuple[object, int]] = [(value, 0)]
    while waiting:
        current, depth = waiting.pop()
        size += len(current) + 2 if isinstance(current, str) else 2
        if size > most:
            raise ExpressionError(f"the value is longer than {most} characters")
        if depth > limits.RENDERED_DEPTH:
            raise ExpressionError("the value nests too deeply")
        waiting.extend((item, depth + 1) for item in _items(current))


def _items(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield item
    elif isinstance(value, list | tuple):
        yield from value


def _jsonable(value: object) -> object:
    if isinstance(value, dt.datetime):
        return as_text(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(kind(value))


def capped(value: object) -> object:
    """Return `value` unless it is larger than an expression may yield."""
    if isinstance(value, str) and len(value) > limits.TEXT_CHARACTERS:
        raise ExpressionError(f"the text is longer than {limits.TEXT_CHARACTERS} characters")
    if isinstance(value, list | tuple) and len(value) > limits.LIST_ITEMS:
        raise ExpressionError(f"the list has more than {limits.LIST_ITEMS} items")
    return value
