"""Catalogues of controls as their publishers write them: OSCAL JSON and CSV, read into one shape."""

import csv
import dataclasses
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAX_BYTES = 32 << 20
MAX_CONTROLS = 20_000
MAX_DEPTH = 32
_INSERT = re.compile(r"\{\{\s*(?:insert:\s*)?(?:param,\s*)?([\w.-]+)\s*\}\}")


class Unreadable(ValueError):
    """The catalogue cannot be read; the message says where and why."""


@dataclasses.dataclass(frozen=True, slots=True)
class ControlText:
    """One control as its catalogue words it."""

    identifier: str
    label: str
    title: str
    family: str = ""
    text: str = ""
    freshness_days: int = 90
    withdrawn: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Catalogue:
    """A catalogue: its title, its version and its controls in order."""

    title: str
    version: str
    controls: tuple[ControlText, ...]


def read_oscal(content: bytes) -> Catalogue:
    """Return the catalogue in an OSCAL catalogue JSON; raises Unreadable that says what is wrong."""
    document = _json(content)
    catalogue = document.get("catalog") if isinstance(document, dict) else None
    if not isinstance(catalogue, dict):
        raise Unreadable("There is no `catalog` at the top: this is not an OSCAL catalogue in JSON.")
    metadata = _object(catalogue.get("metadata"), "catalog.metadata")
    params = {param["id"]: param for param in _params(catalogue, 0)}
    controls = tuple(_controls(catalogue, "", "catalog", params, 0))
    _check(controls)
    return Catalogue(str(metadata.get("title") or "Untitled")[:300], str(metadata.get("version") or "")[:64], controls)


def read_csv(content: bytes, *, title: str, version: str) -> Catalogue:
    """Return the catalogue in a CSV with the columns identifier, title and, if given, label, family, text, freshness_days."""
    _check_size(content)
    try:
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        missing = {"identifier", "title"} - set(rows.fieldnames or ())
        if missing:
            raise Unreadable(f"The first line lacks the column {sorted(missing)[0]!r}; needed are identifier and title.")
        controls = tuple(_from_row(row, rows.line_num) for row in rows)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"This is not a CSV in UTF-8: {error}.") from error
    _check(controls)
    return Catalogue(title, version, controls)


def _from_row(row: Mapping[str, str | None], line: int) -> ControlText:
    identifier, title = (row.get("identifier") or "").strip(), (row.get("title") or "").strip()
    days = (row.get("freshness_days") or "90").strip()
    if not identifier or not title:
        raise Unreadable(f"Line {line} lacks its identifier or title.")
    if not days.isdecimal() or not 1 <= int(days) <= 3660:
        raise Unreadable(f"Line {line}: freshness_days is {days!r}; it must be a number of days from 1 to 3660.")
    return ControlText(
        identifier, (row.get("label") or identifier).strip(), title, (row.get("family") or "").strip(),
        (row.get("text") or "").strip(), int(days),
    )


def _json(content: bytes) -> Any:
    _check_size(content)
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Unreadable(f"This is not JSON in UTF-8: {error}.") from error


