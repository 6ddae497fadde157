"""A body as the alerts in it: one document, a JSON array, or a document a line."""

import dataclasses
import re
from typing import Any

from core import canonical
from core.errors import DomainError, Invalid, TooLarge
from incidents.spec import cleaning

MAX_ITEMS = 10_000
_BOM = b"\xef\xbb\xbf"
_STRUCTURE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},"]', re.DOTALL)


class EmptyBody(Invalid):
    """The body is empty: send an alert."""

    code = "empty_body"


class AlertTooLarge(TooLarge):
    """The alert is larger than allowed."""

    code = "alert_too_large"


class BatchTooLarge(TooLarge):
    """The batch is larger than allowed."""

    code = "batch_too_large"


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """An alert that was read: the bytes to keep, the copy to work with, and what was cleaned out of it."""

    original: bytes
    document: dict[str, Any]
    notes: list[dict[str, str]]


@dataclasses.dataclass(frozen=True, slots=True)
class Body:
    """What a body holds, in order: alerts, and why the others are none. `single` is one document, not a batch of one."""

    items: list[Item | DomainError]
    single: bool
    sha256: str


def read(body: bytes, *, content_type: str = "", alert_max: int, batch_max: int) -> Body:
    """Return the alerts of `body`; raises where there is nothing to read or there is too much of it."""
    if len(body) > batch_max:
        raise BatchTooLarge(f"The body has {len(body)} bytes, and {batch_max} are allowed.", hint="Send several smaller batches.")
    content = body.removeprefix(_BOM).strip()
    if not content:
        raise EmptyBody
    digest = canonical.sha256(body)
    if content.startswith(b"["):
        return Body(_checked([_element(part, alert_max) for part in _elements(content)]), False, digest)
    lines = [line.strip() for line in content.split(b"\n") if line.strip()]
    if _is_lines(content, lines, content_type):
        return Body([_document(line, alert_max) for line in _checked(lines)], False, digest)
    return Body([_document(body, alert_max, content)], True, digest)


def _checked(items: list[Any]) -> list[Any]:
    if not items:
        raise EmptyBody("The batch is empty: send at least one alert.")
    if len(items) > MAX_ITEMS:
        raise BatchTooLarge(
            f"The batch has {len(items)} alerts, and {MAX_ITEMS} are allowed.", hint="Send several smaller batches."
        )
    return items


def _is_lines(content: bytes, lines: list[bytes], content_type: str) -> bool:
    """Whether the content has a document a line: it is no document as a whole, and some line by itself is."""
    declared = any(word in content_type.lower() for word in ("ndjson", "jsonlines", "json-seq", "jsonl"))
    if len(lines) == 1:
        return declared
    if declared:
        return not _parses(content)
    # A line of a document that was printed over several lines is indented or goes on in the next.
    starts = [line for line in content.split(b"\n") if line.startswith(b"{") and line.rstrip().endswith(b"}")]
    return bool(starts) and not _parses(content) and any(_parses(line) for line in starts)


def _parses(content: bytes) -> bool:
    try:
        return isinstance(cleaning.parse(cleaning.decode(content)), dict)
    except DomainError:
        return False


def _document(original: bytes, alert_max: int, content: bytes | None = None) -> Item | DomainError:
    try:
        if len(original) > alert_max:
            raise _too_large(len(original), alert_max)
        document, notes = cleaning.clean(cleaning.parse(cleaning.decode(original if content is None else content)))
    except DomainError as error:
        return error
    return Item(original, document, notes)


def _element(part: Any, alert_max: int) -> Item | DomainError:
    """Return an element of an array. Its bytes are its canonical JSON, since the array's spacing belongs to no element."""
    try:
        value = cleaning.parse(part.text) if isinstance(part, _Slice) else part
        document, notes = cleaning.clean(value)
        original = canonical.dumps(document)
        if len(original) > alert_max:
            raise _too_large(len(original), alert_max)
    except DomainError as error:
        return error
    return Item(original, document, notes)


def _too_large(size: int, alert_max: int) -> AlertTooLarge:
    return AlertTooLarge(f"The alert has {size} bytes, and {alert_max} are allowed.")


@dataclasses.dataclass(frozen=True, slots=True)
class _Slice:
    text: str


def _elements(content: bytes) -> list[Any]:
    text = cleaning.decode(content)
    try:
        found = cleaning.parse(text)
    except DomainError:
        # Some element is broken or too deep; cut the array at its own commas, so that the others are not lost.
        return [_Slice(part) for part in _cut(text)]
    return found if isinstance(found, list) else [found]


def _cut(text: str) -> list[str]:
    parts, depth, start = [], 0, 1
    for token in _STRUCTURE.finditer(text):
        mark = token.group()
        if mark == '"':
            # A text that never ends takes the rest of the body with it.
            break
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
        at_end = depth == 0 and mark == "]"
        if at_end or (depth == 1 and mark == ","):
            parts.append(text[start : token.start()])
            start = token.end()
        if at_end:
            break
    rest = text[start:].strip()
    return [part for part in [*parts, rest] if part.strip()]
