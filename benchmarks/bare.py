"""What lists are compared with: the same rows by `.values()` as a JsonResponse, with no tenant, permission, page or filter."""

from collections.abc import Callable
from typing import Any

from django.db.models import Model
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from incidents.models import Alert, Incident
from playbooks_app.models import Execution

ROWS = 50

#: Each list by its name, its table, and the columns that its API shows.
LISTS: dict[str, tuple[type[Model], tuple[str, ...]]] = {
    "alerts": (
        Alert,
        ("id", "tenant_id", "environment_id", "trigger_source", "external_id", "sha256", "rule_name", "rule_id", "severity",
         "confidence", "techniques", "host", "user", "duplicates", "received_at", "last_seen_at", "occurred_at", "decided_at"),
    ),
    "executions": (
        Execution,
        ("id", "tenant_id", "environment_id", "version__playbook__slug", "version__number", "alert_id", "incident_id", "title", "status",
         "level", "level_cap", "drill", "inputs", "result", "started_by", "started_at", "completed_at", "deadline"),
    ),
    "incidents": (
        Incident,
        ("id", "tenant_id", "environment_id", "number", "title", "summary", "severity", "status", "category", "techniques", "declared_at"),
    ),
}  # fmt: skip


def _view(model: type[Model], columns: tuple[str, ...]) -> Callable[[HttpRequest], HttpResponse]:
    def view(_request: HttpRequest) -> HttpResponse:
        rows: Any = model._default_manager.order_by("-id").values(*columns)[:ROWS]
        return JsonResponse({"results": list(rows), "next": None})

    return view


urlpatterns = [path(f"bare/{name}", _view(model, columns)) for name, (model, columns) in LISTS.items()]
