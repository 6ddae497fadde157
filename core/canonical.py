"""Canonical JSON (RFC 8785) and the digests over it.

Integers of 2^53 and more travel as strings, since JSON readers may round them; NaN and infinity are refused.
"""

import datetime as dt
import decimal
import enum
import hashlib
import json
import math
import uuid
from collections.abc import Mapping, Sequence, Set

import rfc8785

from core import clock

_SAFE_INTEGER = 2**53


class NotCanonical(ValueError):
    """The value has no canonical JSON form."""


def dumps(value: object) -> bytes:
    """Return the canonical JSON bytes of `value`; raises NotCanonical for what JSON cannot carry."""
    odd: list[object] = []
    built = _plain(value, odd)
    if odd:
        return rfc8785.dumps(built)  # type: ignore[arg-type]
    # Without floats and with ASCII keys alone, sorted JSON of the standard library is the canonical form, much faster.
    return json.dumps(built, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(value: object) -> str:
    """Return the sha256, in hex, of the canonical JSON of `value`."""
    return sha256(dumps(value))


def sha256(content: bytes) -> str:
    """Return the sha256 of `content` in hex."""
    return hashlib.sha256(content).hexdigest()


def plain(value: object) -> object:
    """Return `value` built from dict, list, str, int, float, bool and None alone."""
    return _plain(value, [])


def _plain(value: object, odd: list[object]) -> object:  # noqa: C901
    """Return the plain form; what sorts or prints otherwise in the standard library than in RFC 8785 is noted in `odd`."""
    if value is None or type(value) is bool or (type(value) is str and value.isascii()):
        return value
    if type(value) is dict:
        return {_key(key, odd): _plain(item, odd) for key, item in value.items()}
    if isinstance(value, enum.Enum):
        return _plain(value.value, odd)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value) if abs(value) >= _SAFE_INTEGER else value
    if isinstance(value, float):
        odd.append(value)
        return _finite(value)
    if isinstance(value, uuid.UUID | decimal.Decimal):
        return str(value)
    if isinstance(value, dt.datetime):
        return clock.iso(value)
    if isinstance(value, Mapping):
        return {_key(key, odd): _plain(item, odd) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item, odd) for item in value]
    if isinstance(value, Set):
        return sorted((_plain(item, odd) for item in value), key=str)
    raise NotCanonical(f"{type(value).__name__} has no place in JSON")


def _key(key: object, odd: list[object]) -> str:
    if type(key) is str and key.isascii():
        return key
    text = _text(str(key))
    if not text.isascii():
        odd.append(text)
    return text


def _text(value: str) -> str:
    if value.isascii():
        return str(value)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("a lone surrogate has no place in JSON") from error
    return str(value)


def _finite(value: float) -> object:
    if not math.isfinite(value):
        raise NotCanonical(f"{value} has no place in JSON")
    if value.is_integer() and abs(value) >= _SAFE_INTEGER:
        return str(int(value))
    return value
