"""Addresses under /api/v1/: one line an app."""

from rest_framework.routers import SimpleRouter

from approvals.api.urls import routes as approvals
from compliance.api.urls import routes as compliance
from incidents.api.urls import routes as incidents
from playbooks_app.api.urls import routes as playbooks

router = SimpleRouter(trailing_slash=False)
for prefix, viewset, basename in [*playbooks, *approvals, *incidents, *compliance]:
    router.register(prefix, viewset, basename=basename)

urlpatterns = router.urls
