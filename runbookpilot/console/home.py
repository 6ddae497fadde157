"""The page that each role starts on: what needs me?"""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache

from accounts.choices import Role
from approvals.choices import Status
from approvals.models import Request
from core import clock
from incidents.choices import IncidentStatus
from incidents.models import Alert, Incident
from playbooks_app.choices import FINAL_EXECUTION
from playbooks_app.models import Execution
from runbookpilot.console import frame

MOST = 5
OFFICERS = ({Role.COMPLIANCE_OFFICER.value}, {Role.COMPLIANCE_OFFICER.value, Role.VIEWER.value})


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
    return frame.page(request, "home.html", _waiting(request), title="What needs me?")


def _waiting(request: HttpRequest) -> dict[str, Any]:
    user, now = frame.person(request), clock.now()
    pending = Request.objects.visible_to(user).filter(status=Status.PENDING)
    executions = Execution.objects.visible_to(user)
    alerts = Alert.objects.visible_to(user).filter(received_at__gte=now - dt.timedelta(hours=1))
    running = executions.exclude(status__in=FINAL_EXECUTION)
    return {
        "pending_count": pending.count(),
        "oldest": pending.order_by("created_at").values_list("created_at", flat=True).first(),
        "pending": pending.select_related("claimed_by").order_by("expires_at", "-risk")[:MOST],
        "running_count": running.count(),
        "running": running.select_related("version__playbook").order_by("-id")[:MOST],
        "recent": executions.filter(status__in=FINAL_EXECUTION).select_related("version__playbook").order_by("-completed_at")[:3],
        "incidents": Incident.objects.visible_to(user).exclude(status=IncidentStatus.RESOLVED).count(),
        "alerts": alerts.aggregate(all=Count("pk"), started=Count("executions", distinct=True)),
    }
