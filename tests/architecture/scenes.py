"""One scene for every public write service: what stands before it, and the call itself."""

import dataclasses
import datetime as dt
import functools
from collections.abc import Callable
from typing import Any

from accounts.choices import Channel, EnvironmentKind, Role
from accounts.models import Membership
from accounts.services import memberships, preferences, stops, tenants, tokens, users
from adapters import instances
from approvals.choices import Outcome, Verdict
from approvals.models import Request
from approvals.services import decisions, requests
from audit import journal, pump
from audit.choices import Kind
from audit.selectors import deliveries, entries
from audit.services import dead_letters, keys
from compliance.services import bundles, controls, evidence, frameworks, mappings, verify
from core import clock, ids
from entities.services import inventory
from incidents.services import alerts, incidents, sources
from tests import factories
from tests.compliance import worlds as proved
from tests.factories import NOW, SETUP
from tests.playbooks_app.executions import worlds as driven

Call = Callable[[], Any]
Scene = Callable[[], Call]
SCENES: dict[str, Scene] = {}
LATER = NOW + dt.timedelta(days=3650)
SOURCE = """
apiVersion: runbookpilot/v1
metadata: {id: look, name: Look, version: 1.0.0}
level: L1
steps: [{id: look, action: edr.get_isolation_status, with: {host: h1}}]
"""
WRITE = {"id": "isolate", "action": "edr.isolate_host", "with": {"host": "h1"}}
MANUAL = {"id": "tell", "kind": "manual", "instructions": "Tell somebody."}


@dataclasses.dataclass(frozen=True)
class _Named:
    function: Callable[..., Any]

    def __call__(self, scene: Scene) -> Scene:
        SCENES[f"{self.function.__module__}.{self.function.__name__}"] = scene
        return scene


of = _Named


def by(function: Callable[..., Any], now: dt.datetime = NOW, **given: Any) -> Call:
    return functools.partial(function, actor=given.pop("actor", SETUP), now=now, **given)


@of(tenants.create)
def _() -> Call:
    return by(tenants.create, slug="new", name="New")


@of(tenants.change)
def _() -> Call:
    return by(tenants.change, tenant=factories.tenant(), max_level="L0")


@of(tenants.add_environment)
def _() -> Call:
    return by(tenants.add_environment, tenant=factories.tenant(), slug="lab", name="Lab", kind=EnvironmentKind.STAGING)


@of(users.create)
def _() -> Call:
    return by(users.create, username="new", password="a long pass phrase")


@of(memberships.grant)
def _() -> Call:
    return by(memberships.grant, user=factories.user(), tenant=factories.tenant(), role=Role.LEAD)


@of(memberships.revoke)
def _() -> Call:
    factories.user(Role.LEAD, factories.tenant())
    return by(memberships.revoke, membership=Membership.objects.get())


@of(stops.engage)
def _() -> Call:
    return by(stops.engage, tenant=factories.tenant(), reason="a drill")


@of(stops.release)
def _() -> Call:
    tenant = factories.tenant()
    stops.engage(tenant=tenant, reason="a drill", actor=SETUP, now=NOW)
    return by(stops.release, tenant=tenant, reason="over")


@of(tokens.create)
def _() -> Call:
    return by(tokens.create, user=factories.user(), name="new")


@of(tokens.revoke)
def _() -> Call:
    return by(tokens.revoke, token=tokens.create(user=factories.user(), name="new", actor=SETUP, now=NOW)[0])


@of(preferences.choose)
def _() -> Call:
    return by(preferences.choose, user=factories.user(), channel=Channel.NONE)


@of(keys.rotate)
def _() -> Call:
    return by(keys.rotate)


def _dead_letter() -> Any:
    pump.keep("nobody.knows", {}, ValueError("no such task"))
    return deliveries.dead_letters().get().pk


@of(dead_letters.send)
def _() -> Call:
    return by(dead_letters.send, delivery_id=_dead_letter())


@of(dead_letters.send_all)
def _() -> Call:
    _dead_letter()
    return by(dead_letters.send_all)


@of(dead_letters.drop)
def _() -> Call:
    return by(dead_letters.drop, delivery_id=_dead_letter(), reason="nonsense")


@of(dead_letters.drop_all)
def _() -> Call:
    journal.append(stream="s", kind=Kind.ALERT_RECEIVED, actor=SETUP, now=NOW, subject=("alert", "1"))
    entry_id = entries.queryset().get(stream="s").pk
    dead_letters.keep(entry_id=entry_id, handler="done", error="x", now=NOW)
    return by(dead_letters.drop_all, stream="s", handler="done", reason="nothing is left to do")


@of(instances.create)
def _() -> Call:
    return by(instances.create, environment=factories.environment(factories.tenant()), adapter="mock-edr", name="edr")


@of(instances.change)
def _() -> Call:
    return by(instances.change, instance=driven.world().edr, enabled=False)


@of(instances.bind)
def _() -> Call:
    return by(instances.bind, instance=driven.world().edr, capability="edr")


