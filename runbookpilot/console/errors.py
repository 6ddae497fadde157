"""Pages for what went wrong, in the console's look; programs get problem documents."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from accounts.choices import ROLE_PERMISSIONS, Permission, Role
from accounts.models import Membership, User
from core import tracing
from core.api import problems
from runbookpilot.console import frame, places

MOST_NAMES = 8


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Say which role is needed and who has it."""
    needed = exception.permission if isinstance(exception, frame.NeedsPermission) else None
    if not _framed(request):
        return _plain(request, 403, "forbidden", "This is not for you.")
    context = {"needed": needed, "wanted_roles": _roles(needed), "holders": _holders(request, needed), "detail": str(exception or "")}
    return frame.page(request, "forbidden.html", context, title="Not for your role", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Say that there is no such page, and where to go."""
    if not _framed(request):
        return _plain(request, 404, "not_found", "There is no such page.")
    sentence = str(exception) if isinstance(exception, Http404) and exception.args and isinstance(exception.args[0], str) else ""
    return frame.page(request, "not_found.html", {"sentence": sentence}, title="No such page", status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """Say that it is our fault, without asking the database for anything."""
    return _plain(request, 500, "internal_error", "Something broke on our side; nothing that you sent was half done.")


def locked_out(request: HttpRequest, *_: object) -> HttpResponse:
    """Say that too many passwords were wrong, and when to try again."""
    return _plain(request, 429, "locked_out", "Too many wrong passwords: wait a quarter of an hour, then try again.")


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form was too old to be trusted."""
    return _plain(request, 403, "csrf", "This form is too old, or came from another site. Go back, reload the page, and send it again.")


def _framed(request: HttpRequest) -> bool:
    return request.path.startswith("/admin/") and isinstance(request.user, User) and request.user.is_staff


def _plain(request: HttpRequest, status: int, code: str, sentence: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse(problems.document(status, code, sentence), status=status, content_type="application/problem+json")
    context = {"status": status, "sentence": sentence, "trace": tracing.current()}
    return render(None, "console/plain_error.html", context, status=status)


def _roles(permission: Permission | None) -> list[Role]:
    return [role for role in Role if permission is not None and permission in ROLE_PERMISSIONS[role]]


def _holders(request: HttpRequest, permission: Permission | None) -> list[Membership]:
    """Return people of the same tenants who hold the permission, else those who can grant it."""
    tenants = {spot.tenant_id for spot in places.here(request).chosen}
    wanted = _roles(permission or Permission.MANAGE_MEMBERS)
    rows = Membership.objects.filter(tenant_id__in=tenants, role__in=wanted, user__is_active=True).select_related("user")
    return list(rows.order_by("role", "user__username")[:MOST_NAMES])
