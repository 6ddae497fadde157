"""The names of ATT&CK and D3FEND techniques, offline. An id that the table does not hold stands for itself."""

import csv
import dataclasses
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

TABLE = Path(__file__).parent / "techniques.csv"


@dataclasses.dataclass(frozen=True, slots=True)
class Technique:
    """A technique by its id, with its own name and the tactics that it serves (D3FEND techniques name none)."""

    id: str
    name: str
    tactics: tuple[str, ...]


@functools.cache
def techniques() -> Mapping[str, Technique]:
    """Return every known technique by id; the table is read on first use."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return {row["id"]: Technique(row["id"], row["name"], tuple(filter(None, row["tactics"].split(";")))) for row in rows}


def name(identifier: str) -> str:
    """Return a technique's name, `OS Credential Dumping: LSASS Memory`; the id itself where it is not known."""
    known = techniques().get(identifier)
    if known is None:
        return identifier
    parent = techniques().get(identifier.split(".")[0])
    return known.name if parent is None or parent is known else f"{parent.name}: {known.name}"


def label(identifier: str) -> str:
    """Return the id with its name, `T1047 Windows Management Instrumentation`; the id alone where it is not known."""
    known = name(identifier)
    return identifier if known == identifier else f"{identifier} {known}"


def tactics(identifier: str) -> tuple[str, ...]:
    """Return the tactics that a technique serves; none where it is not known."""
    known = techniques().get(identifier)
    return known.tactics if known else ()


def described(identifiers: Iterable[str]) -> list[dict[str, object]]:
    """Return each technique as programs get it: id, name and tactics, in the order given."""
    return [{"id": item, "name": name(item), "tactics": list(tactics(item))} for item in identifiers]


def search(text: str) -> frozenset[str]:
    """Return the ids of the techniques whose id begins with the text or whose name contains it, whatever the case."""
    wanted = text.strip().lower()
    if not wanted:
        return frozenset()
    return frozenset(item for item in techniques() if item.lower().startswith(wanted) or wanted in name(item).lower())
