"""The rows of people and tenants; import them from here."""

from accounts.models.governed import Governed
from accounts.models.notifications import NotificationPreference
from accounts.models.people import ApiToken, Membership, User
from accounts.models.safety import EmergencyStop, IdempotencyKey
from accounts.models.tenants import Environment, Tenant, TenantGroupPermission, TenantUserPermission

__all__ = [
    "ApiToken",
    "EmergencyStop",
    "Environment",
    "Governed",
    "IdempotencyKey",
    "Membership",
    "NotificationPreference",
    "Tenant",
    "TenantGroupPermission",
    "TenantUserPermission",
    "User",
]
