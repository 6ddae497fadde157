"""What a person may see, as one subquery on an indexed column."""

import uuid
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
        return self.filter(_Among("pk", models.Subquery(tenant_ids_permitting(actor, permission))))


class GovernedQuerySet(models.QuerySet[Any]):
    """Rows that belong to a tenant."""

    def visible_to(self, actor: "Actor | User", permission: str = Permission.VIEW_RECORDS) -> Self:
        """Return the rows of the tenants in which `actor` holds `permission`."""
        if not _within_scopes(actor, permission):
            return self.none()
        if _unbound(actor):
            return self
        return self.filter(_Among("tenant_id", models.Subquery(tenant_ids_permitting(actor, permission))))


def tenant_ids_permitting(actor: "Actor | User", permission: str) -> models.QuerySet[Any, Any]:
    """Return the subquery of the ids of the tenants in which `actor` holds `permission`."""
    user_id = actor.user_id if isinstance(actor, Actor) else actor.pk
    return granted(user_id, permission) if user_id else apps.get_model("accounts", "TenantGroupPermission")._default_manager.none()


def granted(user_id: "uuid.UUID | models.Expression", permission: "str | models.Expression") -> models.QuerySet[Any, Any]:
    """Return the same for whoever has this id, whether or not they are limited to scopes."""
    grant = apps.get_model("accounts", "TenantGroupPermission")
    groups = apps.get_model("accounts", "User").groups.through._default_manager.filter(user_id=user_id).values("group_id")
    grants: models.QuerySet[Any, Any] = grant._default_manager.filter(
        permission__codename=permission, permission__content_type__app_label="accounts", group__in=groups
    ).values("content_object_id")
    return grants


class _Among(models.Func):
    """Whether a column holds one of what a subquery yields. PostgreSQL runs that once, and plans the rest as if it were alone."""

    output_field = models.BooleanField()
    template = "%(expressions)s"
    arg_joiner = " IN "

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, template="%(expressions)s)", arg_joiner=" = ANY(ARRAY", **more)


def _unbound(actor: "Actor | User") -> bool:
    if isinstance(actor, Actor):
        return actor.is_system or actor.is_superuser
    return bool(actor.is_active and actor.is_superuser)


def _within_scopes(actor: "Actor | User", permission: str) -> bool:
    return not actor.token_scopes or permission in actor.token_scopes
