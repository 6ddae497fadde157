"""What a person may see, as one subquery on an indexed column."""

from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db import models

from accounts.choices import Permission
from core.actors import Actor

if TYPE_CHECKING:
    from accounts.models import User


class TenantQuerySet(models.QuerySet[Any]):
    """Tenants, by what somebody may do in them."""

    def permitting(self, actor: "Actor | User", permission: str) -> Self:
        """Return the tenants in which `actor` holds `permission`; the system and a superuser hold all."""
        if not _within_scopes(actor, permission):
            return self.none()
        if _unbound(actor):
            return self
        return self.filter(pk__in=tenant_ids_permitting(actor, permission))


class GovernedQuerySet(models.QuerySet[Any]):
    """Rows that belong to a tenant."""

    def visible_to(self, actor: "Actor | User", permission: str = Permission.VIEW_RECORDS) -> Self:
        """Return the rows of the tenants in which `actor` holds `permission`."""
        if not _within_scopes(actor, permission):
            return self.none()
        if _unbound(actor):
            return self
        return self.filter(tenant_id__in=tenant_ids_permitting(actor, permission))


def tenant_ids_permitting(actor: "Actor | User", permission: str) -> models.QuerySet[Any, Any]:
    """Return the subquery of the ids of the tenants in which `actor` holds `permission`."""
    grant = apps.get_model("accounts", "TenantGroupPermission")
    user_id = actor.user_id if isinstance(actor, Actor) else actor.pk
    grants: models.QuerySet[Any, Any] = grant._default_manager.filter(
        permission__codename=permission, permission__content_type__app_label="accounts", group__user=user_id
    ).values("content_object_id")
    return grants


def _unbound(actor: "Actor | User") -> bool:
    if isinstance(actor, Actor):
        return actor.is_system or actor.is_superuser
    return bool(actor.is_active and actor.is_superuser)


def _within_scopes(actor: "Actor | User", permission: str) -> bool:
    return not actor.token_scopes or permission in actor.token_scopes
