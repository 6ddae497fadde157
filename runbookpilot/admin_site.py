"""The admin site that all pages hang on: the console's own pages before Django's."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.module_loading import import_string
from unfold.sites import UnfoldAdminSite

#: Address -> (view, name). The views are named by their paths, because this module loads before the apps do.
PAGES: tuple[tuple[str, str, str], ...] = (
    ("now/approvals", "approvals.queue", "approvals"),
    ("now/approvals/decide", "approvals.decide_many", "approvals-decide"),
    ("now/approvals/<uuid:request_id>", "approvals.item", "approval"),
    ("now/approvals/<uuid:request_id>/decide", "approvals.decide", "approval-decide"),
    ("now/approvals/<uuid:request_id>/claim", "approvals.claim", "approval-claim"),
    ("now/executions", "executions.listing", "executions"),
    ("now/executions/start", "execution_acts.start", "execution-start"),
    ("now/executions/<uuid:execution_id>", "executions.item", "execution"),
    ("now/executions/<uuid:execution_id>/act", "execution_acts.act", "execution-act"),
    ("now/incidents", "incidents.listing", "incidents"),
    ("now/incidents/<uuid:incident_id>", "incidents.item", "incident"),
    ("now/incidents/<uuid:incident_id>/act", "incidents.act", "incident-act"),
    ("alerts", "alerts.listing", "alerts"),
    ("alerts/<uuid:alert_id>", "alerts.item", "alert"),
    ("playbooks", "playbooks.listing", "playbooks"),
    ("playbooks/<uuid:playbook_id>", "playbooks.item", "playbook"),
    ("playbooks/versions/<uuid:version_id>/act", "playbooks.act", "version-act"),
    ("compliance/coverage", "compliance.coverage", "coverage"),
    ("compliance/controls/<uuid:control_id>", "controls.item", "control"),
    ("compliance/bundles", "compliance.bundles", "bundles"),
    ("compliance/bundles/<uuid:bundle_id>", "compliance.bundle", "bundle"),
    ("compliance/bundles/<uuid:bundle_id>/pack", "compliance.pack", "bundle-pack"),
    ("compliance/bundles/<uuid:bundle_id>/verify", "compliance.verify", "bundle-verify"),
    ("compliance/bundles/<uuid:bundle_id>/seal", "compliance.seal", "bundle-seal"),
    ("system/audit", "audit.listing", "audit"),
    ("system/audit/verify", "audit.verify_all", "audit-verify"),
    ("system/audit/entries/<uuid:entry_id>", "audit_entries.item", "audit-entry"),
    ("system/audit/entries/<uuid:entry_id>/chain", "audit_entries.chain_to", "audit-chain"),
    ("system/audit/entries/<uuid:entry_id>/proof", "audit_entries.inclusion", "audit-proof"),
    ("system/adapters", "adapters.listing", "adapters"),
    ("system/adapters/new", "adapters.new", "adapter-new"),
    ("system/adapters/<uuid:instance_id>", "adapters.item", "adapter"),
    ("system/adapters/<uuid:instance_id>/check", "adapters.check", "adapter-check"),
    ("system/bindings", "bindings.listing", "bindings"),
    ("system/settings", "tenants.listing", "tenants"),
    ("system/settings/<uuid:tenant_id>", "tenants.item", "tenant"),
    ("system/people", "people.listing", "people"),
    ("system/people/<uuid:user_id>", "people.item", "person"),
    ("system/dead-letters", "dead_letters.listing", "dead-letters"),
    ("system/dead-letters/act", "dead_letters.act", "dead-letters-act"),
    ("system/stop", "stops.page", "stop"),
    ("place", "frame.choose_place", "place"),
    ("palette", "palette.search", "palette"),
)


class AdminSite(UnfoldAdminSite):
    """The console."""

    def get_urls(self) -> list[URLPattern]:
        pages = [path(address, self.admin_view(_view(name)), name=short) for address, name, short in PAGES]
        found: list[URLPattern] = super().get_urls()
        return pages + found

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        # The menu has sections of its own; asking every model for its permissions would cost each page a query a model.
        found: list[Any] = super().get_app_list(request, app_label) if app_label else []
        return found

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        shown: dict[str, Any] = {**super().each_context(request), **import_string("runbookpilot.console.frame.context")(request)}
        return shown

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The theme's own search, which knows neither tenants nor roles, is answered by the palette's."""
        return _view("palette.search")(request)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return _view("home.home")(request)


class AdminConfig(DjangoAdminConfig):
    default_site = "runbookpilot.admin_site.AdminSite"


def _view(name: str) -> Callable[..., HttpResponse]:
    found: Callable[..., HttpResponse] = import_string(f"runbookpilot.console.{name}")
    return found
