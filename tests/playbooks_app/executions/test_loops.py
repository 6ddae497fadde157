"""Steps that run for each item of a list."""

from adapters.models import AdapterInstance, MockCall
from approvals.choices import Verdict
from approvals.models import Request
from core import clock
from playbooks_app.services import executions
from tests.playbooks_app.executions.worlds import BACK, driven, step, writes

EACH = {"for_each": ["h1", "h2", "h3"], "as": "host", "with": {"host": "{{ host }}"}}
READS = {"id": "look", "action": "edr.get_isolation_status", **EACH}
WRITES = {"id": "isolate", "action": "edr.isolate_host", **EACH, "rollback": {**BACK, "with": {"host": "{{ host }}"}}}


def targets():
    return list(MockCall.objects.order_by("id").values_list("target", flat=True))


def test_a_read_runs_for_each_item(world):
    execution = driven(world.begin(READS))
    assert execution.status == "completed"
    assert [item["host"] for item in step(execution, "look").output] == ["h1", "h2", "h3"]


def test_each_iteration_is_a_step_run_of_its_own(world):
    execution = driven(world.begin(READS))
    assert step(execution, "look[2]").item == "h3"
    assert len(set(execution.steps.exclude(idempotency_key="").values_list("idempotency_key", flat=True))) == 3


def test_no_items_complete_the_step(world):
    execution = driven(world.begin({**READS, "for_each": []}))
    assert (execution.status, step(execution, "look").output) == ("completed", [])


def test_what_is_no_list_fails_the_step(world):
    execution = driven(world.begin({**READS, "for_each": "{{ inputs.hosts }}"}, inputs={"hosts": {"default": "h1"}}))
    assert execution.status == "failed"
    assert "no list" in step(execution, "look").error["message"]


def test_a_write_asks_once_with_every_target(world):
    execution = driven(world.begin(WRITES))
    request = Request.objects.get()
    assert execution.status == "awaiting_approval"
    assert request.document["shown"]["impact"]["targets"] == ["h1", "h2", "h3"]
    assert request.document["call"]["params"] == [{"host": "h1"}, {"host": "h2"}, {"host": "h3"}]


def test_one_consent_covers_every_target_once(world):
    execution = driven(world.begin(WRITES))
    world.decide()
    assert driven(execution).status == "completed"
    assert targets() == ["h1", "h2", "h3"]
    request = Request.objects.get()
    assert (request.status, request.receipt["calls"]) == ("executed", 3)


def test_a_rejection_calls_none(world):
    execution = driven(world.begin(WRITES))
    world.decide(Verdict.REJECT)
    assert driven(execution).status == "failed"
    assert step(execution, "isolate[0]").status == "cancelled"
    assert writes() == []


def test_every_item_is_undone(world):
    execution = driven(world.begin(WRITES))
    world.decide()
    driven(execution)
    executions.rollback(execution_id=execution.pk, reason="wrong", actor=world.analyst.actor(), now=clock.now())
    assert driven(execution).status == "rolled_back"
    assert targets() == ["h1", "h2", "h3", "h3", "h2", "h1"]


def test_a_failing_item_halts_the_others(world):
    world.script("edr.get_isolation_status", "auth", remaining=1)
    execution = driven(world.begin({**READS, "max_parallel": 1}))
    assert execution.status == "failed"
    assert [step(execution, f"look[{number}]").status for number in range(3)] == ["failed", "cancelled", "cancelled"]


def test_a_failing_item_does_not_end_a_run_that_continues(world):
    world.script("edr.get_isolation_status", "auth", remaining=1)
    execution = driven(world.begin({**READS, "on_error": "continue"}))
    assert execution.status == "completed"
    assert step(execution, "look").status == "failed"
    assert [item is None for item in step(execution, "look").output] == [True, False, False]


def test_at_l2_all_are_rehearsed_and_queued_as_one(world):
    execution = driven(world.begin(WRITES, level="L2"))
    assert execution.status == "completed"
    assert Request.objects.get().simulated
    world.decide()
    driven(execution)
    assert targets() == ["h1", "h2", "h3"]
    assert step(execution, "isolate").status == "completed"


def test_a_changed_instance_is_asked_about_anew_for_all(world):
    execution = driven(world.begin(WRITES))
    world.decide()
    AdapterInstance.objects.filter(pk=world.edr.pk).update(name="another-edr")
    assert driven(execution).status == "awaiting_approval"
    assert writes() == []
    world.decide()
    assert driven(execution).status == "completed"
    assert targets() == ["h1", "h2", "h3"]


def test_at_l0_a_person_does_it_for_all(world):
    execution = driven(world.begin(WRITES, level="L0"))
    assert execution.status == "awaiting_input"
    assert step(execution, "isolate").params == [{"host": "h1"}, {"host": "h2"}, {"host": "h3"}]


def test_a_drill_rehearses_all_and_queues_nothing(world):
    assert driven(world.begin(WRITES, drill=True)).status == "completed"
    assert not Request.objects.exists()
