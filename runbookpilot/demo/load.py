"""Loading the demo: each part is made once, so that loading again changes nothing."""

import json
from pathlib import Path

from django.conf import settings

from accounts.models import Environment, Tenant, User
from accounts.services import memberships, tenants, users
from adapters import instances, registry
from adapters.models import AdapterInstance
from compliance.models import Control, Framework
from compliance.services import frameworks, mappings
from core import clock, private_files
from core.actors import system
from entities.services import inventory
from incidents.models import AlertSource
from incidents.services import alerts, sources
from playbooks_app.choices import VersionStatus
from playbooks_app.models import Playbook
from playbooks_app.services import playbooks
from runbookpilot.demo import content

SETUP = system("setup")


def load() -> Tenant:
    """Load what is missing of the demo and return its tenant."""
    tenant = Tenant.objects.filter(slug=content.TENANT).first() or tenants.create(
        slug=content.TENANT, name="Demo", actor=SETUP, now=clock.now(), max_level="L2", l2_enabled=True
    )
    people = {name: _person(name, tenant) for name, _ in content.PEOPLE}
    environment = Environment.objects.get(tenant=tenant, is_default=True)
    _adapters(environment)
    inventory.take_in(tenant=tenant, rows=content.ASSETS, actor=SETUP, now=clock.now())
    for version in playbooks.load_library(tenant=tenant, actor=people["lead"].actor(), now=clock.now()):
        if version.status == VersionStatus.IN_REVIEW:
            playbooks.activate(version=version, actor=people["lead2"].actor(), now=clock.now())
    _controls(tenant)
    _source(environment)
    body = "\n".join(map(json.dumps, content.ALERTS)).encode()
    alerts.ingest(
        tenant=tenant, environment=environment, body=body, content_type="application/x-ndjson", headers={}, source=None,
        trigger_source="", actor=system("demo"), now=clock.now(),
    )  # fmt: skip
    return tenant


def _person(name: str, tenant: Tenant) -> User:
    user = User.objects.filter(username=name).first() or users.create(
        username=name, password=content.PASSWORD, check_password=False, actor=SETUP, now=clock.now()
    )
    memberships.grant(user=user, tenant=tenant, role=dict(content.PEOPLE)[name], actor=SETUP, now=clock.now())
    return user


def _adapters(environment: Environment) -> None:
    known = set(AdapterInstance.objects.filter(environment=environment).values_list("name", flat=True))
    for name, adapter in sorted(registry.adapters().items()):
        if name not in known and not any(field.is_required() for field in adapter.Config.model_fields.values()):
            instances.create(environment=environment, adapter=name, name=name, actor=SETUP, now=clock.now())


def _source(environment: Environment) -> None:
    """Let a detector send, which finds what it signs with in the data folder."""
    if AlertSource.objects.filter(name=content.SOURCE).exists():
        return
    row, secret = sources.create(
        tenant=environment.tenant, environment=environment, name=content.SOURCE, trigger_source="detectforge", actor=SETUP, now=clock.now()
    )
    file = Path(settings.DATA_DIR) / "demo" / f"{row.name}.json"
    # One that is there belongs to another database.
    file.unlink(missing_ok=True)
    private_files.write_private(file, json.dumps({"source": row.name, "secret": secret}).encode())


def _controls(tenant: Tenant) -> None:
    if not Framework.objects.filter(tenant=tenant, slug="nist-800-53").exists():
        frameworks.import_oscal(
            tenant=tenant, content=frameworks.starter_catalog(), slug="nist-800-53", actor=SETUP, now=clock.now()
        )
    control = Control.objects.filter(tenant=tenant, identifier__iexact="ir-4").first()
    playbook = Playbook.objects.get(tenant=tenant, slug="wmi-lateral-movement")
    if control is not None and not control.mappings.filter(playbook=playbook).exists():
        mappings.add(
            control=control, playbook=playbook, rationale="Containing a host is incident handling.", actor=SETUP, now=clock.now()
        )
