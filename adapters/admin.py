"""Instances of adapters, to look at and to check. Secrets are never sent to a browser."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from accounts.choices import Permission
from accounts.models import Tenant, User
from adapters import instances
from adapters.models import AdapterInstance
from core import clock


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


@admin.register(AdapterInstance)
class AdapterInstanceAdmin(ModelAdmin):
    list_display = ("name", "adapter", "mode", "enabled", "health", "circuit", "checked_at")
    fields = ("name", "adapter", "environment", "mode", "enabled", "rate", "health", "health_detail", "circuit", "checked_at", "declared")
    ordering = ("name",)
    actions = ("check_connection",)

    @admin.action(description="Check connection")
    def check_connection(self, request: HttpRequest, queryset: QuerySet[AdapterInstance]) -> None:
        for row in queryset.select_related("environment")[:50]:
            found = instances.check(instance=row, actor=_person(request).actor(), now=clock.now())
            messages.info(request, f"{found.name}: {found.health}. {found.health_detail}")

    def get_queryset(self, request: HttpRequest):  # type: ignore[no-untyped-def]
        return AdapterInstance.objects.visible_to(_person(request), Permission.MANAGE_ADAPTERS)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        if not isinstance(request.user, User):
            return False
        return Tenant.objects.permitting(_person(request), Permission.MANAGE_ADAPTERS).exists()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
