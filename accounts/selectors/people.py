"""Who could be asked."""

import uuid
from collections.abc import Sequence

from django.db.models import QuerySet

from accounts.choices import DECIDES_AS
from accounts.models import TenantGroupPermission, User


def deciders(tenant_id: uuid.UUID, roles: Sequence[str]) -> QuerySet[User]:
    """Return the active people who may decide, in this tenant, approvals asked of one of `roles`."""
    permissions = [DECIDES_AS[role] for role in roles if role in DECIDES_AS]
    grants = TenantGroupPermission.objects.filter(content_object_id=tenant_id, permission__codename__in=permissions)
    rows: QuerySet[User] = User.objects.filter(is_active=True, is_service=False, groups__in=grants.values("group")).distinct()
    return rows
