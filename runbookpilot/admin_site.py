"""The admin site that all pages hang on."""

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from unfold.sites import UnfoldAdminSite


class AdminSite(UnfoldAdminSite):
    """The console."""


class AdminConfig(DjangoAdminConfig):
    default_site = "runbookpilot.admin_site.AdminSite"