@of(instances.release)
def _() -> Call:
    return by(instances.release, instance=driven.world().edr)


@of(instances.check)
def _() -> Call:
    return by(instances.check, instance=driven.world().edr)


def asked() -> tuple[driven.World, Request]:
    """A write that waits for consent."""
    world = driven.world()
    driven.driven(world.begin(WRITE))
    return world, Request.objects.get()


@of(inventory.take_in)
def _() -> Call:
    return by(inventory.take_in, tenant=factories.tenant(), rows=[{"host": "dc-1"}])


@of(requests.report)
def _() -> Call:
    world, request = asked()
    actor = world.analyst.actor()
    decisions.decide(request_id=request.pk, verdict=Verdict.APPROVE, digest=request.digest, reason="", actor=actor, now=clock.now())
    return by(requests.report, request_id=request.pk, outcome=Outcome.FAILED, receipt=None)


@of(decisions.decide)
def _() -> Call:
    world, request = asked()
    return by(
        decisions.decide, request_id=request.pk, verdict=Verdict.APPROVE, digest=request.digest, reason="", now=clock.now(),
        actor=world.analyst.actor(),
    )  # fmt: skip


@of(frameworks.import_oscal)
def _() -> Call:
    return by(frameworks.import_oscal, tenant=factories.tenant(), content=proved.catalogue(), slug="new")


@of(frameworks.import_csv)
def _() -> Call:
    return by(frameworks.import_csv, tenant=factories.tenant(), content=b"identifier,title\nA-1,One\n", slug="new", name="New")


@of(controls.change)
def _() -> Call:
    return by(controls.change, control=proved.world().control, freshness_days=30)


@of(controls.accept_risk)
def _() -> Call:
    return by(controls.accept_risk, control=proved.world().control, reason="small", valid_until=LATER)


@of(mappings.add)
def _() -> Call:
    world = proved.world()
    return by(mappings.add, control=world.control, playbook=world.playbook)


@of(mappings.end)
def _() -> Call:
    return by(mappings.end, mapping=proved.mapped(proved.world()))


@of(evidence.capture)
def _() -> Call:
    world = proved.world()
    proved.mapped(world)
    return by(evidence.capture, execution_id=proved.execution(world).pk)


def _bundle(world: proved.World, *, filled: bool = True) -> Any:
    bundle = bundles.create(
        tenant=world.tenant, title="x", controls=[world.control], period_from=NOW, period_until=NOW, actor=SETUP, now=NOW
    )
    if filled:
        bundles.attach(bundle=bundle, name="x", content=b"x", media_type="text/plain", actor=SETUP, now=NOW)
    return bundle


def _sealed() -> Any:
    return bundles.seal(bundle_id=_bundle(proved.world()).pk, actor=SETUP, now=NOW)


@of(bundles.create)
def _() -> Call:
    return functools.partial(_bundle, proved.world(), filled=False)


@of(bundles.attach)
def _() -> Call:
    return by(bundles.attach, bundle=_bundle(proved.world()), name="y", content=b"y", media_type="text/plain")


@of(bundles.seal)
def _() -> Call:
    return by(bundles.seal, bundle_id=_bundle(proved.world()).pk)


@of(bundles.supersede)
def _() -> Call:
    return by(bundles.supersede, bundle_id=_sealed().pk, title="corrected")


@of(bundles.export)
def _() -> Call:
    return by(bundles.export, bundle_id=_sealed().pk)


@of(verify.verify)
def _() -> Call:
    return by(verify.verify, bundle=_sealed())


@of(sources.create)
def _() -> Call:
    tenant = factories.tenant()
    return by(sources.create, tenant=tenant, environment=factories.environment(tenant), name="siem")


@of(alerts.ingest)
def _() -> Call:
    tenant = factories.tenant()
    return by(
        alerts.ingest, tenant=tenant, environment=factories.environment(tenant), body=b'{"event": {"id": "1"}}',
        content_type="application/json",
    )  # fmt: skip


def _incident() -> Any:
    tenant = factories.tenant()
    return incidents.declare(tenant=tenant, environment=factories.environment(tenant), title="x", actor=SETUP, now=NOW)


@of(incidents.declare)
def _() -> Call:
    return _incident


@of(incidents.classify)
def _() -> Call:
    return by(incidents.classify, incident_id=_incident().pk, severity="SEV1")


@of(incidents.change_status)
def _() -> Call:
    return by(incidents.change_status, incident_id=_incident().pk, status="mitigated")


@of(incidents.note)
def _() -> Call:
    return by(incidents.note, incident_id=_incident().pk, text="seen")


@of(incidents.assign)
def _() -> Call:
    incident = _incident()
    return by(incidents.assign, incident_id=incident.pk, role="commander", user=factories.user(Role.ANALYST, incident.tenant))


@of(incidents.link)
def _() -> Call:
    incident = _incident()
    return by(incidents.link, incident_id=incident.pk, kind="execution", ref_id=ids.new())
