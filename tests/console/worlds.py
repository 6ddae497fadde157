"""A tenant as people find it: playbooks that ran over alerts, requests that wait, a bundle that is sealed."""

import dataclasses
import json
from typing import Any

from django.test import Client

from accounts.choices import Role
from accounts.models import Tenant, User
from adapters import instances, registry
from approvals.models import Request
from compliance.models import Control, EvidenceBundle
from compliance.services import bundles, evidence, frameworks, mappings
from core import clock
from core.actors import system
from incidents.models import Alert
from incidents.services import alerts
from playbooks_app.models import Execution, Playbook
from playbooks_app.services import playbooks, runner, triggers
from tests import factories
from tests.factories import NOW, SETUP

ENGINE = system("engine")


@dataclasses.dataclass
class World:
    """A tenant with people by role; `page` and `act` are what a browser would do."""

    tenant: Tenant
    people: dict[str, User]

    def as_(self, name: str) -> Client:
        client = Client()
        client.force_login(self.people[name], backend="django.contrib.auth.backends.ModelBackend")
        return client

    def page(self, name: str, path: str, **headers: str) -> Any:
        return self.as_(name).get(f"/admin/{path}", headers=headers)

    def act(self, name: str, path: str, /, **form: Any) -> Any:
        return self.as_(name).post(f"/admin/{path}", form, follow=True)

    def receive(self, technique: str = "T1047", **fields: Any) -> Alert:
        """Let an alert come in, be matched, and what it starts be driven."""
        document = {
            "event": {"id": f"a-{Alert.objects.count()}", "severity": 73},
            "rule": {"name": "WMI remote execution"},
            "host": {"name": "ws-7"},
            "user": {"name": "a.keller"},
            "process": {"pid": 4120, "name": "powershell.exe"},
            "threat": {"technique": [{"id": technique}]},
            "x-detectforge": {"confidence": 0.8},
            **fields,
        }
        alerts.ingest(
            tenant=self.tenant, environment=factories.environment(self.tenant), body=json.dumps(document).encode(),
            content_type="application/json", headers={}, source=None, trigger_source="", actor=SETUP, now=clock.now(),
        )  # fmt: skip
        alert = Alert.objects.filter(tenant=self.tenant).latest("id")
        triggers.match(alert_id=alert.pk, now=clock.now())
        for execution in alert.executions.all():
            runner.advance(execution.pk)
        return alert

    def pending(self) -> Request:
        return Request.objects.filter(tenant=self.tenant, status="pending").latest("id")

    def execution(self) -> Execution:
        return Execution.objects.filter(tenant=self.tenant).latest("id")

    def drive(self) -> Execution:
        execution = self.execution()
        runner.advance(execution.pk)
        execution.refresh_from_db()
        return execution

    def bundle(self) -> EvidenceBundle:
        """The sealed bundle of a run that changed nothing, because the host is a crown jewel and the run ends."""
        frameworks.import_oscal(tenant=self.tenant, content=frameworks.starter_catalog(), slug="nist", actor=SETUP, now=NOW)
        control = Control.objects.get(tenant=self.tenant, identifier__iexact="ir-4")
        playbook = Playbook.objects.get(tenant=self.tenant, slug="cobalt-strike-c2")
        mappings.add(control=control, playbook=playbook, actor=SETUP, now=NOW)
        self.receive("T1071.001")
        for request in Request.objects.filter(tenant=self.tenant, status="pending", simulated=True):
            Request.objects.filter(pk=request.pk).update(status="expired")
        made = evidence.capture(execution_id=self.execution().pk, actor=ENGINE, now=clock.now())
        assert made is not None
        return bundles.seal(bundle_id=made.pk, actor=ENGINE, now=clock.now())


def world(slug: str = "acme") -> World:
    """A tenant with mock adapters and the library active, and one person of each role."""
    tenant = factories.tenant(slug, max_level="L2", l2_enabled=True)
    people = {role.value: factories.user(role, tenant, username=f"{slug}-{role.value}") for role in Role}
    people["second"] = factories.user(Role.ANALYST, tenant, username=f"{slug}-second")
    author = factories.user(Role.LEAD, tenant, username=f"{slug}-author")
    for name in sorted(registry.adapters()):
        if name.startswith("mock-") or name == "inventory":
            instances.create(environment=factories.environment(tenant), adapter=name, name=name, actor=SETUP, now=NOW)
    for version in playbooks.load_library(tenant=tenant, actor=author.actor(), now=NOW):
        playbooks.activate(version=version, actor=people["lead"].actor(), now=NOW)
    return World(tenant, people)
