"""Every address of the project."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from compliance.api.keys import keys
from runbookpilot import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path(".well-known/runbookpilot/keys.json", keys),
    path("admin/", admin.site.urls),
    path("api/v1/", include("runbookpilot.api.urls")),
]
