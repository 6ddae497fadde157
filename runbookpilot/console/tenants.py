"""The settings of a tenant: what playbooks may do by themselves, what notices say, its environments. Loosening is confirmed."""

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.choices import EnvironmentKind, Permission
from accounts.models import Environment, Tenant
from accounts.selectors import access
from accounts.services import tenants as service
from core import clock
from core.errors import DomainError, Invalid
from runbookpilot.console import changes, frame, places

SHOWN = ("name", "max_level", "l2_enabled", "approve_notifications", "notices_name_targets")
SWITCHES = ("l2_enabled", "approve_notifications", "notices_name_targets")
LEVELS = (
    ("L0", "People act", "Playbooks lead people through their steps and change nothing by themselves."),
    ("L1", "Ask before writes", "Reads run by themselves; every write waits for people."),
    ("L2", "Simulate and queue", "Writes are rehearsed and queued, and run on one click of an approval."),
)


class NotConfirmed(Invalid):
    """This lets playbooks do or tell more than before: type the tenant's short name to confirm that."""

    code = "not_confirmed"


class ReasonMissing(Invalid):
    """A change of settings needs a reason, which its history keeps."""

    code = "reason_missing"


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The tenants that one administers; where it is one, its settings."""
    frame.require(request, Permission.MANAGE_TENANT)
    environments = Prefetch("environments", Environment.objects.order_by("name"))
    rows = list(_tenants(request).prefetch_related(environments).order_by("name")[:200])
    if len(rows) == 1:
        return redirect("admin:tenant", rows[0].pk)
    return frame.page(request, "tenants.html", {"tenants": rows}, title="Settings", crumbs=["System=tenants"])


@require_http_methods(["GET", "HEAD", "POST"])
def item(request: HttpRequest, tenant_id: uuid.UUID) -> HttpResponse:
    """The settings of one tenant, with errors beside the fields, and who changed them."""
    frame.require(request, Permission.MANAGE_TENANT)
    row: Tenant = frame.visible_in(_tenants(request), tenant_id)
    problems: dict[str, object] = {}
    act = request.POST.get("act", "")
    if request.method == "POST":
        try:
            access.require(frame.person(request), Permission.MANAGE_TENANT, row.pk)
            messages.success(request, _environment(request, row) if act == "environment" else _settings(request, row))
            return redirect("admin:tenant", row.pk)
        except DomainError as error:
            problems = {**error.fields, "": error.sentence}
            row.refresh_from_db()
    given: Any = _given(request) if act == "settings" else {name: getattr(row, name) for name in SHOWN}
    context = {
        "tenant": row,
        "given": given,
        "levels": LEVELS,
        "environments": row.environments.order_by("name"),
        "kinds": EnvironmentKind.choices,
        "problems": problems,
        "problem": problems.get("", ""),
        "act": act,
        "posted": request.POST,
        "history": changes.of(row.history, SHOWN),
    }
    return frame.page(request, "tenant.html", context, title=f"Settings of {row}", crumbs=["System=tenants"], status=400 if problems else 200)


def _tenants(request: HttpRequest) -> Any:
    chosen = {spot.tenant_id for spot in places.here(request).chosen}
    return Tenant.objects.permitting(frame.person(request), Permission.MANAGE_TENANT).filter(pk__in=chosen)


def _given(request: HttpRequest) -> dict[str, Any]:
    switches = {name: bool(request.POST.get(name)) for name in SWITCHES}
    return {"name": request.POST.get("name", "").strip()[:200], "max_level": request.POST.get("max_level", "")[:8], **switches}


def _settings(request: HttpRequest, row: Tenant) -> str:
    wanted, reason = _given(request), request.POST.get("reason", "").strip()
    if not reason:
        raise ReasonMissing(fields={"reason": "A reason is needed; the history keeps it."})
    if _loosens(row, wanted) and request.POST.get("confirm", "").strip() != row.slug:
        raise NotConfirmed(fields={"confirm": f"Type {row.slug}."})
    service.change(tenant=row, reason=reason, actor=frame.person(request).actor(), now=clock.now(), **wanted)
    return "The settings were changed. A level holds for executions that start from now on."


def _loosens(row: Tenant, wanted: dict[str, Any]) -> bool:
    """Return whether playbooks could do more by themselves, or notices tell more, than before."""
    return (
        wanted["max_level"] > row.max_level
        or (wanted["l2_enabled"] and not row.l2_enabled)
        or (row.approve_notifications and not wanted["approve_notifications"])
        or (wanted["notices_name_targets"] and not row.notices_name_targets)
    )


def _environment(request: HttpRequest, row: Tenant) -> str:
    kind = request.POST.get("kind", "")
    if kind not in EnvironmentKind.values:
        raise Invalid("Choose what the environment is for.", fields={"kind": "Choose one of those that are offered."})
    made = service.add_environment(
        tenant=row, slug=request.POST.get("slug", "").strip(), name=request.POST.get("label", "").strip(), kind=EnvironmentKind(kind),
        actor=frame.person(request).actor(), now=clock.now(),
    )  # fmt: skip
    return f"The environment {made.name} was added."
