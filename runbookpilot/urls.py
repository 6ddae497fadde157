"""Every address of the project."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from compliance.api.keys import keys
from runbookpilot import health

handler403 = "runbookpilot.console.errors.forbidden"
handler404 = "runbookpilot.console.errors.not_found"
handler500 = "runbookpilot.console.errors.broken"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path(".well-known/runbookpilot/keys.json", keys),
    path("admin/", admin.site.urls),
    path("api/v1/", include("runbookpilot.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
]
