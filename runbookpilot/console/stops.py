"""The emergency stop: one button for each tenant, lifted only with a reason by those who may."""

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.choices import Permission
from accounts.models import EmergencyStop, Tenant
from accounts.selectors.stops import DEPLOYMENT
from accounts.services import stops as service
from core import clock
from core.errors import DomainError
from runbookpilot.console import frame, places

MOST = 20


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Where a stop stands, and the buttons to engage or lift one."""
    if request.method == "POST":
        return _act(request)
    user, place = frame.person(request), places.here(request)
    tenants = list(Tenant.objects.filter(pk__in={spot.tenant_id for spot in place.chosen}).order_by("name"))
    scopes = {DEPLOYMENT, *(str(tenant.pk) for tenant in tenants)}
    known = list(EmergencyStop.objects.filter(Q(scope__in=scopes)).select_related("tenant").order_by("-engaged_at")[:MOST])
    standing = {stop.scope: stop for stop in EmergencyStop.objects.filter(scope__in=scopes, released_at=None)}
    rows: list[dict[str, Any]] = [
        {
            "tenant": tenant,
            "stop": standing.get(str(tenant.pk)),
            "may_engage": user.is_superuser or place.may(Permission.ENGAGE_STOP, tenant.pk),
            "may_release": user.is_superuser or place.may(Permission.RELEASE_STOP, tenant.pk),
        }
        for tenant in tenants
    ]
    context = {"rows": rows, "deployment": standing.get(DEPLOYMENT), "known": [stop for stop in known if stop.released_at]}
    return frame.page(request, "stop.html", context, title="Emergency stop", crumbs=["System=stop"])


def _act(request: HttpRequest) -> HttpResponse:
    user, now, reason = frame.person(request), clock.now(), request.POST.get("reason", "")[:500]
    wanted = request.POST.get("tenant", "")
    mine = {spot.tenant_id for spot in places.here(request).spots}
    tenant: Tenant | None = None if wanted == DEPLOYMENT else frame.visible_in(Tenant.objects.filter(pk__in=mine), wanted)
    try:
        if request.POST.get("act") == "release":
            service.release(tenant=tenant, reason=reason, actor=user.actor(), now=now)
            messages.success(request, "The stop is lifted. What waited goes on.")
        else:
            service.engage(tenant=tenant, reason=reason, actor=user.actor(), now=now)
            messages.warning(request, "Stopped: no write leaves until the stop is lifted.")
    except DomainError as error:
        frame.tell(request, error)
    return redirect("admin:stop")
