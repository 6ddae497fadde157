"""Incidents: declared, worked, resolved, over the services and over REST."""

import datetime as dt
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.choices import Role
from accounts.models import Tenant
from audit.choices import Kind
from audit.selectors import entries
from core import ids
from incidents.models import Incident
from incidents.selectors import timeline, times
from incidents.services import incidents
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.incidents.urls")]
NOW = factories.NOW
BY: dict[str, Any] = {"actor": factories.SETUP, "now": NOW}
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def tenant() -> Tenant:
    return factories.tenant()


def declared(tenant: Tenant, **more: Any) -> Incident:
    return incidents.declare(tenant=tenant, environment=factories.environment(tenant), **{"title": "WMI", **BY, **more})


def client(tenant: Tenant, role: Role = Role.ANALYST) -> APIClient:
    found = APIClient()
    found.force_authenticate(factories.user(role, tenant))
    return found


def test_numbers_count_up_in_each_tenant(tenant: Tenant) -> None:
    assert [declared(tenant).number, declared(tenant).number, declared(factories.tenant()).number] == [1, 2, 1]


@pytest.mark.parametrize(
    "wrong", [{"title": " "}, {"title": "x" * 301}, {"severity": "SEV9"}, {"techniques": ["x" * 17]}, {"links": [("alert", "x")]}]
)
def test_wrong_values_are_refused(tenant: Tenant, wrong: dict[str, Any]) -> None:
    with pytest.raises(incidents.WrongValue):
        declared(tenant, **wrong)
    assert not Incident.objects.exists()


def test_its_status_follows_the_transitions_and_keeps_the_times(tenant: Tenant) -> None:
    row = declared(tenant)
    for hours, status in enumerate(("mitigated", "monitoring", "resolved"), 1):
        row = incidents.change_status(incident_id=row.pk, status=status, actor=factories.SETUP, now=NOW + hours * HOUR)
    assert (row.acknowledged_at, row.mitigated_at, row.resolved_at) == (NOW + HOUR, NOW + HOUR, NOW + 3 * HOUR)


def test_reopening_takes_the_end_back(tenant: Tenant) -> None:
    row = declared(tenant)
    incidents.change_status(incident_id=row.pk, status="resolved", **BY)
    row = incidents.change_status(incident_id=row.pk, status="open", **BY)
    assert row.resolved_at is None
    assert entries.of_stream(f"incident:{row.pk}")[-1].data["reopened"] is True


@pytest.mark.parametrize("status", ["monitoring", "open", "nonsense"])
def test_a_wrong_transition_says_where_it_can_go(tenant: Tenant, status: str) -> None:
    with pytest.raises(incidents.WrongTransition) as refused:
        incidents.change_status(incident_id=declared(tenant).pk, status=status, **BY)
    assert "mitigated, resolved" in refused.value.hint


def test_the_journal_keeps_the_digest_of_a_note_and_not_its_text(tenant: Tenant) -> None:
    row = declared(tenant)
    incidents.note(incident_id=row.pk, text="password was hunter2", **BY)
    last = entries.of_stream(f"incident:{row.pk}")[-1]
    assert last.kind == Kind.INCIDENT_NOTED
    assert "hunter2" not in repr(last)


def test_a_role_is_for_members_alone(tenant: Tenant) -> None:
    with pytest.raises(incidents.WrongValue):
        incidents.assign(incident_id=declared(tenant).pk, role="commander", user=factories.user(), **BY)


def test_a_role_is_handed_over(tenant: Tenant) -> None:
    row = declared(tenant)
    for _ in range(2):
        user = factories.user(Role.ANALYST, tenant)
        incidents.assign(incident_id=row.pk, role="commander", user=user, **BY)
    assert [held.user for held in row.roles.all()] == [user]


def test_linking_twice_is_linking_once(tenant: Tenant) -> None:
    row, alert_id = declared(tenant), ids.new()
    for _ in range(2):
        incidents.link(incident_id=row.pk, kind="alert", ref_id=alert_id, **BY)
    assert row.links.count() == 1
    assert [entry.kind for entry in timeline.of(row)] == [Kind.INCIDENT_DECLARED, Kind.INCIDENT_LINKED]


def test_the_timeline_has_what_happened_to_linked_incidents_executions(tenant: Tenant) -> None:
    row, other = declared(tenant), declared(tenant)
    alert_id = ids.new()
    incidents.link(incident_id=other.pk, kind="alert", ref_id=alert_id, **BY)
    incidents.link(incident_id=row.pk, kind="alert", ref_id=alert_id, **BY)
    assert f"incident:{other.pk}" in [entry.stream for entry in timeline.of(row)]


def test_mean_times_come_from_the_key_times(tenant: Tenant) -> None:
    row = declared(tenant, occurred_at=NOW - 2 * HOUR)
    incidents.change_status(incident_id=row.pk, status="resolved", actor=factories.SETUP, now=NOW + HOUR)
    declared(tenant)
    found = times.means(Incident.objects.filter(tenant=tenant))
    assert found == times.Times(mttd=7200.0, mtta=3600.0, mttm=3600.0, mttr=3600.0)


def test_an_incident_is_worked_over_rest(tenant: Tenant) -> None:
    api = client(tenant)
    made = api.post("/api/v1/incidents", {"title": "LSASS", "severity": "SEV2"}, format="json")
    address = f"/api/v1/incidents/{made.json()['id']}"
    user = factories.user(Role.ANALYST, tenant)
    answers = [
        api.post(f"{address}/status", {"status": "mitigated"}, format="json"),
        api.post(f"{address}/notes", {"text": "seen"}, format="json"),
        api.post(f"{address}/roles", {"role": "scribe", "user": user.username}, format="json"),
        api.post(f"{address}/links", {"kind": "alert", "id": str(ids.new())}, format="json"),
        api.patch(address, {"category": "malware"}, format="json"),
        api.get(f"{address}/timeline"),
    ]
    assert [made.status_code, *(answer.status_code for answer in answers)] == [201, 200, 201, 200, 201, 200, 200]
    assert len(answers[-1].json()["results"]) == 6
    assert api.get(address).json()["category"] == "malware"


def test_another_tenants_incident_is_not_there(tenant: Tenant) -> None:
    row = declared(factories.tenant())
    assert client(tenant).post(f"/api/v1/incidents/{row.pk}/notes", {"text": "x"}, format="json").status_code == 404


def test_a_viewer_may_not_declare(tenant: Tenant) -> None:
    assert client(tenant, Role.VIEWER).post("/api/v1/incidents", {"title": "x"}, format="json").status_code == 403


def test_a_wrong_transition_is_a_conflict(tenant: Tenant) -> None:
    address = f"/api/v1/incidents/{declared(tenant).pk}/status"
    assert client(tenant).post(address, {"status": "monitoring"}, format="json").status_code == 409


def test_the_list_asks_no_more_as_it_grows(tenant: Tenant, django_assert_max_num_queries: Any) -> None:
    for _ in range(12):
        declared(tenant)
    api = client(tenant)
    with django_assert_max_num_queries(8):
        assert len(api.get("/api/v1/incidents").json()["results"]) == 12
