"""`?fields=`: of each row only what is asked for."""

from typing import Any

from core.errors import Invalid

PARAMETER = "fields"


class NoSuchField(Invalid):
    """`fields` names what these rows do not have."""

    code = "no_such_field"


def select(body: Any, wanted: str) -> Any:
    """Return an answer, or every row of a list, with the fields that `wanted` names, in the order of the answer."""
    names = frozenset(name.strip() for name in wanted.split(",") if name.strip())
    if not names or not isinstance(body, dict):
        return body
    if "results" not in body:
        return _row(body, names)
    return {**body, "results": [_row(row, names) for row in body["results"]]}


def _row(row: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    unknown = sorted(names - row.keys())
    if unknown:
        raise NoSuchField(fields={PARAMETER: [f"There is no {unknown[0][:64]!r}; there are: {', '.join(row)}."]})
    return {name: value for name, value in row.items() if name in names}
