"""What every page shows around its content, and how a page finds its rows: only what its reader may see, where they look."""

from collections.abc import Sequence
from typing import Any, Protocol

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.choices import Permission, Role
from accounts.models import User
from core.errors import DomainError
from runbookpilot.console import places


class Governed(Protocol):
    """A manager of rows that belong to a tenant."""

    def visible_to(self, actor: User, permission: str = ...) -> QuerySet[Any]: ...


class NeedsPermission(PermissionDenied):
    """The page needs a permission that the user holds nowhere; the page that says so names who has it."""

    def __init__(self, permission: Permission) -> None:
        super().__init__(f"This needs “{permission.label}”.")
        self.permission = permission


class Counted(Paginator):  # type: ignore[type-arg]
    """Pages of rows whose number is known already, or is not worth a query: then the last page is where they end."""

    def __init__(self, rows: Any, per_page: int, count: int) -> None:
        super().__init__(rows, per_page)
        self._known = count

    @cached_property
    def count(self) -> int:
        return self._known


def page(
    request: HttpRequest, template: str, context: dict[str, Any], *, title: str, status: int = 200, crumbs: Sequence[str] = ()
) -> HttpResponse:
    """Return the page with its frame around it; `crumbs` are the pages above it, as "Title=name of the address"."""
    above = [(words, reverse(f"admin:{name}")) for words, _, name in (crumb.partition("=") for crumb in crumbs)]
    frame = {**admin.site.each_context(request), "title": title, "crumbs": above, **context}
    if is_live(request):
        # A page that refreshes itself must not swallow what the next page is to say.
        frame["messages"] = []
    return render(request, f"console/{template}", frame, status=status)


def is_live(request: HttpRequest) -> bool:
    """Return whether a page asks for itself again, to stay as the server has it."""
    return request.headers.get("X-Part") == "live"


def rows(
    request: HttpRequest, manager: Governed, permission: Permission = Permission.VIEW_RECORDS, environment: str = "environment_id"
) -> QuerySet[Any]:
    """Return the rows of the tenant and environment that are looked at; raises NeedsPermission where none may be."""
    require(request, permission)
    return places.here(request).narrowed(manager.visible_to(person(request), permission), environment=environment)


def require(request: HttpRequest, permission: Permission) -> None:
    """Raise NeedsPermission unless some role of the user permits this."""
    if not person(request).is_superuser and not places.here(request).may(permission):
        raise NeedsPermission(permission)


def visible(request: HttpRequest, manager: Governed, pk: object, permission: Permission = Permission.VIEW_RECORDS) -> Any:
    """Return the row with this id where the user may see it; otherwise there is no such page."""
    return visible_in(manager.visible_to(person(request), permission), pk)


def visible_in(found: QuerySet[Any], pk: object) -> Any:
    """Return the row with this id among those found; otherwise there is no such page."""
    try:
        row = found.filter(pk=pk).first()
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


def tell(request: HttpRequest, error: DomainError) -> None:
    """Say on the next page what could not be done, field by field where the error names fields."""
    named = "; ".join(f"{name}: {what}" for name, what in error.fields.items() if isinstance(what, str))
    messages.error(request, f"{error.sentence} {named}".strip())


def back(request: HttpRequest, default: str) -> HttpResponse:
    """Return to the page that the form named, where it is one of ours, else to `default`."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return redirect(wanted if safe else default)


@require_POST
def choose_place(request: HttpRequest) -> HttpResponse:
    """Look at another tenant or environment."""
    places.choose(request, request.POST.get("tenant", "")[:64], request.POST.get("environment", "")[:64])
    return redirect("admin:index")


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the frame of every page shows: where, who, and whether writes are live."""
    if not isinstance(request.user, User):
        return {}
    place = places.here(request)
    return {"place": place, "writes": place.writes, "may_stop": place.may(Permission.ENGAGE_STOP)}


def roles(request: HttpRequest) -> set[str]:
    """Return the roles that the user has in what is looked at; a superuser is an administrator."""
    if not isinstance(request.user, User):
        return set()
    found = {spot.role for spot in places.here(request).chosen}
    return found | ({Role.ADMINISTRATOR.value} if request.user.is_superuser else set())


def reads_records(request: HttpRequest) -> bool:
    """Return whether alerts, playbooks and executions are shown to this user at all."""
    return bool(roles(request) - {Role.AUDITOR.value})


def administers(request: HttpRequest) -> bool:
    """Return whether the user administers a tenant."""
    return Role.ADMINISTRATOR.value in roles(request)


def pending_badge(request: HttpRequest) -> str:
    """Return how many approvals wait, for the menu."""
    count = places.here(request).pending if isinstance(request.user, User) else 0
    return str(count) if count else ""
