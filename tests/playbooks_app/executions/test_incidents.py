"""`incident.declare`: a playbook declares the incident that it belongs to."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection

from accounts.services import stops
from adapters.models import AdapterInstance
from audit.choices import Kind
from audit.selectors import entries
from core import clock
from incidents.models import Alert, Incident
from incidents.services import alerts, incidents
from playbooks_app.models import Execution, Playbook, StepRun
from playbooks_app.services import leases, linking
from tests import factories
from tests.playbooks_app.executions import worlds
from tests.playbooks_app.executions.worlds import World, driven, step

pytestmark = pytest.mark.django_db(transaction=True)
DECLARE = {"id": "declare", "action": "incident.declare", "with": {"title": "WMI on {{ alert.host.name }}", "severity": "SEV2"}}
ALERT = b"""{"@timestamp": "2026-03-04T05:00:00Z", "event": {"id": "i"}, "rule": {"name": "WMI"}, "host": {"name": "ws-7"},
  "threat": {"technique": [{"id": "T1047"}]}}"""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(connection, "_allow_calls_in_tests", True, raising=False)
    return worlds.world()


def alert(world: World) -> Alert:
    return alerts.ingest(
        tenant=world.tenant, environment=world.environment, body=ALERT, actor=factories.SETUP, now=factories.NOW
    ).accepted[0].alert  # fmt: skip


def on_alert(world: World, *steps: dict[str, Any], **more: Any) -> Execution:
    """A playbook of these steps on an alert, driven until it waits or ends."""
    return driven(world.begin(*steps, alert=alert(world), **more))


def test_it_declares_by_itself_what_the_alert_is_about(world: World) -> None:
    execution = on_alert(world, DECLARE)
    row = Incident.objects.get()
    assert (row.title, row.severity, row.techniques, row.declared_by) == ("WMI on ws-7", "SEV2", ["T1047"], "playbook p")
    assert step(execution, "declare").output == {"id": str(row.pk), "number": 1, "title": "WMI on ws-7", "severity": "SEV2"}


def test_its_times_are_those_of_the_alert(world: World) -> None:
    on_alert(world, DECLARE)
    row = Incident.objects.get()
    assert (row.occurred_at, row.detected_at) == (dt.datetime(2026, 3, 4, 5, tzinfo=dt.UTC), factories.NOW)


def test_incident_execution_and_alert_are_linked(world: World) -> None:
    execution = on_alert(world, DECLARE)
    row = Incident.objects.get()
    assert set(row.links.values_list("kind", "ref_id")) == {("execution", str(execution.pk)), ("alert", str(execution.alert_id))}
    execution.refresh_from_db()
    assert execution.incident_id == row.pk


def test_the_execution_s_stream_says_so_and_the_incident_s_too(world: World) -> None:
    execution = on_alert(world, DECLARE)
    assert Kind.EXECUTION_LINKED in [entry.kind for entry in entries.of_stream(f"execution:{execution.pk}")]
    declared = entries.of_stream(f"incident:{Incident.objects.get().pk}")[0]
    assert (declared.kind, declared.ref("execution")) == (Kind.INCIDENT_DECLARED, str(execution.pk))


def test_what_is_asked_afterwards_names_the_incident(world: World) -> None:
    on_alert(world, DECLARE, {**worlds.WRITE, "needs": ["declare"]})
    declared = Incident.objects.get()
    assert worlds.Request.objects.get().labels["incident"] == str(declared.pk)


def test_what_is_asked_names_an_incident_that_was_linked_between_reading_and_taking(
    world: World, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.TASK_BACKEND = "core.tasks.drop"
    execution, acquire = world.begin(worlds.WRITE), leases.acquire
    by: dict[str, Any] = {"actor": factories.SETUP, "now": clock.now()}
    declared = incidents.declare(tenant=world.tenant, environment=world.environment, title="Theirs", **by)

    def linked_first(*given: Any, **named: Any) -> leases.Lease | None:
        monkeypatch.setattr(leases, "acquire", acquire)
        linking.link(execution_id=execution.pk, incident_id=declared.pk, **by)
        return acquire(*given, **named)

    monkeypatch.setattr(leases, "acquire", linked_first)
    driven(execution)
    assert worlds.Request.objects.get().labels["incident"] == str(declared.pk)


def test_a_worker_that_died_after_declaring_declares_no_second(world: World) -> None:
    execution = driven(world.begin(DECLARE | {"with": {"title": "Once"}}))
    StepRun.objects.filter(execution=execution).update(status="in_progress", output=None, completed_at=None)
    Execution.objects.filter(pk=execution.pk).update(status="executing")
    driven(execution)
    assert step(execution, "declare").output["number"] == 1
    assert Incident.objects.count() == 1


def test_each_iteration_declares_its_own(world: World) -> None:
    each = {"for_each": ["a", "b"], "as": "name", "with": {"title": "On {{ name }}"}}
    driven(world.begin(DECLARE | each))
    assert set(Incident.objects.values_list("title", flat=True)) == {"On a", "On b"}


def test_a_drill_rehearses_and_declares_nothing(world: World) -> None:
    execution = on_alert(world, DECLARE, drill=True)
    run = step(execution, "declare")
    assert (run.mode, run.output) == ("simulated", {"id": None, "number": None, "title": "WMI on ws-7", "severity": "SEV2"})
    assert not Incident.objects.exists()


def test_it_waits_for_the_end_of_an_emergency_stop(world: World) -> None:
    stops.engage(tenant=world.tenant, reason="fire", actor=factories.SETUP, now=factories.NOW)
    driven(world.begin(DECLARE | {"with": {"title": "Later"}}))
    assert not Incident.objects.exists()


@pytest.mark.parametrize("wrong", [{"title": ""}, {"title": "x", "severity": "SEV9"}, {"title": "x", "category": "x" * 65}])
def test_what_is_no_declaration_fails_the_step(world: World, wrong: dict[str, Any]) -> None:
    execution = driven(world.begin(DECLARE | {"with": wrong}))
    assert step(execution, "declare").error["code"] == "invalid_request"
    assert not Incident.objects.exists()


def test_a_title_that_is_too_long_is_cut(world: World) -> None:
    driven(world.begin(DECLARE | {"with": {"title": "x" * 400}}))
    assert Incident.objects.get().title == "x" * 299 + "…"


def test_nobody_has_to_add_its_adapter(world: World) -> None:
    driven(world.begin(DECLARE | {"with": {"title": "One"}}))
    assert AdapterInstance.objects.get(adapter="incidents").bindings.get().capability == "incident"


def test_an_administrator_who_disables_it_is_obeyed(world: World) -> None:
    driven(world.begin(DECLARE | {"with": {"title": "One"}}))
    AdapterInstance.objects.filter(adapter="incidents").update(enabled=False)
    Playbook.objects.update(slug="old")
    execution = driven(world.begin(DECLARE | {"with": {"title": "Two"}}))
    assert step(execution, "declare").error["code"] == "no_instance"
    assert Incident.objects.count() == 1
