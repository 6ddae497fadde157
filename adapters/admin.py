"""Adapters have their pages in the console: whoever comes by the admin's own addresses is led there."""

from django.contrib import admin

from accounts.admin import Led
from adapters.models import AdapterInstance


@admin.register(AdapterInstance)
class AdapterInstanceAdmin(Led):
    page, record = "adapters", "adapter"
