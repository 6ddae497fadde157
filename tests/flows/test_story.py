"""The whole story over REST: alert, playbook, approval by two people, isolation, evidence."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.choices import Role
from accounts.models import Tenant
from adapters import instances, registry
from adapters.models import MockCall
from audit.selectors import entries
from audit.services import verify
from playbooks_app.models import Execution
from playbooks_app.services import playbooks
from tests import factories
from tests.factories import NOW, SETUP

pytestmark = pytest.mark.django_db(transaction=True)

ALERT = {
    "@timestamp": "2026-03-04T05:06:07Z",
    "event": {"id": "wmi-1", "severity": 73},
    "rule": {"name": "WMI remote execution", "ruleset": "sigma"},
    "host": {"name": "ws-7"},
    "user": {"name": "a.keller"},
    "process": {"pid": 4120},
    "threat": {"technique": [{"id": "T1047"}]},
    "x-detectforge": {"confidence": 0.8, "rule_format": "sigma"},
}


@pytest.fixture
def tenant() -> Tenant:
    row = factories.tenant("acme", max_level="L2", l2_enabled=True)
    for name in sorted(registry.adapters()):
        if name != "webhook":
            instances.create(environment=factories.environment(row), adapter=name, name=name, actor=SETUP, now=NOW)
    author = factories.user(Role.LEAD, row, username="author")
    reviewer = factories.user(Role.LEAD, row, username="reviewer")
    for version in playbooks.load_library(tenant=row, actor=author.actor(), now=NOW):
        playbooks.activate(version=version, actor=reviewer.actor(), now=NOW)
    return row


class Caller:
    """A REST client with somebody's token."""

    def __init__(self, tenant: Tenant, role: Role, username: str) -> None:
        self.user = factories.user(role, tenant, username=username)
        self.headers = {"Authorization": f"Token {factories.token(self.user)}"}
        self.client = Client()

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1/{path}", headers=self.headers)

    def send(self, method: str, path: str, body: Any) -> Any:
        return getattr(self.client, method)(f"/api/v1/{path}", body, content_type="application/json", headers=self.headers)

    def post(self, path: str, body: Any) -> Any:
        return self.send("post", path, body)

    def pending(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("approvals?status=pending").json()["results"]
        return found

    def decide(self, verdict: str, item: dict[str, Any], **more: Any) -> Any:
        return self.post(f"approvals/{item['id']}/{verdict}", {"digest": item["digest"], **more})


@pytest.fixture
def analyst(tenant: Tenant) -> Caller:
    return Caller(tenant, Role.ANALYST, "analyst")


@pytest.fixture
def lead(tenant: Tenant) -> Caller:
    return Caller(tenant, Role.LEAD, "lead")


def steps(caller: Caller, execution: str) -> dict[str, str]:
    return {step["id"]: step["status"] for step in caller.get(f"executions/{execution}").json()["steps"]}


def started(caller: Caller, alert: dict[str, Any] = ALERT) -> str:
    answer = caller.post("alerts", alert)
    assert answer.status_code == 202, answer.content
    (execution,) = caller.get(f"alerts/{answer.json()['id']}").json()["executions"]
    return str(execution["id"])


def writes() -> list[str]:
    return list(MockCall.objects.order_by("id").values_list("action", flat=True))


def test_an_alert_reads_by_itself_and_asks_before_it_isolates(analyst: Caller) -> None:
    execution = started(analyst)
    assert steps(analyst, execution) == {
        "tree": "completed", "details": "completed", "verdict": "completed", "isolate": "awaiting_approval", "notify": "not_started",
    }  # fmt: skip
    assert writes() == []


def test_two_people_approve_and_it_runs_to_its_end(analyst: Caller, lead: Caller) -> None:
    execution = started(analyst)
    (item,) = analyst.pending()
    assert analyst.decide("approve", item).json()["status"] == "pending"
    assert lead.decide("approve", item).status_code == 200
    assert set(steps(analyst, execution).values()) == {"completed"}
    assert writes() == ["edr.isolate_host", "notify.send_slack_message"]
    assert lead.get(f"approvals/{item['id']}").json()["status"] == "executed"
    assert lead.get(f"approvals/{item['id']}").json()["receipt"]["call"]


def test_one_person_does_not_count_twice(analyst: Caller) -> None:
    started(analyst)
    (item,) = analyst.pending()
    analyst.decide("approve", item)
    assert analyst.decide("approve", item).status_code == 403
    assert writes() == []


def test_a_rejection_with_a_reason_halts_it(analyst: Caller, lead: Caller) -> None:
    execution = started(analyst)
    (item,) = analyst.pending()
    assert lead.decide("reject", item).status_code == 400
    assert lead.decide("reject", item, reason="A scheduled task.").status_code == 200
    assert Execution.objects.get(pk=execution).status == "failed"
    assert writes() == []


def test_a_stale_digest_approves_nothing(analyst: Caller) -> None:
    started(analyst)
    (item,) = analyst.pending()
    assert analyst.decide("approve", {**item, "digest": "0" * 64}).status_code == 409


def test_a_viewer_may_look_and_not_decide(tenant: Tenant, analyst: Caller) -> None:
    started(analyst)
    viewer = Caller(tenant, Role.VIEWER, "viewer")
    (item,) = viewer.pending()
    assert viewer.decide("approve", item).status_code == 403


def test_another_tenant_sees_nothing(analyst: Caller) -> None:
    execution = started(analyst)
    stranger = Caller(factories.tenant("other"), Role.ADMINISTRATOR, "stranger")
    assert stranger.pending() == []
    assert stranger.get(f"executions/{execution}").status_code == 404
    assert stranger.get("executions").json()["results"] == []


def test_the_same_alert_twice_is_one(analyst: Caller) -> None:
    first = analyst.post("alerts", ALERT).json()
    second = analyst.post("alerts", ALERT).json()
    assert (second["id"], second["duplicate"]) == (first["id"], True)
    assert Execution.objects.count() == 1


def test_an_alert_that_nothing_answers_says_why(analyst: Caller) -> None:
    alert = {**ALERT, "threat": {"technique": [{"id": "T1595"}]}, "event": {"id": "other"}}
    answer = analyst.post("alerts", alert).json()
    decisions = analyst.get(f"alerts/{answer['id']}").json()["decisions"]
    assert {item["matched"] for item in decisions} == {False}
    assert all("T1595" in item["why"] for item in decisions)


def test_a_finished_execution_can_be_rolled_back(analyst: Caller, lead: Caller) -> None:
    execution = started(analyst)
    (item,) = analyst.pending()
    analyst.decide("approve", item)
    lead.decide("approve", item)
    assert lead.post(f"executions/{execution}/rollback", {"reason": "false alarm"}).status_code == 200
    assert Execution.objects.get(pk=execution).status == "rolled_back"
    assert writes()[-1] == "edr.unisolate_host"
    assert steps(lead, execution)["isolate"] == "rolled_back"


def test_a_cancelled_execution_withdraws_what_it_asked(analyst: Caller) -> None:
    execution = started(analyst)
    analyst.send("patch", f"executions/{execution}", {"status": "cancelled", "reason": "not needed"})
    assert Execution.objects.get(pk=execution).status == "cancelled"
    assert analyst.pending() == []


def test_a_paused_execution_goes_on_where_it_stood(analyst: Caller) -> None:
    execution = started(analyst)
    analyst.send("patch", f"executions/{execution}", {"status": "paused"})
    assert Execution.objects.get(pk=execution).status == "paused"
    analyst.send("patch", f"executions/{execution}", {"status": "active"})
    assert Execution.objects.get(pk=execution).status == "awaiting_approval"


def test_a_level_two_playbook_rehearses_and_queues(analyst: Caller) -> None:
    alert = {**ALERT, "event": {"id": "c2"}, "threat": {"technique": [{"id": "T1071.001"}]}, "destination": {"ip": "203.0.113.9"}}
    execution = started(analyst, alert)
    assert Execution.objects.get(pk=execution).status == "completed"
    assert steps(analyst, execution)["block"] == "simulated"
    assert writes() == ["notify.send_slack_message"]
    item = next(item for item in analyst.pending() if item["step"] == "block")
    assert item["simulated"]
    analyst.decide("approve", item)
    assert steps(analyst, execution)["block"] == "completed"
    assert writes()[-1] == "firewall.block_ip"


def test_a_level_zero_playbook_lets_people_act(analyst: Caller) -> None:
    alert = {**ALERT, "event": {"id": "lsass"}, "threat": {"technique": [{"id": "T1003.001"}]}}
    execution = started(analyst, alert)
    assert steps(analyst, execution)["tree"] == "awaiting_input"
    analyst.send("patch", f"executions/{execution}/steps/tree", {"status": "completed", "output": {"seen": "mimikatz"}})
    analyst.send("patch", f"executions/{execution}/steps/malicious", {"decision": "benign"})
    found = steps(analyst, execution)
    assert (found["isolate"], found["reset"], found["close"]) == ("skipped", "skipped", "awaiting_input")
    analyst.send("patch", f"executions/{execution}/steps/close", {"status": "completed"})
    assert Execution.objects.get(pk=execution).status == "completed"
    assert writes() == []


def test_the_timeline_has_no_gaps_and_the_trail_verifies(analyst: Caller, lead: Caller) -> None:
    execution = started(analyst)
    (item,) = analyst.pending()
    analyst.decide("approve", item)
    lead.decide("approve", item)
    numbers = [event["seq"] for event in lead.get(f"executions/{execution}/timeline").json()["results"]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert verify.run().ok


def test_the_alert_s_content_never_reaches_the_journal(analyst: Caller) -> None:
    started(analyst, {**ALERT, "process": {"pid": 1, "command_line": "net use /user:x hunter2"}})
    assert not any("hunter2" in str(entry.data) for entry in entries.iterate(entries.queryset()))


def test_every_recorded_alert_is_accepted_and_decided(analyst: Caller, shared_data: Path) -> None:
    lines = (shared_data / "alerts" / "sigma-ecs.ndjson").read_bytes()
    answer = analyst.client.post("/api/v1/alerts", lines, content_type="application/x-ndjson", headers=analyst.headers)
    results = answer.json()["results"]
    assert (answer.status_code, len(results)) == (202, 60)
    assert all(result["decisions"] for result in results)


def test_one_bad_item_never_loses_the_others(analyst: Caller) -> None:
    body = b'{"event": {"id": "a"}}\nnot json\n{"event": {"id": "b"}}'
    answer = analyst.client.post("/api/v1/alerts", body, content_type="application/x-ndjson", headers=analyst.headers)
    results = answer.json()["results"]
    assert answer.status_code == 207
    assert ["error" in result for result in results] == [False, True, False]