def _check_size(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise Unreadable(f"The catalogue has {len(content)} bytes; at most {MAX_BYTES} are read.")


def _check(controls: Sequence[ControlText]) -> None:
    if not controls:
        raise Unreadable("The catalogue holds no controls.")
    if len(controls) > MAX_CONTROLS:
        raise Unreadable(f"The catalogue holds {len(controls)} controls; at most {MAX_CONTROLS} are read.")
    seen: set[str] = set()
    for control in controls:
        if control.identifier in seen:
            raise Unreadable(f"The control {control.identifier!r} is in the catalogue twice.")
        if len(control.identifier) > 64 or len(control.label) > 64 or "\x00" in control.title + control.text:
            raise Unreadable(f"The control {control.identifier[:80]!r} has an identifier or text that cannot be kept.")
        seen.add(control.identifier)


def _controls(
    node: Mapping[str, Any], family: str, where: str, params: Mapping[str, Any], depth: int
) -> Iterator[ControlText]:
    """Yield the controls below a catalogue, group or control, each before its enhancements."""
    if depth > MAX_DEPTH:
        raise Unreadable(f"{where} is nested deeper than {MAX_DEPTH} levels.")
    for index, control in enumerate(_list(node.get("controls"), f"{where}.controls")):
        place = f"{where}.controls[{index}]"
        yield _control(_object(control, place), family, place, params)
        yield from _controls(control, family, place, params, depth + 1)
    for index, group in enumerate(_list(node.get("groups"), f"{where}.groups")):
        place = f"{where}.groups[{index}]"
        title = str(_object(group, place).get("title") or family)[:200]
        yield from _controls(group, title, place, params, depth + 1)


def _control(control: Mapping[str, Any], family: str, where: str, params: Mapping[str, Any]) -> ControlText:
    identifier, title = control.get("id"), control.get("title")
    if not isinstance(identifier, str) or not isinstance(title, str) or not identifier or not title:
        raise Unreadable(f"{where} lacks its id or title.")
    props = [prop for prop in _list(control.get("props"), f"{where}.props") if isinstance(prop, dict)]
    labels = sorted((prop for prop in props if prop.get("name") == "label"), key=lambda prop: "class" in prop)
    parts = _list(control.get("parts"), f"{where}.parts")
    lines = [line for part in parts if _named(part, "statement", "guidance") for line in _prose(part, params, 0)]
    return ControlText(
        identifier,
        str(labels[0].get("value")) if labels else identifier.upper(),
        title[:500],
        family,
        "\n".join(lines),
        withdrawn=any(prop.get("name") == "status" and str(prop.get("value")).lower() == "withdrawn" for prop in props),
    )


def _named(part: object, *names: str) -> bool:
    return isinstance(part, dict) and part.get("name") in names


def _prose(part: Mapping[str, Any], params: Mapping[str, Any], depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise Unreadable(f"The text {part.get('id')!r} is nested deeper than {MAX_DEPTH} levels.")
    labels = [prop.get("value") for prop in _list(part.get("props"), "props") if _named(prop, "label") and "class" not in prop]
    prose = _substituted(str(part.get("prose", "")), params, 0).strip()
    line = " ".join(str(item) for item in [*labels[:1], prose] if item)
    if line:
        yield "  " * max(depth - 1, 0) + line
    for child in _list(part.get("parts"), f"part {part.get('id')}"):
        yield from _prose(_object(child, f"part {part.get('id')}"), params, depth + 1)


def _params(node: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    if depth > MAX_DEPTH:
        raise Unreadable(f"The catalogue is nested deeper than {MAX_DEPTH} levels.")
    for param in _list(node.get("params"), "params"):
        if isinstance(param, dict) and isinstance(param.get("id"), str):
            yield param
    for child in [*_list(node.get("controls"), "controls"), *_list(node.get("groups"), "groups")]:
        yield from _params(_object(child, "a control or group"), depth + 1)


def _substituted(text: str, params: Mapping[str, Any], depth: int) -> str:
    """Return `text` with each inserted parameter in words."""
    if depth > 4:
        return text
    return _INSERT.sub(lambda match: _words(match[1], params, depth), text)


def _words(name: str, params: Mapping[str, Any], depth: int) -> str:
    param = params.get(name)
    if param is None:
        return f"[{name}]"
    if isinstance(param.get("values"), list) and param["values"]:
        return ", ".join(map(str, param["values"]))
    select = param.get("select")
    if isinstance(select, dict):
        given = _list(select.get("choice"), f"param {name}")
        choices = [_substituted(str(choice), params, depth + 1).strip() for choice in given]
        how_many = str(select.get("how-many", "one")).replace("-", " ")
        return f"[Selection ({how_many}): {'; '.join(choices)}]"
    return f"[Assignment: {param.get('label') or name}]"


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(f"{where} is not an object.")
    return value


def _list(value: object, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable(f"{where} is not a list.")
    return value
