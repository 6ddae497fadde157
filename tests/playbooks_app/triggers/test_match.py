"""Which playbooks an alert starts, and the reason that is kept of each that it does not."""

import json
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.choices import Role
from accounts.models import Tenant
from audit import journal
from audit.choices import Kind
from audit.selectors import entries
from audit.services import verify
from core import writes
from incidents.models import Alert
from incidents.services import alerts
from playbooks_app.models import Execution, Playbook, PlaybookVersion, TriggerDecision
from playbooks_app.services import playbooks, triggers
from tests import factories
from tests.factories import NOW, SETUP

pytestmark = pytest.mark.django_db

LOOK = "steps: [{id: look, action: edr.get_isolation_status, with: {host: h1}}]"


@pytest.fixture
def tenant(settings: Any) -> Tenant:
    settings.TASK_BACKEND = "core.tasks.drop"
    return factories.tenant()


def playbook(tenant: Tenant, slug: str, triggers_: str = "", *, active: bool = True) -> Playbook:
    """A playbook of this tenant with one reading step."""
    lines = ["apiVersion: runbookpilot/v1", f"metadata: {{id: {slug}, name: {slug}, version: 1.0.0}}", "level: L1", LOOK, triggers_]
    author, reviewer = factories.user(Role.LEAD, tenant), factories.user(Role.LEAD, tenant)
    version = playbooks.import_version(tenant=tenant, source="\n".join(lines), actor=author.actor(), now=NOW)
    if active:
        version = playbooks.submit(version=version, actor=author.actor(), now=NOW)
        playbooks.activate(version=version, actor=reviewer.actor(), now=NOW)
    return Playbook.objects.get(tenant=tenant, slug=slug)


def matched(tenant: Tenant, technique: str = "T1047", **more: Any) -> list[TriggerDecision]:
    """What is decided about an alert with this technique."""
    body = {"event": {"id": "1", "severity": 73}, "host": {"name": "h1"}, "threat": {"technique": [{"id": technique}]}, **more}
    return triggers.match(alert_id=taken_in(tenant, body).pk, now=NOW)


def taken_in(tenant: Tenant, body: dict[str, Any]) -> Alert:
    """The one alert that has come."""
    alerts.ingest(
        tenant=tenant, environment=factories.environment(tenant), body=json.dumps(body).encode(), content_type="application/json",
        actor=SETUP, now=NOW,
    )  # fmt: skip
    return Alert.objects.get()


def only(decisions: list[TriggerDecision]) -> TriggerDecision:
    (decision,) = decisions
    return decision


def test_a_technique_starts_the_playbook_that_answers_it(tenant: Tenant) -> None:
    playbook(tenant, "a", "triggers: [{source: any, technique: T1047}]")
    assert only(matched(tenant)).matched
    assert Execution.objects.get().alert == Alert.objects.get()


def test_a_sub_technique_starts_the_playbook_of_its_technique(tenant: Tenant) -> None:
    playbook(tenant, "a", "triggers: [{source: any, technique: T1071}]")
    assert only(matched(tenant, "T1071.001")).matched


def test_another_technique_is_named_in_the_reason(tenant: Tenant) -> None:
    playbook(tenant, "a", "triggers: [{source: any, technique: T1003}]")
    decision = only(matched(tenant))
    assert (decision.matched, "T1003" in decision.why and "T1047" in decision.why) == (False, True)


def test_a_condition_that_holds_starts_and_keeps_what_it_read(tenant: Tenant) -> None:
    playbook(tenant, "a", """triggers: [{source: any, when: "alert.host.name == 'h1'"}]""")
    decision = only(matched(tenant))
    assert (decision.matched, "h1" in str(decision.reads)) == (True, True)


def test_a_condition_that_does_not_hold_starts_nothing(tenant: Tenant) -> None:
    playbook(tenant, "a", """triggers: [{source: any, when: "alert.host.name == 'h2'"}]""")
    decision = only(matched(tenant))
    assert (decision.matched, decision.why) == (False, "Its condition does not hold.")


def test_the_second_trigger_may_fit_where_the_first_does_not(tenant: Tenant) -> None:
    playbook(tenant, "a", "triggers: [{source: any, technique: T1003}, {source: any, technique: T1047}]")
    assert only(matched(tenant)).matched


def test_a_playbook_without_an_active_version_says_so(tenant: Tenant) -> None:
    playbook(tenant, "a", "triggers: [{source: any}]", active=False)
    assert only(matched(tenant)).why == "It has no active version."


def test_a_playbook_that_is_switched_off_is_not_considered(tenant: Tenant) -> None:
    row = playbook(tenant, "a", "triggers: [{source: any}]")
    Playbook.objects.filter(pk=row.pk).update(enabled=False)
    assert only(matched(tenant)).why == "There is no playbook to consider."


def test_a_mapped_technique_starts_a_playbook_without_triggers(tenant: Tenant) -> None:
    row = playbook(tenant, "a")
    playbooks.map_technique(tenant=tenant, technique="T1047", playbook=row, actor=SETUP, now=NOW)
    assert only(matched(tenant)).why == "The technique T1047 is mapped to it."


