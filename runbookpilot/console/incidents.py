"""The list of incidents and the page of one."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.choices import Permission
from accounts.models import Tenant
from accounts.selectors import access
from audit.selectors import entries
from core import clock
from core.errors import DomainError
from incidents.choices import INCIDENT_TRANSITIONS, Severity
from incidents.models import Incident
from incidents.services import incidents as service
from runbookpilot.console import frame

PAGE = 25


@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: HttpRequest) -> HttpResponse:
    """Incidents, newest first; a POST declares one."""
    user = frame.person(request)
    tenants = Tenant.objects.permitting(user, Permission.WORK_INCIDENTS).order_by("slug")
    if request.method == "POST":
        return _declare(request, tenants)
    rows = Incident.objects.visible_to(user).select_related("environment")
    status = request.GET.get("status", "")
    if status in INCIDENT_TRANSITIONS:
        rows = rows.filter(status=status)
    context = {
        "page_obj": Paginator(rows.order_by("-id"), PAGE).get_page(request.GET.get("page")),
        "tenants": list(tenants),
        "severities": Severity.choices,
        "status": status,
        "statuses": list(INCIDENT_TRANSITIONS),
        "query": f"status={status}",
    }
    return frame.page(request, "incidents.html", context, title="Incidents")


@require_safe
def item(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    """One incident: state, people, links and timeline."""
    rows = Incident.objects.visible_to(frame.person(request)).select_related("tenant", "environment")
    row: Incident = frame.visible_in(rows, incident_id)
    refs = [("incident", row.pk), *((link.kind, link.ref_id) for link in row.links.all())]
    context = {
        "incident": row,
        "next": sorted(INCIDENT_TRANSITIONS[row.status]),
        "executions": row.executions.select_related("version__playbook").order_by("-id"),
        "roles": row.roles.select_related("user"),
        "notes": row.notes.order_by("at"),
        "severities": Severity.choices,
        "entries": entries.about(refs),
        "works": access.may(frame.person(request), Permission.WORK_INCIDENTS, row.tenant_id),
        "tenant": row.tenant,
        "environment": row.environment,
    }
    return frame.page(request, "incident.html", context, title=str(row))


@require_POST
def act(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    """Change its status, classify it, or add a note."""
    row: Incident = frame.visible(request, Incident.objects, incident_id)
    common: dict[str, Any] = {"incident_id": row.pk, "actor": frame.person(request).actor(), "now": clock.now()}
    try:
        access.require(frame.person(request), Permission.WORK_INCIDENTS, row.tenant_id)
        name = request.POST.get("act")
        if name == "status":
            service.change_status(status=request.POST.get("status", ""), **common)
        elif name == "classify":
            service.classify(severity=request.POST.get("severity", ""), **common)
        elif name == "note":
            service.note(text=request.POST.get("text", ""), **common)
    except DomainError as error:
        messages.error(request, error.sentence)
    return redirect("admin:incident", incident_id)


def _declare(request: HttpRequest, tenants: Any) -> HttpResponse:
    tenant = tenants.filter(slug=request.POST.get("tenant", "")).first() or tenants.first()
    try:
        access.require(frame.person(request), Permission.WORK_INCIDENTS, tenant.pk if tenant else uuid.UUID(int=0))
        row = service.declare(
            tenant=tenant,
            environment=tenant.environments.get(is_default=True),
            title=request.POST.get("title", ""),
            severity=request.POST.get("severity", Severity.SEV3),
            actor=frame.person(request).actor(),
            now=clock.now(),
        )
    except DomainError as error:
        messages.error(request, error.sentence)
        return redirect("admin:incidents")
    return redirect("admin:incident", row.pk)
