"""People and tenants have their pages in the console: whoever comes by the admin's own addresses is led there."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin

from accounts.models import Tenant, User


class Led(ModelAdmin):
    """No list and no form of its own; `page` and `record` name the console's, which check who may see them."""

    page = ""
    record = ""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect(f"admin:{self.page}")

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect(f"admin:{self.record}", object_id) if object_id else redirect(f"admin:{self.page}")

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect(f"admin:{self.record}", object_id)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect(f"admin:{self.record}", object_id)


@admin.register(Tenant)
class TenantAdmin(Led):
    page, record = "tenants", "tenant"


@admin.register(User)
class UserAdmin(Led):
    page, record = "people", "person"
