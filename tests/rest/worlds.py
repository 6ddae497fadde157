"""A tenant in which there is one of everything that has an address."""

import dataclasses
import json
from typing import Any

from django.test import Client

from accounts.choices import Role
from accounts.models import Environment, Tenant, User
from adapters import instances, registry
from approvals.models import Request
from audit.models import Delivery
from audit.selectors import entries
from compliance.models import Control, Framework
from compliance.services import bundles, frameworks
from incidents.models import Alert
from incidents.services import alerts, incidents, sources
from playbooks_app.models import Execution
from playbooks_app.services import playbooks, runner, triggers
from tests import factories
from tests.factories import NOW, SETUP

ALERT = {
    "@timestamp": "2026-03-04T05:06:07Z",
    "event": {"id": "wmi-1", "severity": 73},
    "rule": {"name": "WMI remote execution", "ruleset": "sigma"},
    "host": {"name": "ws-7", "id": "ws-7"},
    "user": {"name": "a.keller"},
    "process": {"pid": 4120},
    "threat": {"technique": [{"id": "T1047"}]},
}


@dataclasses.dataclass(frozen=True)
class World:
    """The tenant, and what each placeholder of an address stands for in it."""

    tenant: Tenant
    environment: Environment
    author: User
    kwargs: dict[str, dict[str, str]]


def build(slug: str) -> World:
    """Return a tenant with an execution that waits for approval, and all else that can be addressed."""
    tenant = factories.tenant(slug, max_level="L2", l2_enabled=True)
    environment = factories.environment(tenant)
    for name in sorted(registry.adapters()):
        if name.startswith("mock-"):
            instances.create(environment=environment, adapter=name, name=name, actor=SETUP, now=NOW)
    author = factories.user(Role.LEAD, tenant, username=f"{slug}-author")
    reviewer = factories.user(Role.LEAD, tenant, username=f"{slug}-reviewer")
    for version in playbooks.load_library(tenant=tenant, actor=author.actor(), now=NOW):
        playbooks.activate(version=version, actor=reviewer.actor(), now=NOW)
    alert = ingest(tenant, environment, "wmi-1")
    triggers.match(alert_id=alert.pk, now=NOW)
    execution = Execution.objects.get(alert=alert)
    runner.advance(execution.pk)
    incident = incidents.declare(
        tenant=tenant, environment=environment, title="I", severity="SEV2", actor=author.actor(), now=NOW
    )
    frameworks.import_oscal(tenant=tenant, content=frameworks.starter_catalog(), slug="f", actor=SETUP, now=NOW)
    bundle = bundles.create(
        tenant=tenant, environment=environment, title="B", controls=[Control.objects.filter(tenant=tenant).first()],
        period_from=NOW, period_until=NOW, actor=author.actor(), now=NOW,
    )  # fmt: skip
    sources.create(tenant=tenant, environment=environment, name=f"{slug}-siem", actor=SETUP, now=NOW)
    entry = entries.last_of(f"execution:{execution.pk}")
    Delivery.objects.filter(entry_id=entry.id).delete()
    letter = Delivery.objects.create(entry_id=entry.id, handler="compliance.tasks.capture_evidence", attempts=12, error="refused", dead_at=NOW)
    kwargs = {
        "alert": {"pk": str(alert.pk)},
        "execution": {"pk": str(execution.pk), "step": "isolate"},
        "playbook": {"slug": "wmi-lateral-movement", "number": "1.0.0"},
        "approval": {"pk": str(Request.objects.get(tenant=tenant, simulated=False).pk)},
        "incident": {"pk": str(incident.pk)},
        "framework": {"pk": str(Framework.objects.get(tenant=tenant).pk)},
        "control": {"pk": str(Control.objects.filter(tenant=tenant).first().pk)},
        "evidence-bundle": {"pk": str(bundle.pk)},
        "dead-letter": {"pk": str(letter.pk)},
        "audit-entry": {"pk": str(entry.id)},
    }
    return World(tenant, environment, author, kwargs)


def ingest(tenant: Tenant, environment: Environment, event_id: str) -> Alert:
    """Take in one alert; nothing is matched."""
    document = {**ALERT, "event": {**ALERT["event"], "id": event_id}}  # type: ignore[dict-item]
    batch = alerts.ingest(
        tenant=tenant, environment=environment, body=json.dumps(document).encode(), content_type="application/json", headers={},
        source=None, trigger_source="", actor=SETUP, now=NOW,
    )  # fmt: skip
    (item,) = batch.results
    assert isinstance(item, alerts.Accepted)
    return item.alert


def call(method: str, path: str, token: str = "", body: Any = None) -> Any:
    """Return the answer to a request with a token."""
    headers = {"Authorization": f"Token {token}"} if token else {}
    client = Client(raise_request_exception=False)
    if method == "get":
        return client.get(path, headers=headers)
    return getattr(client, method)(path, body if body is not None else {}, content_type="application/json", headers=headers)
