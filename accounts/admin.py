"""People and tenants as configuration."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from accounts.choices import Permission
from accounts.models import Tenant, User


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


class Administered(ModelAdmin):
    """Read-only to those who administer a tenant; changes go through the services, by command or API."""

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        if not isinstance(request.user, User):
            return False
        return Tenant.objects.permitting(_person(request), Permission.MANAGE_MEMBERS).exists()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Tenant)
class TenantAdmin(Administered):
    list_display = ("name", "slug", "max_level", "l2_enabled", "is_active")
    ordering = ("slug",)

    def get_queryset(self, request: HttpRequest):  # type: ignore[no-untyped-def]
        return Tenant.objects.permitting(_person(request), Permission.MANAGE_MEMBERS)


@admin.register(User)
class UserAdmin(Administered):
    list_display = ("username", "email", "is_service", "is_active", "last_login")
    fields = ("username", "email", "is_service", "is_active", "last_login")
    ordering = ("username",)

    def get_queryset(self, request: HttpRequest):  # type: ignore[no-untyped-def]
        mine = Tenant.objects.permitting(_person(request), Permission.MANAGE_MEMBERS).values("pk")
        return User.objects.filter(memberships__tenant__in=mine).distinct()
