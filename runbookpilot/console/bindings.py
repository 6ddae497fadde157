"""What serves what: for each capability of an environment, the adapter that playbooks reach by it."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.choices import Permission
from accounts.selectors import access
from adapters import instances, registry
from adapters.choices import Mode
from adapters.models import AdapterInstance, Binding
from audit.choices import Kind
from audit.selectors import entries
from core import clock
from core.errors import DomainError
from runbookpilot.console import adapters, frame, places

LATELY = 30


@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: HttpRequest) -> HttpResponse:
    """Each capability with what serves it, and a form to choose another; errors stand beside the form."""
    frame.require(request, Permission.MANAGE_ADAPTERS)
    failed: dict[str, object] = {}
    if request.method == "POST":
        try:
            messages.success(request, _bound(request))
            return redirect("admin:bindings")
        except DomainError as error:
            failed = {"key": request.POST.get("key", ""), "problem": error.sentence}
    rows = frame.rows(request, AdapterInstance.objects, Permission.MANAGE_ADAPTERS).select_related("environment", "tenant")
    context = {"environments": _environments(request, list(rows.order_by("name")[:500])), "failed": failed, "posted": request.POST, "history": _history(request)}
    crumbs = ["System=adapters", "Adapters=adapters"]
    return frame.page(request, "bindings.html", context, title="What serves what", crumbs=crumbs, status=400 if failed else 200)


def _environments(request: HttpRequest, known: list[AdapterInstance]) -> list[dict[str, Any]]:
    """Return the environments that are looked at, each with every capability, what serves it and what else could."""
    bound = frame.rows(request, Binding.objects, Permission.MANAGE_ADAPTERS).select_related("instance")
    serving = {(row.environment_id, row.capability): row.instance for row in bound}
    actions: dict[str, list[str]] = {}
    for name in sorted(registry.actions()):
        actions.setdefault(name.partition(".")[0], []).append(name.partition(".")[2].replace("_", " "))
    place, found = places.here(request), []
    spots = {spot.environment_id: spot for spot in place.chosen if place.may(Permission.MANAGE_ADAPTERS, spot.tenant_id)}
    for pk, spot in spots.items():
        here = [row for row in known if row.environment_id == pk]
        capabilities = [
            {"name": name, "key": f"{pk}:{name}", "actions": words, "serving": serving.get((pk, name)), "able": _able(here, name)}
            for name, words in actions.items()
            if name not in registry.own()
        ]
        found.append({"tenant": spot.tenant_name, "name": spot.environment_name, "capabilities": capabilities})
    return found


def _able(here: list[AdapterInstance], capability: str) -> list[AdapterInstance]:
    known = registry.adapters()
    return [row for row in here if row.enabled and row.adapter in known and capability in known[row.adapter].capabilities()]


def _bound(request: HttpRequest) -> str:
    """Bind as the form says and return what to say of it; a live adapter wants its name typed."""
    rows = frame.rows(request, AdapterInstance.objects, Permission.MANAGE_ADAPTERS).select_related("environment")
    row: AdapterInstance = frame.visible_in(rows, request.POST.get("instance"))
    capability, reason = request.POST.get("capability", "")[:32], request.POST.get("reason", "").strip()
    access.require(frame.person(request), Permission.MANAGE_ADAPTERS, row.tenant_id)
    if not reason:
        raise adapters.ReasonMissing
    if row.mode == Mode.LIVE and request.POST.get("confirm", "").strip() != row.name:
        raise adapters.NotConfirmed(f"{row.name} reaches real systems: type its name to confirm that.")
    instances.bind(instance=row, capability=capability, reason=reason, actor=frame.person(request).actor(), now=clock.now())
    return f"{capability} is served by {row.name} from now on."


def _history(request: HttpRequest) -> list[entries.EntryView]:
    place = places.here(request)
    tenants: set[uuid.UUID] = {spot.tenant_id for spot in place.chosen if place.may(Permission.MANAGE_ADAPTERS, spot.tenant_id)}
    rows = entries.queryset().filter(kind=Kind.ADAPTER_BOUND, tenant_id__in=tenants).order_by("-id")
    return [entries.view(row) for row in rows[:LATELY]]
