"""Incidents: declared, classified, worked on, resolved."""

import datetime as dt
import uuid
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts.models import Environment, Tenant
from audit import journal
from audit.choices import Kind
from core import canonical
from core.actors import Actor
from core.errors import Conflict, Invalid, NotFound
from incidents.choices import INCIDENT_TRANSITIONS, IncidentStatus, Severity
from incidents.models import Incident, IncidentLink, IncidentNote

LONGEST_NOTE = 20_000
TIMES = {IncidentStatus.MITIGATED: "mitigated_at", IncidentStatus.RESOLVED: "resolved_at"}


class NoSuchIncident(NotFound):
    """There is no such incident, or not for you."""


class CannotGoThere(Conflict):
    """An incident cannot go from its status to this one."""

    code = "cannot_go_there"


def declare(
    *, tenant: Tenant, environment: Environment, title: str, actor: Actor, now: dt.datetime,
    severity: str = Severity.SEV3, summary: str = "", detected_at: dt.datetime | None = None,
) -> Incident:  # fmt: skip
    """Return a new incident with the tenant's next number."""
    title = title.strip()
    if not title or len(title) > 300:
        raise Invalid("An incident has a title of 1 to 300 characters.", fields={"title": "1 to 300 characters"})
    with transaction.atomic():
        # The tenant's row is the lock under which the next number is taken.
        Tenant.objects.select_for_update().get(pk=tenant.pk)
        last = Incident.objects.filter(tenant=tenant).aggregate(last=Max("number"))["last"] or 0
        incident = Incident.objects.create(
            tenant=tenant, environment=environment, number=last + 1, title=title, summary=summary, severity=_severity(severity),
            declared_by=actor.name, declared_at=now, detected_at=detected_at, created_at=now,
        )  # fmt: skip
        _journal(incident, Kind.INCIDENT_DECLARED, actor, now, number=incident.number, severity=incident.severity)
    return incident


def classify(*, incident_id: uuid.UUID, severity: str, actor: Actor, now: dt.datetime, category: str | None = None) -> Incident:
    """Change the severity, and the category where one is given; the first to do so acknowledges the incident."""
    with transaction.atomic():
        incident = _locked(incident_id)
        incident.severity = _severity(severity)
        incident.category = incident.category if category is None else category[:64]
        incident.acknowledged_at = incident.acknowledged_at or now
        incident.save(update_fields=["severity", "category", "acknowledged_at"])
        _journal(incident, Kind.INCIDENT_CLASSIFIED, actor, now, severity=incident.severity, category=incident.category)
    return incident


def change_status(*, incident_id: uuid.UUID, status: str, actor: Actor, now: dt.datetime) -> Incident:
    """Move an incident on, or open it again; raises CannotGoThere."""
    with transaction.atomic():
        incident = _locked(incident_id)
        if status not in INCIDENT_TRANSITIONS[incident.status]:
            raise CannotGoThere(f"An incident cannot go from {incident.status} to {status[:20]!r}.")
        incident.status = IncidentStatus(status)
        incident.acknowledged_at = incident.acknowledged_at or now
        changed = ["status", "acknowledged_at"]
        if incident.status in TIMES:
            setattr(incident, TIMES[IncidentStatus(status)], now)
            changed.append(TIMES[IncidentStatus(status)])
        if incident.status == IncidentStatus.OPEN:
            incident.resolved_at = None
            changed.append("resolved_at")
        incident.save(update_fields=changed)
        _journal(incident, Kind.INCIDENT_STATUS, actor, now, status=status)
    return incident


def note(*, incident_id: uuid.UUID, text: str, actor: Actor, now: dt.datetime) -> IncidentNote:
    """Add a note, which is never changed; the journal keeps its digest."""
    text = text.strip()
    if not text or len(text) > LONGEST_NOTE:
        raise Invalid(f"A note has 1 to {LONGEST_NOTE} characters.")
    with transaction.atomic():
        incident = _locked(incident_id)
        row = IncidentNote.objects.create(incident=incident, author=actor.name, text=text, at=now)
        _journal(incident, Kind.INCIDENT_NOTED, actor, now, note=str(row.pk), sha256=canonical.sha256(text.encode()))
    return row


def link(*, incident_id: uuid.UUID, kind: str, ref_id: object, actor: Actor, now: dt.datetime) -> IncidentLink:
    """Link an alert, an execution or a bundle to an incident; linking it twice changes nothing."""
    with transaction.atomic():
        incident = _locked(incident_id)
        row, created = IncidentLink.objects.get_or_create(incident=incident, kind=kind, ref_id=str(ref_id), defaults={"at": now})
        if created:
            _journal(incident, Kind.INCIDENT_LINKED, actor, now, refs=[(kind, ref_id)], kind_=kind, ref=str(ref_id))
    return row


def _locked(incident_id: uuid.UUID) -> Incident:
    row: Incident | None = (
        Incident.objects.select_for_update(of=("self",)).select_related("environment").filter(pk=incident_id).first()
    )
    if row is None:
        raise NoSuchIncident
    return row


def _severity(value: str) -> Severity:
    if value not in Severity.values:
        raise Invalid(f"The severity is one of {', '.join(Severity.values)}.", fields={"severity": "not one of these"})
    return Severity(value)


def _journal(incident: Incident, kind: Kind, actor: Actor, now: dt.datetime, *, refs: Any = (), **data: Any) -> None:
    journal.append(
        stream=f"incident:{incident.pk}", kind=kind, actor=actor, now=now, subject=("incident", incident.pk),
        tenant_id=incident.tenant_id, environment=incident.environment.slug, refs=[("incident", incident.pk), *refs], data=data,
    )  # fmt: skip
