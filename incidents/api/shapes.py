"""Incidents as lists show them: from columns, because making a model and a serializer of each row costs several times as much."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core import attack, clock
from core.reads import Read
from incidents.models import IncidentLink, IncidentRoleAssignment

_MOMENTS = ("occurred_at", "detected_at", "declared_at", "acknowledged_at", "mitigated_at", "resolved_at")
COLUMNS = (
    "id", "number", "tenant__slug", "environment__slug", "title", "summary", "severity", "category", "techniques", "status",
    "declared_by", *_MOMENTS,
)  # fmt: skip

Columns = Mapping[str, Any]


def incidents(rows: Iterable[Columns]) -> list[dict[str, Any]]:
    """Return each incident, from the columns of COLUMNS, in the form of `IncidentSerializer`."""
    listed = list(rows)
    ids = [row["id"] for row in listed]
    roles = _grouped(_ROLE, _ROLES.all(incidents=ids))
    links = _grouped(_LINK, _LINKS.all(incidents=ids))
    return [_incident(row, roles.get(row["id"], ()), links.get(row["id"], ())) for row in listed]


def _incident(row: Columns, roles: Iterable[Columns], links: Iterable[Columns]) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "number": row["number"],
        "tenant": row["tenant__slug"],
        "environment": row["environment__slug"],
        "title": row["title"],
        "summary": row["summary"],
        "severity": row["severity"],
        "category": row["category"],
        "techniques": row["techniques"],
        "technique_details": attack.described(row["techniques"]),
        "status": row["status"],
        "declared_by": row["declared_by"],
        **{name: _moment(row[name]) for name in _MOMENTS},
        "roles": [{"role": held["role"], "user": held["user__username"]} for held in roles],
        "links": [{"kind": link["kind"], "id": link["ref_id"], "at": _moment(link["at"])} for link in links],
    }


def _moment(moment: dt.datetime | None) -> str | None:
    return clock.iso(moment) if moment else None


_ROLE = ("incident_id", "role", "user__username")
_LINK = ("incident_id", "kind", "ref_id", "at")
_ROLES = Read(lambda incidents: IncidentRoleAssignment.objects.filter(incident__id__in=incidents).values_list(*_ROLE))
_LINKS = Read(lambda incidents: IncidentLink.objects.filter(incident__id__in=incidents).values_list(*_LINK))


def _grouped(names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> dict[Any, list[Columns]]:
    found: dict[Any, list[Columns]] = {}
    for row in rows:
        columns = dict(zip(names, row, strict=True))
        found.setdefault(columns["incident_id"], []).append(columns)
    return found
