"""Roles of people in tenants, carried by the group `tenant:role`."""

import datetime as dt

from django.contrib.auth.models import Group
from django.contrib.auth.models import Permission as DjangoPermission
from django.db import transaction

from accounts.choices import ROLE_PERMISSIONS, Role
from accounts.models import Membership, Tenant, TenantGroupPermission, User
from audit import journal
from audit.choices import Kind
from core.actors import Actor


def grant(*, user: User, tenant: Tenant, role: Role, actor: Actor, now: dt.datetime) -> Membership:
    """Give a user a role in a tenant; one that has it already keeps it."""
    with transaction.atomic():
        group = group_of(tenant, role)
        membership, created = Membership.objects.get_or_create(
            user=user, tenant=tenant, role=role, defaults={"group": group, "created_at": now}
        )
        user.groups.add(group)
        if created:
            _journal(membership, Kind.MEMBERSHIP_GRANTED, actor, now)
    return membership


def revoke(*, membership: Membership, actor: Actor, now: dt.datetime) -> None:
    """Take a role away from a user."""
    with transaction.atomic():
        membership.user.groups.remove(membership.group)
        _journal(membership, Kind.MEMBERSHIP_REVOKED, actor, now)
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


def _journal(membership: Membership, kind: Kind, actor: Actor, now: dt.datetime) -> None:
    journal.append(
        stream=f"tenant:{membership.tenant_id}",
        kind=kind,
        actor=actor,
        now=now,
        subject=("user", membership.user_id),
        tenant_id=membership.tenant_id,
        refs=[("user", membership.user_id)],
        data={"role": membership.role, "username": membership.user.username},
    )
