"""The page that each role starts on: what needs me?"""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache

from accounts.choices import Permission, Role
from accounts.models import Membership
from adapters.models import AdapterInstance
from approvals.choices import Status
from approvals.models import Request
from audit.selectors import deliveries, entries, guard
from core import clock
from incidents.choices import IncidentStatus
from incidents.models import Alert, Incident
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus
from playbooks_app.models import Execution
from runbookpilot.console import approvals, executions, frame, places, sentences

MOST = 5
LATELY = 12
SEEN, BEFORE = "console_seen", "console_before"
OFFICERS = ({Role.COMPLIANCE_OFFICER.value}, {Role.COMPLIANCE_OFFICER.value, Role.VIEWER.value})
#: What happens by itself all the time, and would hide what people and playbooks did.
NOISE = ("secret:", "call:", "adapter:checked", "execution:status", "step:", "alert:")


@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """An auditor starts at the bundles, a compliance officer at the coverage, everybody else at what waits."""
    if not admin.site.has_permission(request):
        return redirect("admin:login")
    roles = frame.roles(request)
    if roles == {Role.AUDITOR.value}:
        return redirect("admin:bundles")
    if roles in OFFICERS:
        return redirect("admin:coverage")
    if not frame.reads_records(request):
        return frame.page(request, "no_role.html", {}, title="Welcome")
    context = {**_figures(request), **_waiting(request), **_lately(request), **(_health(request) if frame.administers(request) else {})}
    return frame.page(request, "home.html", context, title="What needs me?")


def _figures(request: HttpRequest) -> dict[str, Any]:
    """Return the four numbers with what they were before."""
    now = clock.now()
    hour = dt.timedelta(hours=1)
    started = Exists(Execution.objects.filter(alert=OuterRef("pk")))
    lately = frame.rows(request, Alert.objects).filter(received_at__gte=now - 2 * hour)
    this, before = Q(received_at__gte=now - hour), Q(received_at__lt=now - hour)
    alerts = lately.annotate(started=started).aggregate(
        now=Count("pk", filter=this), before=Count("pk", filter=before), idle=Count("pk", filter=this & Q(started=False))
    )
    runs = frame.rows(request, Execution.objects).aggregate(
        running=Count("pk", filter=~Q(status__in=FINAL_EXECUTION)),
        people=Count("pk", filter=Q(status__in=executions.FILTERS["waits for people"])),
        failed=Count("pk", filter=Q(status=ExecutionStatus.FAILED, completed_at__gte=now - dt.timedelta(days=1))),
    )
    opened = frame.rows(request, Incident.objects).exclude(status=IncidentStatus.RESOLVED)
    by_severity = list(opened.order_by("severity").values_list("severity").annotate(count=Count("pk")))
    return {"alerts": alerts, "runs": runs, "severities": by_severity, "incidents": sum(count for _, count in by_severity)}


def _waiting(request: HttpRequest) -> dict[str, Any]:
    pending = frame.rows(request, Request.objects).filter(status=Status.PENDING)
    active = frame.rows(request, Execution.objects)
    items = approvals.with_rules(request, approvals.shown(pending)[:MOST])
    return {
        "items": items,
        "oldest": pending.order_by("created_at").values_list("created_at", flat=True).first() if items else None,
        "running": executions.with_progress(active.exclude(status__in=FINAL_EXECUTION)).order_by("-id")[:MOST],
        "recent": active.filter(status=ExecutionStatus.COMPLETED).select_related("version__playbook").order_by("-completed_at")[:3],
        "results": approvals.results(request),
    }


def _lately(request: HttpRequest) -> dict[str, Any]:
    """Return what happened lately, and since when this person has not looked."""
    place, now = places.here(request), clock.now()
    rows = entries.queryset().filter(tenant_id__in={spot.tenant_id for spot in place.chosen}, at__gte=now - dt.timedelta(days=7))
    for prefix in NOISE:
        rows = rows.exclude(kind__startswith=prefix)
    found = [entries.view(row) for row in rows.order_by("-id")[:LATELY]]
    return {"lately": sentences.of(request, found), "away_since": _visited(request, now)}


def _visited(request: HttpRequest, now: dt.datetime) -> dt.datetime | None:
    """Return when the last visit ended; a visit ends when the page was not looked at for ten minutes."""
    seen = request.session.get(SEEN)
    last = clock.parse(seen) if seen else None
    if last is None or now - last > dt.timedelta(minutes=10):
        request.session[BEFORE] = seen
    if last is None or now - last > dt.timedelta(minutes=1):
        request.session[SEEN] = clock.iso(now)
    before = request.session.get(BEFORE)
    return clock.parse(before) if before else None


def _health(request: HttpRequest) -> dict[str, Any]:
    """Return what an administrator watches: the journal's guard, deliveries, adapters, people by role."""
    adapters = frame.rows(request, AdapterInstance.objects, Permission.MANAGE_ADAPTERS).filter(enabled=True)
    chosen = {spot.tenant_id for spot in places.here(request).chosen}
    roles = Membership.objects.filter(tenant_id__in=chosen, user__is_active=True).order_by()
    counted = dict(roles.values_list("role").annotate(count=Count("user", distinct=True)))
    return {
        "health": {
            "unguarded": guard.missing(),
            "deliveries": deliveries.counts(),
            "adapters": dict(adapters.order_by().values_list("health").annotate(count=Count("pk"))),
            "people": [(role.label, counted[role.value]) for role in Role if role.value in counted],
        }
    }
