"""The list of incidents and the page of one."""

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.choices import Permission
from accounts.models import Tenant, User
from accounts.selectors import access
from core import clock
from core.errors import DomainError, Invalid
from incidents.choices import INCIDENT_TRANSITIONS, IncidentRole, Severity
from incidents.models import Alert, Incident
from incidents.selectors import timeline, times
from incidents.services import incidents as service
from runbookpilot.console import frame, places

PAGE = 25
PHASES = (
    ("Occurred", "occurred_at"),
    ("Detected", "detected_at"),
    ("Declared", "declared_at"),
    ("Acknowledged", "acknowledged_at"),
    ("Mitigated", "mitigated_at"),
    ("Resolved", "resolved_at"),
)


@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: HttpRequest) -> HttpResponse:
    """Incidents, newest first; a POST declares one."""
    tenants = _tenants(request)
    if request.method == "POST":
        return _declare(request, tenants)
    base = frame.rows(request, Incident.objects)
    counts = dict(base.order_by().values_list("status").annotate(count=Count("pk")))
    status = request.GET.get("status", "")
    status = status if status in INCIDENT_TRANSITIONS else ""
    rows = base.filter(status=status) if status else base
    total = counts.get(status, 0) if status else sum(counts.values())
    page = frame.Counted(rows.select_related("environment").order_by("-id"), PAGE, total).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "tenants": tenants,
        "severities": Severity.choices,
        "status": status,
        "total": sum(counts.values()),
        "statuses": [(word, counts.get(word, 0)) for word in INCIDENT_TRANSITIONS],
        "means": times.means(base),
    }
    return frame.page(request, "incidents.html", context, title="Incidents", crumbs=["Now=index"])


@require_safe
def item(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    """One incident: state, people, links and timeline."""
    rows = Incident.objects.visible_to(frame.person(request)).select_related("tenant", "environment")
    row: Incident = frame.visible_in(rows, incident_id)
    linked = [link.ref_id for link in row.links.all() if link.kind == "alert"]
    held = {role.role: role.user for role in row.roles.select_related("user")}
    context = {
        "incident": row,
        "next": [word for word in INCIDENT_TRANSITIONS if word in INCIDENT_TRANSITIONS[row.status]],
        "phases": [(label, getattr(row, name)) for label, name in PHASES],
        "executions": row.executions.select_related("version__playbook").order_by("-id"),
        "alerts": Alert.objects.filter(tenant=row.tenant_id, pk__in=linked).defer("original", "document"),
        "roles": [(role.value, role.label, held.get(role.value)) for role in IncidentRole],
        "members": User.objects.filter(memberships__tenant=row.tenant_id, is_active=True, is_service=False).distinct().order_by("username")[:200],
        "notes": row.notes.order_by("at"),
        "severities": Severity.choices,
        "entries": timeline.of(row),
        "works": access.may(frame.person(request), Permission.WORK_INCIDENTS, row.tenant_id),
    }
    return frame.page(request, "incident.html", context, title=str(row), crumbs=["Now=index", "Incidents=incidents"])


@require_POST
def act(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    """Change its status, classify it, give a role, or add a note."""
    row: Incident = frame.visible(request, Incident.objects, incident_id)
    common: dict[str, Any] = {"incident_id": row.pk, "actor": frame.person(request).actor(), "now": clock.now()}
    name = request.POST.get("act", "")
    try:
        access.require(frame.person(request), Permission.WORK_INCIDENTS, row.tenant_id)
        if name == "status":
            service.change_status(status=request.POST.get("status", ""), reason=request.POST.get("reason", ""), **common)
        elif name == "classify":
            service.classify(severity=request.POST.get("severity"), category=request.POST.get("category"), **common)
        elif name == "role":
            service.assign(role=request.POST.get("role", ""), user=_member(request, row), **common)
        elif name == "note":
            service.note(text=request.POST.get("text", ""), **common)
    except DomainError as error:
        frame.tell(request, error)
    return redirect("admin:incident", incident_id)


def _member(request: HttpRequest, row: Incident) -> User:
    found = User.objects.filter(username=request.POST.get("user", ""), memberships__tenant=row.tenant_id).first()
    if found is None:
        raise Invalid("Choose a member of this tenant.")
    return found


def _tenants(request: HttpRequest) -> list[Tenant]:
    place = places.here(request)
    ids = {spot.tenant_id for spot in place.chosen if place.may(Permission.WORK_INCIDENTS, spot.tenant_id)}
    return [Tenant(pk=spot.tenant_id, slug=spot.tenant_slug, name=spot.tenant_name) for spot in _first(place.chosen) if spot.tenant_id in ids]


def _first(spots: tuple[places.Spot, ...]) -> list[places.Spot]:
    """Return one spot of each tenant."""
    return list({spot.tenant_id: spot for spot in spots}.values())


def _declare(request: HttpRequest, tenants: list[Tenant]) -> HttpResponse:
    wanted = request.POST.get("tenant", "")
    alert: Alert | None = frame.visible(request, Alert.objects, request.POST["alert"]) if request.POST.get("alert") else None
    ids = [tenant.pk for tenant in tenants if tenant.slug == wanted] or [tenant.pk for tenant in tenants]
    tenant = alert.tenant if alert else Tenant.objects.filter(pk__in=ids[:1]).first()
    try:
        access.require(frame.person(request), Permission.WORK_INCIDENTS, tenant.pk if tenant else uuid.UUID(int=0))
        assert tenant is not None  # noqa: S101
        row = service.declare(
            tenant=tenant,
            environment=alert.environment if alert else tenant.environments.get(is_default=True),
            title=request.POST.get("title", ""),
            severity=request.POST.get("severity", Severity.SEV3),
            summary=request.POST.get("summary", ""),
            techniques=alert.techniques if alert else (),
            occurred_at=alert.occurred_at if alert else None,
            detected_at=alert.received_at if alert else None,
            links=[("alert", alert.pk)] if alert else (),
            actor=frame.person(request).actor(),
            now=clock.now(),
        )
    except DomainError as error:
        frame.tell(request, error)
        return redirect("admin:incidents")
    messages.success(request, f"INC-{row.number} was declared.")
    return redirect("admin:incident", row.pk)

