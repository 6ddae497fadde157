"""Tenants and their environments, and the permissions granted on them."""

from django.db import models
from guardian.models.models import GroupObjectPermissionBase, UserObjectPermissionBase
from simple_history.models import HistoricalRecords

from accounts.choices import EnvironmentKind, Permission
from accounts.querysets import TenantQuerySet
from core import clock, ids


class Tenant(models.Model):
    """An organisation, or a part of one, whose records others never see."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    max_level = models.CharField(
        max_length=2,
        default="L1",
        choices=[("L0", "L0 · people act"), ("L1", "L1 · ask before writes"), ("L2", "L2 · simulate and queue writes")],
    )
    l2_enabled = models.BooleanField("L2 enabled", default=False, help_text="Allow playbooks to simulate writes and queue them.")
    approve_notifications = models.BooleanField(
        default=False, help_text="Ask before sending notifications, as before any other write."
    )
    notices_name_targets = models.BooleanField(
        default=True, help_text="Name hosts, people and addresses in notices that leave by mail or webhook."
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    history = HistoricalRecords()

    objects = TenantQuerySet.as_manager()

    class Meta:
        permissions = Permission.choices  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.name


class Environment(models.Model):
    """A part of a tenant that things run in, such as production or a lab."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="environments")
    slug = models.SlugField(max_length=64)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=EnvironmentKind, default=EnvironmentKind.PRODUCTION)
    is_default = models.BooleanField(default=False, help_text="Where work goes that names no environment.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="environment_slug_once_per_tenant"),
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(is_default=True), name="one_default_environment_per_tenant"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TenantGroupPermission(GroupObjectPermissionBase):
    """A permission that a group, which is a role in a tenant, holds on that tenant."""

    content_object = models.ForeignKey(Tenant, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = False


class TenantUserPermission(UserObjectPermissionBase):
    """A permission that one user holds on a tenant."""

    content_object = models.ForeignKey(Tenant, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False
