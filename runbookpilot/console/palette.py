"""The palette (Ctrl-K): go anywhere, declare an incident, start a playbook, find what was named. A fixed number of queries."""

import contextlib
import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.choices import Permission
from approvals.choices import Status
from approvals.models import Request
from incidents.models import Alert, Incident
from playbooks_app.models import Execution, Playbook
from runbookpilot.console import frame, places

MOST = 5
#: Only this many of the newest rows are searched, so that an answer never waits for a long table.
RECENT = 5000
LONGEST = 100

#: Title, icon, address, the permission without which it is not offered.
PAGES: tuple[tuple[str, str, str, Permission | None], ...] = (
    ("Home", "home", "index", None),
    ("Approvals", "how_to_reg", "approvals", Permission.VIEW_RECORDS),
    ("Executions", "play_circle", "executions", Permission.VIEW_RECORDS),
    ("Incidents", "crisis_alert", "incidents", Permission.VIEW_RECORDS),
    ("Alerts", "notifications", "alerts", Permission.VIEW_RECORDS),
    ("Playbooks", "menu_book", "playbooks", Permission.VIEW_RECORDS),
    ("Coverage", "grid_view", "coverage", Permission.VIEW_EVIDENCE),
    ("Bundles", "inventory_2", "bundles", Permission.VIEW_EVIDENCE),
    ("Audit", "receipt_long", "audit", Permission.VIEW_EVIDENCE),
    ("Adapters", "power", "adapters", Permission.MANAGE_ADAPTERS),
    ("Dead letters", "unsubscribe", "dead-letters", Permission.MANAGE_TENANT),
    ("People", "group", "people", Permission.MANAGE_MEMBERS),
)


@require_safe
def search(request: HttpRequest) -> JsonResponse:
    """Answer with groups of what fits the words typed."""
    text = request.GET.get("q", "").strip()[:LONGEST]
    groups = [("Do", _acts(request, text)), ("Go to", _pages(request, text))]
    if text and places.here(request).may(Permission.VIEW_RECORDS):
        groups += _found(request, text)
    shown = [{"title": title, "items": items} for title, items in ((title, list(items)) for title, items in groups) if items]
    return JsonResponse({"groups": shown})


def _acts(request: HttpRequest, text: str) -> Iterable[dict[str, str]]:
    place = places.here(request)
    if place.may(Permission.WORK_INCIDENTS) and _fits("Declare an incident", text):
        yield _item("Declare an incident", "crisis_alert", reverse("admin:incidents") + "#declare")
    if place.may(Permission.WORK_EXECUTIONS):
        rows = frame.rows(request, Playbook.objects, environment="").filter(enabled=True, active_version__isnull=False)
        for row in rows.order_by("name").only("id", "name")[:200]:
            if _fits(f"Start {row.name}", text):
                yield _item(f"Start {row.name}", "play_circle", reverse("admin:playbook", args=[row.pk]) + "#start")
    if place.may(Permission.ENGAGE_STOP) and _fits("Stop all writes: emergency stop", text):
        yield _item("Emergency stop", "front_hand", reverse("admin:stop"))


def _pages(request: HttpRequest, text: str) -> Iterable[dict[str, str]]:
    place = places.here(request)
    for title, icon, name, permission in PAGES:
        if (permission is None or place.may(permission)) and _fits(title, text):
            yield _item(title, icon, reverse(f"admin:{name}"))


def _found(request: HttpRequest, text: str) -> list[tuple[str, Iterable[dict[str, str]]]]:
    approvals = _matching(frame.rows(request, Request.objects), text, "title", "playbook", "target").filter(status=Status.PENDING)
    incidents = _matching(frame.rows(request, Incident.objects), text, "title", "category")
    executions = _matching(frame.rows(request, Execution.objects), text, "title").only("id", "title", "status", "started_by")
    alerts = _matching(frame.rows(request, Alert.objects), text, "rule_name", "host", "user").only("id", "rule_name", "host", "user")
    return [
        ("Approvals", (_item(row.title, "how_to_reg", _at("approval", row), row.playbook) for row in approvals.only("id", "title", "playbook")[:MOST])),
        ("Incidents", (_item(str(row), "crisis_alert", _at("incident", row), row.severity) for row in incidents[:MOST])),
        ("Executions", (_item(row.title, "play_circle", _at("execution", row), row.status.replace("_", " ")) for row in executions[:MOST])),
        ("Alerts", (_item(str(row), "notifications", _at("alert", row), f"{row.host} {row.user}") for row in alerts[:MOST])),
    ]  # fmt: skip


def _matching(rows: QuerySet[Any], text: str, *fields: str) -> QuerySet[Any]:
    wanted = Q()
    for field in fields:
        wanted |= Q(**{f"{field}__icontains": text})
    with contextlib.suppress(ValueError):
        wanted |= Q(pk=uuid.UUID(text))
    recent = rows.order_by("-id").values("pk")[:RECENT]
    return rows.model._default_manager.filter(pk__in=recent).filter(wanted).order_by("-id")


def _fits(title: str, text: str) -> bool:
    return all(word in title.lower() for word in text.lower().split())


def _at(name: str, row: Any) -> str:
    return reverse(f"admin:{name}", args=[row.pk])


def _item(title: str, icon: str, url: str, detail: str = "") -> dict[str, str]:
    return {"title": title, "icon": icon, "url": url, "detail": detail.strip()}
