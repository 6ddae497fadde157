"""JSON as input: strict, bounded in size and depth."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from core.errors import TooLarge

MAX_DEPTH = 64


class StrictJSONParser(JSONParser):
    """Refuses what JSON does not have (NaN, NUL), what is too deep or too large, with a sentence."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = stream.read(settings.BATCH_MAX_BYTES + 1)
        if len(body) > settings.BATCH_MAX_BYTES:
            raise TooLarge(f"The body is larger than {settings.BATCH_MAX_BYTES} bytes.")
        return loads(body)


def loads(body: bytes) -> Any:
    """Return the JSON value in `body`; raises ParseError that says what is wrong and where."""
    try:
        value = json.loads(body.decode(), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not UTF-8: byte {error.start} is not valid.") from error
    except (json.JSONDecodeError, RecursionError, ValueError) as error:
        raise ParseError(f"The body is not valid JSON: {error}") from error
    check_depth(value)
    return value


def check_depth(value: object, limit: int = MAX_DEPTH) -> None:
    """Raise ParseError where `value` is nested deeper than `limit` or holds a NUL or lone surrogate."""
    layer = [value]
    for _ in range(limit):
        layer = [item for node in layer for item in _children(node)]
        if not layer:
            return
    raise ParseError(f"The body is nested deeper than {limit} levels.")


def _children(node: object) -> list[object]:
    if isinstance(node, dict):
        return [*node.keys(), *node.values()]
    if isinstance(node, list):
        return node
    if isinstance(node, str) and ("\x00" in node or any("\ud800" <= char <= "\udfff" for char in node)):
        raise ParseError("A text holds a NUL or a lone surrogate, which cannot be stored.")
    return []


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
