"""Waiting for a time or a condition, child executions, and pausing."""

import datetime as dt

import pytest
import time_machine

from core import clock
from core.errors import Conflict
from playbooks_app.models import Execution, Playbook, PlaybookVersion
from playbooks_app.services import closing, executions
from playbooks_app.spec import loader
from playbooks_app.tasks import sweep_executions
from tests.playbooks_app.executions.worlds import READ, WRITE, driven, step, writes

PAUSE = {"id": "pause", "kind": "wait", "duration": "10m"}
CHILD = {"id": "sub", "kind": "playbook", "playbook": "child", "with": {"host": "h9"}}


@pytest.fixture
def child(world):
    """A playbook that the tests run as a child: it reads a host that it is given."""
    document = {
        "apiVersion": "runbookpilot/v1", "metadata": {"id": "child", "name": "Child", "version": "1.0.0"}, "level": "L1",
        "inputs": {"host": {}}, "outputs": {"host": "{{ inputs.host }}"},
        "steps": [{**READ, "with": {"host": "{{ inputs.host }}"}}],
    }  # fmt: skip
    playbook = Playbook.objects.create(tenant=world.tenant, slug="child", name="Child")
    version = PlaybookVersion.objects.create(
        tenant=world.tenant, playbook=playbook, number="1.0.0", source="", document=document,
        digest=loader.digest_of(document), level="L1", status="active",
    )  # fmt: skip
    playbook.active_version = version
    playbook.save()
    return playbook


def test_a_wait_holds_no_worker(world):
    execution = driven(world.begin(PAUSE, READ))
    assert (execution.status, execution.lease_owner) == ("waiting", "")
    assert execution.wake_at - execution.started_at >= dt.timedelta(minutes=10)


def test_a_wait_ends_when_its_time_has_come(world):
    execution = driven(world.begin(PAUSE, READ))
    with time_machine.travel(clock.now() + dt.timedelta(minutes=11), tick=False):
        assert driven(execution).status == "completed"


def test_a_wait_ends_when_its_condition_holds(world):
    manual = {"id": "m", "kind": "manual", "instructions": "x", "needs": []}
    until = {"id": "w", "kind": "wait", "until": "steps.m.status == 'completed'", "needs": []}
    execution = driven(world.begin(manual, until))
    assert execution.status == "awaiting_input"
    executions.update_step(
        execution_id=execution.pk, step_id="m", status="completed", actor=world.analyst.actor(), now=clock.now()
    )
    assert driven(execution).status == "completed"
    assert step(execution, "w").output == {"held": True}


def test_a_condition_that_does_not_hold_in_time_fails_the_wait(world):
    execution = driven(world.begin({"id": "w", "kind": "wait", "until": "inputs.never", "timeout": "1m"}))
    with time_machine.travel(clock.now() + dt.timedelta(minutes=2), tick=False):
        assert driven(execution).status == "failed"
    assert step(execution, "w").error["code"] == "timeout"


