"""Keeps secrets out of logs, pages, history and errors."""

import re
from collections.abc import Mapping, Sequence

MASK = "[redacted]"

_SECRET_NAME = re.compile(
    r"(?i)(pass(word|wd|phrase)?$|secret|token|api[-_]?key|apikey|authorization|cookie|credential|private[-_]?key|signature$|session[-_]?id)"
)
_SECRET_TEXT = (
    re.compile(r"(?i)\b(bearer|token|basic)\s+[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(?i)\b(pass(?:word|wd)?|secret|token|api[-_]?key)\s*[=:]\s*\S+"),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
)


def is_secret_name(name: str) -> bool:
    """Return whether a field of this name holds a secret."""
    return bool(_SECRET_NAME.search(name))


def text(value: str) -> str:
    """Return `value` with what looks like a credential masked."""
    for pattern in _SECRET_TEXT:
        value = pattern.sub(MASK, value)
    return value


def redact(value: object) -> object:
    """Return a copy of a JSON-shaped `value` with secret fields and credentials in text masked."""
    if isinstance(value, Mapping):
        return {key: MASK if is_secret_name(str(key)) and item not in (None, "") else redact(item) for key, item in value.items()}
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [redact(item) for item in value]
    return value
