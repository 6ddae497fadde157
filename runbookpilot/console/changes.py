"""The history of configuration as people read it: who changed what from what to what, when, and why."""

from collections.abc import Iterable, Mapping
from typing import Any

from runbookpilot.console import trees

MOST = 30
WORDS = {"+": "added", "~": "changed", "-": "removed"}


def of(history: Any, fields: Iterable[str]) -> list[dict[str, Any]]:
    """Return the newest changes of a row, each with its differences in `fields`."""
    rows = list(history.select_related("history_user").order_by("-history_date", "-history_id")[: MOST + 1])
    pairs = zip(rows, [*rows[1:], None], strict=True)
    return [_change(row, before, list(fields)) for row, before in pairs][:MOST]


def each(history: Any, fields: Iterable[str]) -> list[dict[str, Any]]:
    """Return the newest changes of several rows of a kind, each compared with the state of the same row before it."""
    rows = list(history.select_related("history_user").order_by("-history_date", "-history_id")[: MOST * 2])
    older = {row.pk: next((other for other in rows[at + 1 :] if other.id == row.id), None) for at, row in enumerate(rows)}
    return [_change(row, older[row.pk], list(fields)) for row in rows][:MOST]


def _change(row: Any, before: Any, fields: list[str]) -> dict[str, Any]:
    differences = []
    if before is not None and row.history_type == "~":
        for name in fields:
            differences += _between(name, getattr(before, name), getattr(row, name))
    return {
        "at": row.history_date,
        "by": row.history_user.username if row.history_user else "the system",
        "reason": row.history_change_reason or "",
        "word": WORDS[row.history_type],
        "row": row,
        "differences": differences,
    }


def _between(name: str, old: Any, new: Any) -> list[dict[str, Any]]:
    if not isinstance(old, Mapping) and not isinstance(new, Mapping):
        old, new = {name: old}, {name: new}
    return [row for row in trees.differences(_plain(old), _plain(new)) if row["differs"]]


def _plain(value: Any) -> dict[str, Any]:
    return {key: item if isinstance(item, str | int | float | bool | list | dict | None) else str(item) for key, item in dict(value or {}).items()}
