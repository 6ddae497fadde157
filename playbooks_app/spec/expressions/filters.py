"""The filters: `value | name(argument)`. Each is a plain function over JSON values, bounded in time and size.

Null passes through every filter but `default`, `to_json` and `to_text`, so that what is missing in a condition stays null.
"""

import base64
import binascii
import dataclasses
import datetime as dt
import difflib
import hashlib
import ipaddress
import json
import ntpath
import re
import urllib.parse
from collections.abc import Callable, Mapping

from playbooks_app.spec import limits
from playbooks_app.spec.expressions import values
from playbooks_app.spec.expressions.errors import ExpressionError


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """A filter: its function over the value and the arguments, and how many arguments it takes."""

    function: Callable[..., object]
    fewest: int
    most: int
    summary: str
    takes_null: bool = False


def chosen(name: str, count: int) -> Filter:
    """Return the filter `name`; raises ExpressionError where there is none or it does not take `count` arguments."""
    found = FILTERS.get(name)
    if found is None:
        near = difflib.get_close_matches(name, FILTERS, 1)
        raise ExpressionError(f"there is no filter {name!r}", hint=f"did you mean {near[0]!r}?" if near else "")
    if not found.fewest <= count <= found.most:
        span = str(found.fewest) if found.fewest == found.most else f"{found.fewest} to {found.most}"
        raise ExpressionError(f"the filter {name!r} takes {span} {'argument' if span == '1' else 'arguments'}, not {count}")
    return found


def _text(value: object, name: str) -> str:
    if isinstance(value, str):
        return value
    raise ExpressionError(f"{name} needs text, not {values.kind(value)}")


def _list(value: object, name: str) -> list[object]:
    if isinstance(value, list | tuple):
        return list(value)
    raise ExpressionError(f"{name} needs a list, not {values.kind(value)}")


def _mapping(value: object, name: str) -> Mapping[object, object]:
    if isinstance(value, Mapping):
        return value
    raise ExpressionError(f"{name} needs a mapping, not {values.kind(value)}")


def _count(value: object, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < limits.INTEGER:
        return value
    raise ExpressionError(f"{name} needs a whole number from 0, not {values.kind(value)}")


def _sized(size: int) -> None:
    # Checked before the text is built: replacing or joining multiplies sizes.
    if size > limits.TEXT_CHARACTERS:
        raise ExpressionError(f"the text would be longer than {limits.TEXT_CHARACTERS} characters")


_DIRECTIVES = frozenset("YmdHMSfzjaAbBpIyZ%")
_EPOCH_MILLISECONDS = 10**11


def _format_date(value: object, pattern: object = "%Y-%m-%d %H:%M:%S") -> str:
    form = _text(pattern, "format_date")
    _sized(len(form) * 16)
    for directive in re.findall(r"%(.?)", form, re.DOTALL):
        if directive not in _DIRECTIVES or not directive:
            raise ExpressionError(f"format_date does not know %{directive}")
    try:
        return _moment(value).strftime(form)
    except (ValueError, UnicodeError) as error:
        raise ExpressionError("format_date cannot write this moment") from error


def _moment(value: object) -> dt.datetime:
    """Return the moment in UTC of an ISO 8601 text, or of seconds or milliseconds since 1970."""
    try:
        if isinstance(value, dt.datetime):
            moment = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= _EPOCH_MILLISECONDS else value
            moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
        else:
            moment = dt.datetime.fromisoformat(_text(value, "format_date"))
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ExpressionError("format_date needs an ISO 8601 date or seconds since 1970") from error


def _replace(value: object, old: object, new: object) -> str:
    text, before, after = _text(value, "replace"), _text(old, "replace"), _text(new, "replace")
    if not before:
        raise ExpressionError("replace needs something to look for")
    _sized(len(text) + text.count(before) * (len(after) - len(before)))
    return text.replace(before, after)


def _split(value: object, separator: object = None) -> list[str]:
    text = _text(value, "split")
    between = None if separator is None else _text(separator, "split")
    if between == "":
        raise ExpressionError("split needs a separator")
    # One more than the cap, so that the cap speaks instead of a silently shortened list.
    return text.split(between, limits.LIST_ITEMS)


def _join(value: object, separator: object = "") -> str:
    between = _text(separator, "join")
    items = _list(value, "join")
    _sized(len(items) * len(between))
    parts, size = [], 0
    for item in items:
        parts.append(values.as_text(item))
        size += len(parts[-1]) + len(between)
        _sized(size)
    return between.join(parts)


def _first(value: object) -> object:
    items = _list(value, "first")
    return items[0] if items else None


def _last(value: object) -> object:
    items = _list(value, "last")
    return items[-1] if items else None


def _length(value: object) -> int:
    if isinstance(value, str | list | tuple | Mapping):
        return len(value)
    raise ExpressionError(f"length needs text, a list or a mapping, not {values.kind(value)}")


def _unique(value: object) -> list[object]:
    seen: dict[str, object] = {}
    for item in _list(value, "unique"):
        seen.setdefault(f"{type(item).__name__}:{values.as_json(item)}", item)
    return list(seen.values())


def _sort(value: object) -> list[object]:
    items = _list(value, "sort")
    alike = all(isinstance(item, str) for item in items) or all(_is_number(item) for item in items)
    if not alike:
        raise ExpressionError("sort needs a list of texts or a list of numbers")
    return sorted(items)  # type: ignore[type-var]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_REFANG = (
    (re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]", re.IGNORECASE), "."),
    (re.compile(r"\[@\]|\[at\]", re.IGNORECASE), "@"),
    (re.compile(r"\[://\]"), "://"),
    (re.compile(r"\[:\]"), ":"),
    (re.compile(r"\bhxxp(s?)(?=:)", re.IGNORECASE), r"http\1"),
    (re.compile(r"\bfxp(?=:)", re.IGNORECASE), "ftp"),
)


