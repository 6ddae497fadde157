"""Incidents: declared, classified, worked, resolved."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from accounts.models import Environment, Tenant, User
from audit import journal
from audit.choices import Kind
from core import canonical
from core.actors import Actor
from core.errors import Conflict, Invalid, NotFound
from incidents.choices import INCIDENT_TRANSITIONS, IncidentRole, IncidentStatus, Severity
from incidents.models import Incident, IncidentLink, IncidentNote, IncidentRoleAssignment

LINK_KINDS = frozenset({"alert", "execution", "bundle"})
LONGEST_NOTE = 20_000
_KEY_TIMES = {IncidentStatus.MITIGATED: "mitigated_at", IncidentStatus.RESOLVED: "resolved_at"}
_TRIES = 20


class NoSuchIncident(NotFound):
    """There is no such incident, or not for you."""


class WrongTransition(Conflict):
    """The incident cannot go to this status from where it is."""

    code = "wrong_transition"


class WrongValue(Invalid):
    """This is not a value that an incident can have."""

    code = "wrong_value"


class NumberTaken(Conflict):
    """Too many incidents are declared at once: try again."""

    code = "number_taken"


def declare(
    *,
    tenant: Tenant,
    environment: Environment,
    title: str,
    severity: str = Severity.SEV3,
    summary: str = "",
    category: str = "",
    techniques: Sequence[str] = (),
    occurred_at: dt.datetime | None = None,
    detected_at: dt.datetime | None = None,
    links: Sequence[tuple[str, object]] = (),
    key: str = "",
    actor: Actor,
    now: dt.datetime,
) -> Incident:
    """Return a new incident with the tenant's next number, linked to `links`; raises WrongValue.

    With a `key` that the tenant has used before it is the incident that was declared then, unchanged.
    """
    if environment.tenant_id != tenant.pk:
        raise WrongValue("The environment belongs to another tenant.")
    given = _checked({"title": title, "severity": severity, "summary": summary, "category": category, "techniques": techniques})
    for _ in range(_TRIES):
        known = Incident.objects.filter(tenant=tenant, idempotency_key=key).first() if key else None
        if known is not None:
            return known
        row = Incident(
            tenant=tenant,
            environment=environment,
            declared_by=actor.name[:150],
            declared_at=now,
            created_at=now,
            occurred_at=occurred_at,
            detected_at=detected_at or now,
            idempotency_key=key,
            **given,
        )
        if _numbered(row, actor, now, links):
            return row
    raise NumberTaken


def classify(*, incident_id: uuid.UUID, actor: Actor, now: dt.datetime, **given: Any) -> Incident:
    """Change title, summary, severity, category or techniques; what is None or unchanged stays. Raises WrongValue."""
    wanted = _checked({name: value for name, value in given.items() if value is not None})
    with transaction.atomic():
        row = _locked(incident_id)
        changed = {name: value for name, value in wanted.items() if getattr(row, name) != value}
        if not changed:
            return row
        for name, value in changed.items():
            setattr(row, name, value)
        row.save(update_fields=list(changed))
        words = {name: value for name, value in changed.items() if name in {"severity", "techniques"}}
        _journal(Kind.INCIDENT_CLASSIFIED, row, actor, now, {"changed": sorted(changed), **words})
    return row


def change_status(*, incident_id: uuid.UUID, status: str, actor: Actor, now: dt.datetime, reason: str = "") -> Incident:
    """Take the incident to `status`; raises WrongTransition naming where it can go. Its key times follow."""
    with transaction.atomic():
        row = _locked(incident_id)
        before = row.status
        if status not in INCIDENT_TRANSITIONS[before]:
            allowed = ", ".join(sorted(INCIDENT_TRANSITIONS[before]))
            raise WrongTransition(
                f"An incident that is {before} cannot become {status[:32]!r}.", hint=f"It can become: {allowed}."
            )
        row.status = IncidentStatus(status)
        _set_times(row, now)
        row.save(update_fields=["status", "acknowledged_at", "mitigated_at", "resolved_at"])
        data = {"from": before, "to": status, "reopened": before == IncidentStatus.RESOLVED}
        if reason:
            IncidentNote.objects.create(incident=row, author=actor.name[:150], text=_note_text(reason), at=now)
            data["reason_sha256"] = canonical.sha256(reason.encode("utf-8", "replace"))
        _journal(Kind.INCIDENT_STATUS, row, actor, now, data)
    return row


def note(*, incident_id: uuid.UUID, text: str, actor: Actor, now: dt.datetime) -> IncidentNote:
    """Add a note; the journal keeps its digest. Raises WrongValue for an empty or too long one."""
    text = _note_text(text)
    with transaction.atomic():
        row = _locked(incident_id)
        made = IncidentNote.objects.create(incident=row, author=actor.name[:150], text=text, at=now)
        _acknowledge(row, actor, now)
        data = {"note": str(made.pk), "sha256": canonical.sha256(text.encode())}
        _journal(Kind.INCIDENT_NOTED, row, actor, now, data)
    return made


def assign(*, incident_id: uuid.UUID, role: str, user: User, actor: Actor, now: dt.datetime) -> IncidentRoleAssignment:
    """Give `user`, a member of the tenant, the role; who had it before hands it over. Raises WrongValue."""
    if role not in IncidentRole.values:
        raise WrongValue(f"There is no role {role[:32]!r}.", hint=f"There are: {', '.join(IncidentRole.values)}.")
    with transaction.atomic():
        row = _locked(incident_id)
        if not user.is_active or not user.memberships.filter(tenant_id=row.tenant_id).exists():
            raise WrongValue(f"{user.get_username()} is no active member of this tenant.")
        held, _ = IncidentRoleAssignment.objects.update_or_create(incident=row, role=role, defaults={"user": user})
        _acknowledge(row, actor, now)
        _journal(Kind.INCIDENT_ROLE, row, actor, now, {"role": role}, refs=[("user", user.pk)])
    return held


def link(*, incident_id: uuid.UUID, kind: str, ref_id: object, actor: Actor, now: dt.datetime) -> IncidentLink:
    """Link an alert, execution or bundle; one that is linked stays linked once. Raises WrongValue."""
    target = _link_target(kind, ref_id)
    with transaction.atomic():
        row = _locked(incident_id)
        made, created = IncidentLink.objects.get_or_create(incident=row, kind=target[0], ref_id=target[1], defaults={"at": now})
        if created:
            _journal(Kind.INCIDENT_LINKED, row, actor, now, {"kind": target[0]}, refs=[target])
    return made


def _numbered(row: Incident, actor: Actor, now: dt.datetime, links: Sequence[tuple[str, object]]) -> bool:
    """Store `row` under the next number, and return whether nobody else took that, or its key, first."""
    targets = list(dict.fromkeys(_link_target(kind, ref_id) for kind, ref_id in links))
    with transaction.atomic():
        highest = Incident.objects.filter(tenant_id=row.tenant_id).aggregate(highest=Max("number"))["highest"]
        row.number = (highest or 0) + 1
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            return False
        IncidentLink.objects.bulk_create(IncidentLink(incident=row, kind=kind, ref_id=ref, at=now) for kind, ref in targets)
        data = {"number": row.number, "severity": row.severity}
        _journal(Kind.INCIDENT_DECLARED, row, actor, now, data, refs=targets)
    return True


def _locked(incident_id: uuid.UUID) -> Incident:
    row: Incident | None = Incident.objects.select_for_update(of=("self",)).filter(pk=incident_id).first()
    if row is None:
        raise NoSuchIncident
    return row


def _set_times(row: Incident, now: dt.datetime) -> None:
    row.acknowledged_at = row.acknowledged_at or now
    if row.status == IncidentStatus.OPEN:
        # Reopened: it is neither mitigated nor resolved; the journal keeps when it was.
        row.mitigated_at = row.resolved_at = None
    name = _KEY_TIMES.get(IncidentStatus(row.status))
    if name:
        setattr(row, name, now)
    if row.status == IncidentStatus.RESOLVED:
        row.mitigated_at = row.mitigated_at or now


def _acknowledge(row: Incident, actor: Actor, now: dt.datetime) -> None:
    """The first thing that a person does with an incident acknowledges it."""
    if row.acknowledged_at is None and not actor.is_system:
        row.acknowledged_at = now
        row.save(update_fields=["acknowledged_at"])


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(given) - {"title", "summary", "severity", "category", "techniques"}
    if unknown:
        raise WrongValue(f"This cannot be changed: {', '.join(sorted(unknown))}.")
    found = {name: _text(value) if isinstance(value, str) else list(value) for name, value in given.items()}
    if "title" in found and not 1 <= len(found["title"]) <= 300:
        raise WrongValue("The title has 1 to 300 characters.")
    if "severity" in found and found["severity"] not in Severity.values:
        raise WrongValue(f"There is no severity {found['severity'][:16]!r}.", hint=f"There are: {', '.join(Severity.values)}.")
    if len(found.get("category", "")) > 64 or len(found.get("summary", "")) > LONGEST_NOTE:
        raise WrongValue(f"The category has at most 64 characters, the summary {LONGEST_NOTE}.")
    if any(not isinstance(item, str) or len(item) > 16 for item in found.get("techniques", ())):
        raise WrongValue("A technique is an ATT&CK id such as T1047 or T1003.001.")
    return found


def _note_text(text: str) -> str:
    text = _text(text)
    if not 1 <= len(text) <= LONGEST_NOTE:
        raise WrongValue(f"A note has 1 to {LONGEST_NOTE} characters.")
    return text


def _text(value: str) -> str:
    return value.replace("\x00", "").encode("utf-8", "replace").decode().strip()


def _link_target(kind: str, ref_id: object) -> tuple[str, str]:
    if kind not in LINK_KINDS:
        raise WrongValue(f"An incident cannot be linked to {kind[:32]!r}.", hint=f"It can to: {', '.join(sorted(LINK_KINDS))}.")
    try:
        return kind, str(uuid.UUID(str(ref_id)))
    except ValueError as error:
        raise WrongValue("What an incident is linked to is named by its id, a UUID.") from error


def _journal(
    kind: Kind,
    row: Incident,
    actor: Actor,
    now: dt.datetime,
    data: Mapping[str, object],
    refs: Sequence[tuple[str, object]] = (),
) -> None:
    journal.append(
        stream=f"incident:{row.pk}",
        kind=kind,
        actor=actor,
        now=now,
        subject=("incident", row.pk),
        tenant_id=row.tenant_id,
        environment=row.environment.slug,
        refs=[("incident", row.pk), *refs],
        data=data,
    )
