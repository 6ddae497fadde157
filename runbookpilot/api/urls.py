"""Addresses under /api/v1/: one line an app."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from accounts.api.me import NotificationsViewSet
from approvals.api.urls import routes as approvals
from compliance.api.urls import routes as compliance
from core.api.renderers import TextRenderer
from incidents.api.urls import routes as incidents
from playbooks_app.api.urls import routes as playbooks
from runbookpilot.api.audit import AuditViewSet
from runbookpilot.api.dead_letters import DeadLetterViewSet

router = SimpleRouter(trailing_slash=False)
for prefix, viewset, basename in [*playbooks, *approvals, *incidents, *compliance]:
    router.register(prefix, viewset, basename=basename)
router.register("audit/entries", AuditViewSet, basename="audit-entry")
router.register("dead-letters", DeadLetterViewSet, basename="dead-letter")

urlpatterns = [
    path("me/notifications", NotificationsViewSet.as_view({"get": "retrieve", "put": "update"}), name="my-notifications"),
    path("audit/verify", AuditViewSet.as_view({"post": "verify"}), name="audit-verify"),
    path("audit/export", AuditViewSet.as_view({"get": "export"}, renderer_classes=[TextRenderer]), name="audit-export"),
    *router.urls,
]
