"""What every page shows around its content: who, where, and whether writes are live."""

from typing import Any, Protocol

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.choices import Permission, Role
from accounts.models import EmergencyStop, Tenant, User
from adapters import registry
from adapters.choices import Mode
from adapters.models import AdapterInstance
from approvals.choices import Status
from approvals.models import Request


class Governed(Protocol):
    """A manager of rows that belong to a tenant."""

    def visible_to(self, actor: User, permission: str = ...) -> QuerySet[Any]: ...


def page(request: HttpRequest, template: str, context: dict[str, Any], *, title: str, status: int = 200) -> HttpResponse:
    """Return the page with its frame around it."""
    frame = {**admin.site.each_context(request), "title": title, "writes": writes(request), **context}
    return render(request, f"console/{template}", frame, status=status)


def visible(request: HttpRequest, manager: Governed, pk: object, permission: str = Permission.VIEW_RECORDS) -> Any:
    """Return the row with this id where the user may see it; otherwise there is no such page."""
    return visible_in(manager.visible_to(person(request), permission), pk)


def visible_in(rows: QuerySet[Any], pk: object) -> Any:
    """Return the row with this id among `rows`; otherwise there is no such page."""
    try:
        row = rows.filter(pk=pk).first()
    except (ValidationError, ValueError):
        row = None
    if row is None:
        raise Http404("There is no such page, or not for you.")
    return row


def person(request: HttpRequest) -> User:
    """Return the user who is logged in."""
    if not isinstance(request.user, User):
        raise PermissionDenied("Log in first.")
    return request.user


def writes(request: HttpRequest) -> str:
    """Return whether writes are `stopped`, `live` or `mock` for what this user sees."""
    tenants = Tenant.objects.permitting(person(request), Permission.VIEW_RECORDS).values("pk")
    stops = EmergencyStop.objects.filter(released_at=None)
    if stops.filter(scope="deployment").exists() or stops.filter(tenant__in=tenants).exists():
        return "stopped"
    writers = [name for name, cls in registry.adapters().items() if any(action.effect.is_write for action in cls.actions)]
    live = AdapterInstance.objects.filter(tenant__in=tenants, enabled=True, mode=Mode.LIVE, adapter__in=writers).exists()
    return "live" if live else "mock"


def roles(request: HttpRequest) -> set[str]:
    """Return the roles that the user has anywhere; a superuser is an administrator."""
    if not hasattr(request, "_console_roles"):
        if not isinstance(request.user, User):
            return set()
        user = request.user
        found = set(user.memberships.values_list("role", flat=True)) | (
            {Role.ADMINISTRATOR.value} if user.is_superuser else set()
        )
        request._console_roles = found  # type: ignore[attr-defined]
    return request._console_roles  # type: ignore[attr-defined]


def reads_records(request: HttpRequest) -> bool:
    """Return whether alerts, playbooks and executions are shown to this user at all."""
    return bool(roles(request) - {Role.AUDITOR.value})


def administers(request: HttpRequest) -> bool:
    """Return whether the user administers a tenant."""
    return Role.ADMINISTRATOR.value in roles(request)


def pending_badge(request: HttpRequest) -> str:
    """Return how many approvals wait, for the menu."""
    if not isinstance(request.user, User):
        return ""
    count = Request.objects.visible_to(person(request)).filter(status=Status.PENDING).count()
    return str(count) if count else ""
