"""Reading one JSON document that may hold anything, into one that a database can hold, with a note of each change."""

import json
import math
from collections import Counter
from typing import Any

from core.errors import Invalid, TooLarge

MAX_DEPTH = 64
MAX_KEYS = 20_000
MAX_NOTES = 100
_WHOLE_NUMBER_DIGITS = 18


class NotJson(Invalid):
    """The alert is not valid JSON."""

    code = "not_json"


class NotAnObject(Invalid):
    """An alert is a JSON object."""

    code = "not_an_object"


class TooDeep(Invalid):
    """The alert is nested too deeply."""

    code = "too_deep"


class TooManyKeys(TooLarge):
    """The alert has too many values."""

    code = "too_many_keys"


class _Unstorable(str):
    """The text of a number that JSON or the database has no number for."""

    __slots__ = ()


class _Repeated(dict[str, Any]):
    """An object that named a key twice."""

    def __init__(self, found: dict[str, Any], keys: list[str]) -> None:
        super().__init__(found)
        self.keys_repeated = keys


def parse(text: str) -> Any:
    """Return the JSON value of `text`; raises NotJson or TooDeep. What cannot be stored is marked for `clean`."""
    try:
        return json.loads(
            text, strict=False, parse_int=_whole, parse_float=_fraction, parse_constant=_Unstorable, object_pairs_hook=_object
        )
    except RecursionError as error:
        raise TooDeep(f"The alert is nested deeper than {MAX_DEPTH} levels.") from error
    except ValueError as error:
        raise NotJson(f"The alert is not valid JSON: {error}.") from error


def decode(body: bytes) -> str:
    """Return `body` as text, each byte that is not UTF-8 as a lone surrogate, which `clean` replaces."""
    return body.decode("utf-8", "surrogateescape")


def clean(value: Any) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Return the storable copy of an alert and the notes on what was changed; raises what says why it cannot be one."""
    if not isinstance(value, dict):
        raise NotAnObject(f"An alert is a JSON object, and this is {_kind(value)}.")
    cleaner = _Cleaner()
    document: dict[str, Any] = cleaner.value(value, "", 1)
    return document, cleaner.notes


class _Cleaner:
    def __init__(self) -> None:
        self.notes: list[dict[str, str]] = []
        self.seen = 0

    def value(self, value: Any, path: str, depth: int) -> Any:
        self.seen += 1
        if self.seen > MAX_KEYS:
            raise TooManyKeys(f"The alert has more than {MAX_KEYS} values.")
        if isinstance(value, _Unstorable):
            self._note(path, "A number that cannot be stored was kept as text.")
            return str(value)
        if isinstance(value, str):
            return self._text(value, path)
        if not isinstance(value, dict | list):
            return value
        if depth > MAX_DEPTH:
            raise TooDeep(f"The alert is nested deeper than {MAX_DEPTH} levels.")
        if isinstance(value, list):
            return [self.value(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
        return self._object(value, path, depth)

    def _object(self, value: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
        for key in getattr(value, "keys_repeated", ()):
            self._note(_join(path, self._text(key, path)), "The key stands twice; the last value was kept.")
        kept: dict[str, Any] = {}
        for key, item in value.items():
            name = self._text(key, path)
            kept[name] = self.value(item, _join(path, name), depth + 1)
        return kept

    def _text(self, text: str, path: str) -> str:
        if "\x00" in text:
            self._note(path, "NUL was replaced.")
            text = text.replace("\x00", "\ufffd")
        try:
            text.encode()
        except UnicodeEncodeError:
            self._note(path, "Bytes that are no text were replaced.")
            text = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
        return text

    def _note(self, path: str, what: str) -> None:
        if len(self.notes) < MAX_NOTES:
            self.notes.append({"path": path[:300] or "the alert", "what": what})


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    counts = Counter(name for name, _ in pairs)
    return _Repeated(found, [name for name, count in counts.items() if count > 1])


def _whole(text: str) -> Any:
    return int(text) if len(text) <= _WHOLE_NUMBER_DIGITS else _Unstorable(text)


def _fraction(text: str) -> Any:
    number = float(text)
    return number if math.isfinite(number) else _Unstorable(text)


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a text", bool: "true or false", type(None): "null", _Unstorable: "a number"}
    return names.get(type(value), "a number")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}"[:400] if path else name[:400]
