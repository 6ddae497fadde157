"""The list of alerts and the page of one: why did nothing run?"""

import uuid

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from incidents.models import Alert
from runbookpilot.console import frame

PAGE = 25


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Alerts as they came in, newest first."""
    rows = Alert.objects.visible_to(frame.person(request)).defer("original", "document").annotate(started=Count("executions"))
    text = request.GET.get("q", "")[:200]
    if text:
        rows = rows.filter(Q(rule_name__icontains=text) | Q(host__icontains=text) | Q(user__icontains=text))
    if request.GET.get("without"):
        rows = rows.filter(started=0)
    context = {
        "page_obj": Paginator(rows.order_by("-id"), PAGE).get_page(request.GET.get("page")),
        "text": text,
        "without": request.GET.get("without", ""),
    }
    return frame.page(request, "alerts.html", context, title="Alerts")


@require_safe
def item(request: HttpRequest, alert_id: uuid.UUID) -> HttpResponse:
    """Why did this (not) run anything?"""
    rows = Alert.objects.visible_to(frame.person(request)).select_related("tenant", "environment", "source")
    row: Alert = frame.visible_in(rows, alert_id)
    related = Q()
    for field in ("host", "user"):
        if getattr(row, field):
            related |= Q(**{field: getattr(row, field)})
    others = (
        Alert.objects.filter(related, tenant=row.tenant_id).exclude(pk=row.pk).defer("original", "document")
        if related
        else Alert.objects.none()
    )
    context = {
        "alert": row,
        "decisions": row.decisions.select_related("playbook", "version", "execution").order_by("-matched", "id"),
        "executions": row.executions.select_related("version__playbook").order_by("-id"),
        "related": others.order_by("-id")[:8],
        "tenant": row.tenant,
        "environment": row.environment,
    }
    return frame.page(request, "alert.html", context, title=str(row))
