"""What every row that belongs to a tenant has."""

from django.db import models

from accounts.models.tenants import Tenant
from accounts.querysets import GovernedQuerySet
from core import clock, ids


class Governed(models.Model):
    """A row that belongs to one tenant and is seen only by those who may see that tenant."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = GovernedQuerySet.as_manager()

    class Meta:
        abstract = True