def test_a_cancel_ends_a_wait(world):
    execution = driven(world.begin(PAUSE))
    executions.cancel(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    assert driven(execution).status == "cancelled"
    assert step(execution, "pause").status == "cancelled"


def test_a_child_runs_as_an_execution_of_its_own(world, child):
    execution = driven(world.begin(CHILD, READ))
    below = Execution.objects.get(parent_step__execution=execution)
    assert (execution.status, below.inputs, below.depth) == ("waiting", {"host": "h9"}, 1)


def test_a_child_s_end_is_the_step_s(world, child):
    execution = driven(world.begin(CHILD, READ))
    driven(Execution.objects.get(parent_step__execution=execution))
    assert driven(execution).status == "completed"
    assert step(execution, "sub").output["outputs"] == {"host": "h9"}


def test_a_child_that_failed_fails_its_step(world, child):
    world.script("edr.get_isolation_status", "auth", remaining=1)
    execution = driven(world.begin(CHILD))
    driven(Execution.objects.get(parent_step__execution=execution))
    assert driven(execution).status == "failed"


def test_cancelling_cancels_the_child(world, child):
    execution = driven(world.begin(CHILD))
    executions.cancel(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    assert driven(execution).status == "cancelled"
    assert driven(Execution.objects.get(parent_step__execution=execution)).status == "cancelled"


def test_a_child_for_each_item(world, child):
    execution = driven(world.begin({**CHILD, "for_each": ["a", "b"], "with": {"host": "{{ item }}"}}))
    for below in Execution.objects.filter(parent_step__execution=execution):
        driven(below)
    assert driven(execution).status == "completed"
    assert [item["outputs"]["host"] for item in step(execution, "sub").output] == ["a", "b"]


def test_a_playbook_that_is_not_there_fails_the_step(world):
    execution = driven(world.begin(CHILD))
    assert execution.status == "failed"
    assert "no active playbook child" in step(execution, "sub").error["message"]


def test_a_child_gets_no_input_that_it_does_not_take(world, child):
    execution = driven(world.begin({**CHILD, "with": {"nonsense": 1}}))
    assert (execution.status, step(execution, "sub").error["code"]) == ("failed", "wrong_inputs")
    assert Execution.objects.count() == 1


def test_a_playbook_that_calls_itself_ends(world):
    again = {"id": "again", "kind": "playbook", "playbook": "p"}
    execution = world.begin(again)
    Playbook.objects.filter(pk=execution.version.playbook_id).update(active_version=execution.version)
    for _ in range(20):
        for row in Execution.objects.exclude(status__in=("failed", "completed")):
            driven(row)
    assert Execution.objects.count() == 6
    assert set(Execution.objects.values_list("status", flat=True)) == {"failed"}


def test_a_paused_execution_starts_nothing(world):
    execution = world.begin(READ)
    executions.pause(execution_id=execution.pk, reason="wait", actor=world.analyst.actor(), now=clock.now())
    assert driven(execution).status == "paused"
    assert step(execution, "look").status == "not_started"


def test_what_is_approved_while_paused_runs_after_it(world):
    execution = driven(world.begin(WRITE))
    executions.pause(execution_id=execution.pk, reason="wait", actor=world.analyst.actor(), now=clock.now())
    world.decide()
    assert driven(execution).status == "paused"
    assert writes() == []
    executions.resume(execution_id=execution.pk, reason="go", actor=world.analyst.actor(), now=clock.now())
    assert driven(execution).status == "completed"
    assert writes() == ["edr.isolate_host"]


def test_the_time_that_it_was_paused_does_not_count(world):
    execution = driven(world.begin(PAUSE, timeout="20m"))
    before, now = execution.deadline, clock.now()
    executions.pause(execution_id=execution.pk, reason="wait", actor=world.analyst.actor(), now=now)
    later = now + dt.timedelta(hours=1)
    executions.resume(execution_id=execution.pk, reason="go", actor=world.analyst.actor(), now=later)
    execution.refresh_from_db()
    assert execution.deadline - before == dt.timedelta(hours=1)


def test_what_is_not_paused_cannot_be_resumed(world):
    execution = driven(world.begin(WRITE))
    with pytest.raises(executions.NotPaused):
        executions.resume(execution_id=execution.pk, reason="", actor=world.analyst.actor(), now=clock.now())


def test_a_write_that_waits_for_its_next_try_does_not_seem_to_wait_for_consent(world, laboratory):
    laboratory.answers.append("down")
    write = {"id": "a", "action": "lab.keyed", "with": {"what": "a"}, "retry": {"attempts": 2, "backoff": "2s"}}
    execution = driven(world.begin(write))
    world.decide()
    assert driven(execution).status == "waiting"
    assert step(execution, "a").waiting_for == "its next try"


def test_an_execution_goes_on_when_the_one_that_it_waits_for_is_abandoned(world, child):
    parent = driven(world.begin(CHILD))
    started = Execution.objects.get(parent_step__execution=parent)
    closing.abandon(execution_id=started.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    assert sweep_executions() == 1
    parent.refresh_from_db()
    assert (parent.status, step(parent, "sub").error["message"]) == ("failed", "the execution of child abandoned")


@pytest.mark.parametrize(("service", "word"), [(closing.abandon, "abandoned"), (closing.complete, "completed")])
def test_whoever_ends_an_execution_abandons_what_still_runs_below_it(world, child, service, word):
    parent = driven(world.begin(CHILD))
    started = Execution.objects.get(parent_step__execution=parent)
    service(execution_id=parent.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    parent.refresh_from_db()
    started.refresh_from_db()
    assert (parent.status, started.status, started.result["why"]) == (word, "abandoned", f"the execution above was {word}")
    assert (driven(started).status, driven(parent).status) == ("abandoned", word)


def test_an_execution_is_not_abandoned_while_a_call_below_it_is_under_way(world, child, laboratory):
    document = {**child.active_version.document, "steps": [{"id": "a", "action": "lab.keyed", "with": {"what": "a"}}]}
    PlaybookVersion.objects.update(document=document, digest=loader.digest_of(document))
    parent = driven(world.begin(CHILD))
    started = driven(Execution.objects.get(parent_step__execution=parent))

    def abandon():
        with pytest.raises(Conflict, match="A call of child is under way: wait for it, or cancel the execution"):
            closing.abandon(execution_id=parent.pk, reason="x", actor=world.analyst.actor(), now=clock.now())

    laboratory.meanwhile.append(abandon)
    world.decide()
    assert driven(started).status == "completed"
    assert (not laboratory.meanwhile, driven(parent).status) == (True, "completed")