def _refang(value: object) -> str:
    text = _text(value, "refang")
    for pattern, plain in _REFANG:
        text = pattern.sub(plain, text)
    return text


def _defang(value: object) -> str:
    text = _refang(value)
    text = re.sub(r"\bhttp(s?)(?=:)", r"hxxp\1", text, flags=re.IGNORECASE)
    text = re.sub(r"\bftp(?=:)", "fxp", text, flags=re.IGNORECASE)
    _sized(len(text) + 2 * (text.count(".") + text.count("@")))
    return text.replace(".", "[.]").replace("@", "[@]")


_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip


def _is_private_ip(value: object) -> bool:
    try:
        address = ipaddress.ip_address(_text(value, "is_private_ip").strip())
    except ValueError as error:
        raise ExpressionError("is_private_ip needs an IP address") from error
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in _PRIVATE)


def _domain_of(value: object) -> str:
    text = _refang(_text(value, "domain_of").strip())
    try:
        host = urllib.parse.urlsplit(text if "://" in text else f"//{text}").hostname
    except ValueError as error:
        raise ExpressionError("domain_of needs a URL, a mail address or a host name") from error
    if not host:
        raise ExpressionError("domain_of needs a URL, a mail address or a host name")
    return host.rstrip(".").lower()


def _sha256(value: object) -> str:
    return hashlib.sha256(_text(value, "sha256").encode("utf-8", "replace")).hexdigest()


_ENCODINGS = {"utf-8": "utf-8", "utf-16": "utf-16-le", "latin-1": "latin-1"}


