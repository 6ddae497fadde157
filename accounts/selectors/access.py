"""The one answer to "may ACTOR do ACTION in TENANT?", which every door uses."""

import dataclasses
import uuid
from typing import Any

from django.db.models import Exists, Expression, OuterRef, QuerySet

from accounts.choices import Permission
from accounts.models import Membership, Tenant, User
from accounts.querysets import TenantQuerySet, granted, tenant_ids_permitting
from core.actors import Actor
from core.errors import Forbidden
from core.reads import Read


class MayNot(Forbidden):
    """You may not do this."""

    code = "may_not"


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """A tenant that somebody is a member of, and whether they held the permission in it that was asked about."""

    tenant: Tenant
    permitted: bool


def may(actor: Actor | User, permission: str, tenant_id: uuid.UUID) -> bool:
    """Return whether `actor` holds `permission` in the tenant; the system and a superuser hold all.

    A token that is limited to scopes holds no more than these.
    """
    if permission not in _scopes(actor, permission):
        return False
    if isinstance(actor, User) and not actor.is_active:
        return False
    if (isinstance(actor, Actor) and actor.is_system) or actor.is_superuser:
        return True
    return tenant_ids_permitting(actor, permission).filter(content_object_id=tenant_id).exists()


def require(actor: Actor | User, permission: str, tenant_id: uuid.UUID) -> None:
    """Raise MayNot, naming the permission that is missing, where `actor` does not hold it in the tenant."""
    if not may(actor, permission, tenant_id):
        raise MayNot(
            f"You may not do this: it needs “{Permission(permission).label}” in this tenant.",
            hint="An administrator of the tenant grants roles.",
            fields={"permission": str(permission)},
        )


def require_somewhere(user: User, permission: str) -> None:
    """Raise MayNot where `user` holds a permission in no tenant at all."""
    scoped = user.is_active and permission in _scopes(user, permission)
    if scoped and (user.is_superuser or tenant_ids_permitting(user, permission).exists()):
        return
    raise MayNot(
        f"You may not do this: it needs “{Permission(permission).label}”, which none of your roles allows.",
        hint="An administrator of the tenant grants roles.",
        fields={"permission": str(permission)},
    )


def tenants_of(user: User) -> list[Tenant]:
    """Return the active tenants that the user is a member of, by slug; a superuser's are all."""
    return list(_tenants_of(user))


def standings(user: User, permission: str) -> list[Standing]:
    """Return the same tenants, each with whether `may` holds in it, by one query."""
    within = user.is_active and permission in _scopes(user, permission)
    if user.is_superuser:
        return [Standing(tenant, within) for tenant in _tenants_of(user)]
    found = _STANDINGS.all(user=user.pk, permission=str(permission))
    return [Standing(tenant, within and tenant.permitted) for tenant in found]


def _permitting(user: Expression, permission: Expression) -> QuerySet[Any]:
    permitted = Exists(granted(user, permission).filter(content_object_id=OuterRef("pk")))
    return _of_member(user).annotate(permitted=permitted)


_STANDINGS = Read(_permitting)


def _tenants_of(user: User) -> TenantQuerySet:
    active: TenantQuerySet = Tenant.objects.filter(is_active=True).order_by("slug")
    return active if user.is_superuser else _of_member(user)


def _of_member(user: Expression | User) -> TenantQuerySet:
    """Return the active tenants in which a user has a role, each once however many those are."""
    memberships = Membership.objects.filter(user=user, tenant=OuterRef("pk"))
    rows: TenantQuerySet = Tenant.objects.filter(Exists(memberships), is_active=True).order_by("slug")
    return rows


def _scopes(actor: Actor | User, permission: str) -> list[str]:
    return list(getattr(actor, "token_scopes", None) or [permission])
