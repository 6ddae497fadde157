"""The list of alerts and the page of one: why did nothing run?"""

import uuid

from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.choices import Permission
from accounts.selectors import access
from incidents.choices import Severity
from incidents.models import Alert
from playbooks_app.models import Execution, Playbook
from runbookpilot.console import frame

PAGE = 25
LONGEST = 200


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Alerts as they came in, newest first."""
    started = Exists(Execution.objects.filter(alert=OuterRef("pk")))
    rows = frame.rows(request, Alert.objects).defer("original", "document").annotate(started=started)
    text = request.GET.get("q", "").strip()[:LONGEST]
    if text:
        rows = rows.filter(Q(rule_name__icontains=text) | Q(host__icontains=text) | Q(user__icontains=text))
    if request.GET.get("without"):
        rows = rows.filter(started=False)
    page = frame.Counted(rows.order_by("-id"), PAGE, rows.count()).get_page(request.GET.get("page"))
    context = {"page_obj": page, "text": text, "without": request.GET.get("without", "")}
    return frame.page(request, "alerts.html", context, title="Alerts")


@require_safe
def item(request: HttpRequest, alert_id: uuid.UUID) -> HttpResponse:
    """Why did this (not) run anything?"""
    rows = Alert.objects.visible_to(frame.person(request)).select_related("tenant", "environment", "source").defer("original")
    row: Alert = frame.visible_in(rows, alert_id)
    user = frame.person(request)
    related = Q()
    for field in ("host", "user"):
        if getattr(row, field):
            related |= Q(**{field: getattr(row, field)})
    others = Alert.objects.filter(related, tenant=row.tenant_id).exclude(pk=row.pk).defer("original", "document")
    executions = list(row.executions.select_related("version__playbook").order_by("-id"))
    context = {
        "alert": row,
        "decisions": row.decisions.select_related("playbook", "version", "execution").order_by("-matched", "id"),
        "executions": executions,
        "enrichment": next((run.enrichment for run in executions if run.enrichment), {}),
        "related": others.order_by("-id")[:8] if related else [],
        "playbooks": Playbook.objects.filter(tenant=row.tenant_id, enabled=True, active_version__isnull=False).order_by("name")[:100],
        "may_start": access.may(user, Permission.WORK_EXECUTIONS, row.tenant_id),
        "may_declare": access.may(user, Permission.WORK_INCIDENTS, row.tenant_id),
        "severities": Severity.choices,
    }
    return frame.page(request, "alert.html", context, title=str(row), crumbs=["Alerts=alerts"])