def test_the_default_starts_where_nothing_else_matched(tenant: Tenant) -> None:
    row = playbook(tenant, "a")
    playbooks.map_technique(tenant=tenant, technique="", playbook=row, actor=SETUP, now=NOW)
    assert Execution.objects.count() == 0
    assert [decision.matched for decision in matched(tenant)][-1]
    assert TriggerDecision.objects.get().why == "Nothing else matched, and it is the tenant's default."


def test_the_default_stays_out_where_another_matched(tenant: Tenant) -> None:
    row = playbook(tenant, "a")
    playbook(tenant, "b", "triggers: [{source: any, technique: T1047}]")
    playbooks.map_technique(tenant=tenant, technique="", playbook=row, actor=SETUP, now=NOW)
    assert [decision.matched for decision in matched(tenant)] == [False, True]


def test_an_alert_is_decided_once(tenant: Tenant) -> None:
    playbook(tenant, "a", "triggers: [{source: any}]")
    first = matched(tenant)
    again = triggers.match(alert_id=Alert.objects.get().pk, now=NOW)
    assert [row.pk for row in again] == [row.pk for row in first]
    assert Execution.objects.count() == 1


@pytest.mark.parametrize(("technique", "started"), [("T1047", 1), ("T1566", 0)])
def test_who_is_second_finds_what_was_decided_meanwhile(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, technique: str, started: int
) -> None:
    playbook(tenant, "a", "triggers: [{source: any, technique: T1047}]")
    real, first = triggers._verdicts, []

    def slow(alert: Alert) -> list[triggers.Verdict]:
        found = real(alert)
        if not first:
            first.append(True)
            first.extend(triggers.match(alert_id=alert.pk, now=NOW))
        return found

    monkeypatch.setattr(triggers, "_verdicts", slow)
    second = matched(tenant, technique)
    assert [row.pk for row in second] == [row.pk for row in first[1:]]
    assert (TriggerDecision.objects.count(), Execution.objects.count()) == (1, started)
    assert kinds(Alert.objects.get()).count("alert:decided") == 1


def test_a_playbook_that_was_disabled_meanwhile_starts_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    row = playbook(tenant, "a", "triggers: [{source: any, technique: T1047}]")
    real = triggers._verdicts

    def slow(alert: Alert) -> list[triggers.Verdict]:
        found = real(alert)
        Playbook.objects.filter(pk=row.pk).update(enabled=False)
        return found

    monkeypatch.setattr(triggers, "_verdicts", slow)
    assert only(matched(tenant)).why == "There is no playbook to consider."
    assert not Execution.objects.exists()


def test_what_is_noted_of_an_alert_meanwhile_is_no_hindrance(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    real = triggers._verdicts

    def noting(alert: Alert) -> list[triggers.Verdict]:
        with transaction.atomic():
            journal.append(stream=f"alert:{alert.pk}", kind=Kind.ALERT_RECEIVED, actor=SETUP, now=NOW, subject=("alert", alert.pk))
        return real(alert)

    monkeypatch.setattr(triggers, "_verdicts", noting)
    assert not only(matched(tenant)).matched
    assert kinds(Alert.objects.get())[-2:] == ["alert:received", "alert:decided"]
    assert not verify.run().problems


def test_an_alert_that_starts_nothing_costs_few_statements(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    written, real = [], writes.write
    playbook(tenant, "a", "triggers: [{source: any, technique: T1566}]")
    alert = taken_in(tenant, {"event": {"id": "1"}, "host": {"name": "h1"}})
    monkeypatch.setattr(writes, "write", lambda *args, **how: (written.append(1), real(*args, **how))[1])
    with CaptureQueriesContext(connection) as queries:
        triggers.match(alert_id=alert.pk, now=NOW)
    assert len(written) == 1
    if connection.vendor == "postgresql":
        # The alert, the playbooks, what is mapped; then all of it at once.
        assert len(queries) == 3


def kinds(alert: Alert) -> list[str]:
    """What was noted of an alert, in order."""
    return [entry.kind for entry in entries.of_stream(f"alert:{alert.pk}")]


def test_two_playbooks_may_answer_one_alert(tenant: Tenant) -> None:
    for slug in "ab":
        playbook(tenant, slug, "triggers: [{source: any}]")
    matched(tenant)
    assert Execution.objects.count() == 2


def test_terms_cap_the_level_and_make_a_drill(tenant: Tenant) -> None:
    playbook(tenant, "a", "triggers: [{source: any}]")
    body = b'{"event": {"id": "1"}, "host": {"name": "h1"}}'
    place = {"tenant": tenant, "environment": factories.environment(tenant)}
    alerts.ingest(**place, body=body, content_type="application/json", actor=SETUP, now=NOW)
    triggers.match(alert_id=Alert.objects.get().pk, now=NOW, terms=triggers.Terms(level="L0", drill=True))
    execution = Execution.objects.get()
    assert (execution.level, execution.drill) == ("L0", True)


def test_a_playbook_that_cannot_be_read_keeps_no_other_from_being_started(tenant: Tenant) -> None:
    any_alert = "triggers: [{source: any}]"
    broken, _ = playbook(tenant, "broken", any_alert), playbook(tenant, "good", any_alert)
    PlaybookVersion.objects.filter(pk=broken.active_version_id).update(document={"no": "playbook"}, digest="x")
    found = {decision.playbook.slug: decision for decision in matched(tenant) if decision.playbook}
    assert (found["good"].matched, found["broken"].matched) == (True, False)
    assert found["good"].execution is not None