def _b64decode(value: object, encoding: object = "utf-8") -> str:
    codec = _ENCODINGS.get(_text(encoding, "b64decode"))
    if codec is None:
        raise ExpressionError("b64decode knows utf-8, utf-16 and latin-1")
    text = "".join(_text(value, "b64decode").split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode(codec, "replace")
    except (binascii.Error, ValueError) as error:
        raise ExpressionError("b64decode needs base64 text") from error


def _b64encode(value: object) -> str:
    return base64.b64encode(_text(value, "b64encode").encode("utf-8", "replace")).decode()


def _url_encode(value: object) -> str:
    return urllib.parse.quote(values.as_text(value).encode("utf-8", "replace"), safe="")


def _from_json(value: object) -> object:
    text = _text(value, "from_json")
    _sized(len(text))
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        raise ExpressionError("from_json needs JSON text") from error
    values.measure(value, 8 * limits.TEXT_CHARACTERS)
    return value


def _no_constant(name: str) -> object:
    raise ExpressionError(f"from_json does not take {name}")


def _to_number(value: object) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = _text(value, "to_number").strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?", text):
        raise ExpressionError("to_number needs a number")
    number = float(text) if "." in text else int(text)
    if abs(number) >= limits.INTEGER:
        raise ExpressionError("to_number takes numbers up to 2^53")
    return number


def _truncate(value: object, size: object) -> str:
    text, limit = _text(value, "truncate"), _count(size, "truncate")
    return text if len(text) <= limit else f"{text[: max(limit - 1, 0)]}…"[:limit]


def _pluck(value: object, key: object) -> list[object]:
    name = _text(key, "pluck")
    return [_mapping(item, "pluck").get(name) for item in _list(value, "pluck")]


FILTERS: Mapping[str, Filter] = {
    # Only named here: its argument is evaluated where it is needed alone, so `nodes` carries it out.
    "default": Filter(lambda value: value, 0, 1, "the argument where the value is missing or null", takes_null=True),
    "format_date": Filter(_format_date, 0, 1, "a date (ISO 8601, or seconds since 1970) in UTC, as strftime writes it"),
    "lower": Filter(lambda value: _text(value, "lower").lower(), 0, 0, "text in small letters"),
    "upper": Filter(lambda value: _text(value, "upper").upper(), 0, 0, "text in capital letters"),
    "trim": Filter(lambda value: _text(value, "trim").strip(), 0, 0, "text without the space around it"),
    "truncate": Filter(_truncate, 1, 1, "text of at most that many characters"),
    "replace": Filter(_replace, 2, 2, "text with each occurrence of the first argument replaced by the second"),
    "split": Filter(_split, 0, 1, "a list of the parts between separators (white space where none is given)"),
    "join": Filter(_join, 0, 1, "the items of a list as one text, with the argument between them"),
    "first": Filter(_first, 0, 0, "the first item of a list; null for an empty one"),
    "last": Filter(_last, 0, 0, "the last item of a list; null for an empty one"),
    "length": Filter(_length, 0, 0, "how many characters, items or keys"),
    "unique": Filter(_unique, 0, 0, "a list without repetitions, in the order of first appearance"),
    "sort": Filter(_sort, 0, 0, "a list of texts or of numbers in rising order"),
    "reverse": Filter(lambda value: _list(value, "reverse")[::-1], 0, 0, "a list from its end"),
    "pluck": Filter(_pluck, 1, 1, "the value under that key of each mapping in a list"),
    "keys": Filter(lambda value: [str(key) for key in _mapping(value, "keys")], 0, 0, "the keys of a mapping"),
    "defang": Filter(_defang, 0, 0, "an address, URL or mail address that nobody can click: hxxp, [.], [@]"),
    "refang": Filter(_refang, 0, 0, "the opposite of defang"),
    "to_json": Filter(values.as_json, 0, 0, "the value as JSON text", takes_null=True),
    "from_json": Filter(_from_json, 0, 0, "the value that a JSON text stands for"),
    "to_text": Filter(
        lambda value: "" if value is None else values.as_text(value), 0, 0, "the value as text; null is empty", takes_null=True
    ),
    "to_number": Filter(_to_number, 0, 0, "the number that a text stands for"),
    "is_private_ip": Filter(_is_private_ip, 0, 0, "whether an IP address is private, shared, loopback or link-local"),
    "domain_of": Filter(_domain_of, 0, 0, "the host name in a URL or mail address, in small letters"),
    "basename": Filter(lambda value: ntpath.basename(_text(value, "basename")), 0, 0, "the last part of a Windows or POSIX path"),
    "url_encode": Filter(_url_encode, 0, 0, "text for use inside a URL"),
    "sha256": Filter(_sha256, 0, 0, "the sha256 of a text, in hex"),
    "b64decode": Filter(_b64decode, 0, 1, "the text in a base64 text; the argument is utf-8, utf-16 or latin-1"),
    "b64encode": Filter(_b64encode, 0, 0, "a text in base64"),
}
