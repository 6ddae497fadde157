"""People: who is here, in which roles, since when and why; roles given and taken with a reason."""

import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.choices import Permission, Role
from accounts.models import Membership, Tenant, User
from accounts.selectors import access
from accounts.services import memberships, users
from core import clock
from core.errors import DomainError, Invalid
from runbookpilot.console import changes, frame, places

PAGE = 50
ROLE_WORDS = {
    Role.VIEWER: "reads",
    Role.ANALYST: "starts and works executions, decides what is asked of analysts",
    Role.LEAD: "also decides what is asked of leads, activates playbooks, lifts stops",
    Role.COMPLIANCE_OFFICER: "works on controls, mappings and bundles",
    Role.AUDITOR: "reads bundles, controls and the audit trail, and nothing else",
    Role.ADMINISTRATOR: "all of it, and adapters, people and settings",
}


class ReasonMissing(Invalid):
    """Giving or taking a role needs a reason, which its history keeps."""

    code = "reason_missing"


class NoSuchRole(Invalid):
    """There is no such role."""


@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: HttpRequest) -> HttpResponse:
    """The people of the tenants that are looked at; a POST adds one."""
    frame.require(request, Permission.MANAGE_MEMBERS)
    tenants = _tenants(request)
    if request.method == "POST":
        return _add(request, tenants)
    mine = Prefetch("memberships", Membership.objects.filter(tenant__in=tenants).select_related("tenant").order_by("tenant__name", "role"))
    rows = User.objects.filter(memberships__tenant__in=tenants).distinct()
    text = request.GET.get("q", "").strip()[:100]
    rows = rows.filter(Q(username__icontains=text) | Q(email__icontains=text)) if text else rows
    page = frame.Counted(rows.prefetch_related(mine).order_by("username"), PAGE, rows.count()).get_page(request.GET.get("page"))
    context = {"page_obj": page, "tenants": tenants, "roles": _roles(), "text": text}
    return frame.page(request, "people.html", context, title="People", crumbs=["System=people"])


@require_http_methods(["GET", "HEAD", "POST"])
def item(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """One person: roles to give and take, and the history of them."""
    frame.require(request, Permission.MANAGE_MEMBERS)
    tenants = _tenants(request)
    row: User = frame.visible_in(User.objects.filter(memberships__tenant__in=tenants).distinct(), user_id)
    if request.method == "POST":
        return _change(request, row, tenants)
    context = {
        "member": row,
        "memberships": row.memberships.filter(tenant__in=tenants).select_related("tenant").order_by("tenant__name", "role"),
        "tenants": tenants,
        "roles": _roles(),
        "history": changes.of(Membership.history.filter(user_id=row.pk, tenant_id__in=[tenant.pk for tenant in tenants]), ()),
    }
    return frame.page(request, "person.html", context, title=row.username, crumbs=["System=people", "People=people"])


def _add(request: HttpRequest, tenants: list[Tenant]) -> HttpResponse:
    try:
        tenant = _tenant(request, tenants)
        with transaction.atomic():
            row = users.create(
                username=request.POST.get("username", "").strip(),
                email=request.POST.get("email", "").strip(),
                password=request.POST.get("password", ""),
                is_service=bool(request.POST.get("is_service")),
                actor=frame.person(request).actor(),
                now=clock.now(),
            )
            _grant(request, row, tenant)
    except DomainError as error:
        frame.tell(request, error)
        return redirect("admin:people")
    messages.success(request, f"{row.username} was added.")
    return redirect("admin:person", row.pk)


def _change(request: HttpRequest, row: User, tenants: list[Tenant]) -> HttpResponse:
    try:
        if request.POST.get("act") == "revoke":
            _revoke(request, row, tenants)
            messages.success(request, "The role was taken.")
        else:
            _grant(request, row, _tenant(request, tenants))
            messages.success(request, "The role was given.")
    except DomainError as error:
        frame.tell(request, error)
    left = row.memberships.filter(tenant__in=tenants).exists()
    return redirect("admin:person", row.pk) if left else redirect("admin:people")


def _grant(request: HttpRequest, row: User, tenant: Tenant) -> None:
    role = request.POST.get("role", "")
    if role not in Role.values:
        raise NoSuchRole(f"There is no role {role[:32]!r}.")
    memberships.grant(
        user=row, tenant=tenant, role=Role(role), reason=_reason(request), actor=frame.person(request).actor(), now=clock.now()
    )


def _revoke(request: HttpRequest, row: User, tenants: list[Tenant]) -> None:
    held = row.memberships.filter(tenant__in=tenants).select_related("user", "tenant", "group")
    membership: Membership = frame.visible_in(held, request.POST.get("membership"))
    access.require(frame.person(request), Permission.MANAGE_MEMBERS, membership.tenant_id)
    memberships.revoke(membership=membership, reason=_reason(request), actor=frame.person(request).actor(), now=clock.now())


def _reason(request: HttpRequest) -> str:
    reason = request.POST.get("reason", "").strip()
    if not reason:
        raise ReasonMissing
    return reason


def _tenant(request: HttpRequest, tenants: list[Tenant]) -> Tenant:
    wanted = request.POST.get("tenant", "")
    tenant = next((tenant for tenant in tenants if str(tenant.pk) == wanted), None)
    if tenant is None:
        raise Invalid("Choose one of your tenants.")
    access.require(frame.person(request), Permission.MANAGE_MEMBERS, tenant.pk)
    return tenant


def _tenants(request: HttpRequest) -> list[Tenant]:
    rows = Tenant.objects.permitting(frame.person(request), Permission.MANAGE_MEMBERS)
    chosen = {spot.tenant_id for spot in places.here(request).chosen}
    return list(rows.filter(pk__in=chosen).order_by("name"))


def _roles() -> list[dict[str, Any]]:
    return [{"value": role.value, "label": role.label, "words": ROLE_WORDS[role]} for role in Role]
