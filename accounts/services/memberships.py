"""Roles of people in tenants, carried by the group `tenant:role`."""

import datetime as dt

from django.contrib.auth.models import Group
from django.contrib.auth.models import Permission as DjangoPermission
from django.db import transaction
from simple_history.utils import update_change_reason

from accounts.choices import ROLE_PERMISSIONS, Role
from accounts.models import Membership, Tenant, TenantGroupPermission, User
from audit import journal
from audit.choices import Kind
from core.actors import Actor
from core.errors import Conflict


class LastAdministrator(Conflict):
    """A tenant keeps at least one administrator: make somebody else one first."""

    code = "last_administrator"


def grant(*, user: User, tenant: Tenant, role: Role, actor: Actor, now: dt.datetime, reason: str = "") -> Membership:
    """Give a user a role in a tenant; one that has it already keeps it."""
    with transaction.atomic():
        group = group_of(tenant, role)
        membership, created = Membership.objects.get_or_create(
            user=user, tenant=tenant, role=role, defaults={"group": group, "created_at": now}
        )
        user.groups.add(group)
        if created:
            update_change_reason(membership, reason[:100] or None)
            _journal(membership, Kind.MEMBERSHIP_GRANTED, actor, now, reason)
    return membership


def revoke(*, membership: Membership, actor: Actor, now: dt.datetime, reason: str = "") -> None:
    """Take a role away from a user; raises LastAdministrator."""
    with transaction.atomic():
        # The tenant's row is locked, so that two administrators cannot revoke each other at once.
        Tenant.objects.select_for_update().get(pk=membership.tenant_id)
        others = Membership.objects.filter(tenant=membership.tenant_id, role=Role.ADMINISTRATOR, user__is_active=True)
        if membership.role == Role.ADMINISTRATOR and not others.exclude(pk=membership.pk).exists():
            raise LastAdministrator
        membership.user.groups.remove(membership.group)
        _journal(membership, Kind.MEMBERSHIP_REVOKED, actor, now, reason)
        membership._change_reason = reason[:100] or None  # type: ignore[attr-defined]
        membership.delete()


def group_of(tenant: Tenant, role: Role) -> Group:
    """Return the group of a role in a tenant, holding just the permissions of that role."""
    group, _ = Group.objects.get_or_create(name=f"{tenant.pk}:{role.value}")
    wanted = DjangoPermission.objects.filter(
        content_type__app_label="accounts", content_type__model="tenant", codename__in=ROLE_PERMISSIONS[role]
    )
    held = set(TenantGroupPermission.objects.filter(group=group, content_object=tenant).values_list("permission_id", flat=True))
    TenantGroupPermission.objects.filter(group=group, content_object=tenant).exclude(permission__in=wanted).delete()
    TenantGroupPermission.objects.bulk_create(
        TenantGroupPermission(group=group, content_object=tenant, permission=permission)
        for permission in wanted
        if permission.pk not in held
    )
    return group


def _journal(membership: Membership, kind: Kind, actor: Actor, now: dt.datetime, reason: str) -> None:
    journal.append(
        stream=f"tenant:{membership.tenant_id}",
        kind=kind,
        actor=actor,
        now=now,
        subject=("user", membership.user_id),
        tenant_id=membership.tenant_id,
        refs=[("user", membership.user_id)],
        data={"role": membership.role, "username": membership.user.username, **({"reason": reason[:500]} if reason else {})},
    )
