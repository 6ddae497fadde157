"""What was rehearsed and queued for one click: how long it can be clicked, and what a late click is told."""

import pytest
import time_machine

from approvals.models import Request
from approvals.services import decisions
from approvals.services.requests import NotPending
from audit.selectors import entries
from core import clock
from playbooks_app.models import Execution
from playbooks_app.services import closing, executions
from tests.playbooks_app.executions.people import LATER
from tests.playbooks_app.executions.worlds import BACK, READ, WRITE, driven, step, writes

MANUAL = {"id": "tell", "kind": "manual", "instructions": "x"}
FAILS = {**READ, "id": "bad", "with": {"host": "{{ alert.none }}"}}
OTHER = {"id": "quarantine", "action": "edr.isolate_host", "with": {"host": "h2"}, "rollback": {**BACK, "with": {"host": "h2"}}}


@pytest.fixture
def ask(world):
    """Ask something of an execution, and let it be driven."""

    def asked(service, execution):
        service(execution_id=execution.pk, reason="false alarm", actor=world.analyst.actor(), now=clock.now())
        return driven(execution)

    return asked


def queued(world, *more, **around):
    return driven(world.begin(WRITE, *more, level="L2", **around))


@pytest.fixture
def below(world):
    """An execution that ran another playbook, which has ended with a call queued, and now waits for a person; and that other one."""
    world.publish(WRITE, level="L2")
    parent = driven(world.begin({"id": "sub", "kind": "playbook", "playbook": "child"}, MANUAL, level="L2"))
    child = driven(Execution.objects.get(parent_step__execution=parent))
    assert child.status == "completed"
    return parent, child


def reasons(execution):
    told = entries.of_stream(f"execution:{execution.pk}")
    return [entry.data["reason"] for entry in told if entry.kind == "approval:withdrawn"]


@pytest.mark.parametrize(("service", "word"), [(executions.cancel, "cancelled"), (closing.abandon, "abandoned")])
def test_what_was_queued_is_withdrawn_when_the_execution_is(world, ask, service, word):
    assert ask(service, queued(world, MANUAL)).status == word
    assert Request.objects.get().status == "withdrawn"


def test_the_journal_says_why_it_was_withdrawn(world, ask):
    execution = ask(executions.cancel, queued(world, MANUAL))
    assert reasons(execution) == ["the execution was cancelled: a person cancelled it"]


def test_what_is_left_in_the_queue_is_withdrawn_when_the_rest_is_rolled_back_after_the_end(world, ask):
    execution = queued(world, OTHER)
    first = Request.objects.order_by("pk").first()
    Request.objects.exclude(pk=first.pk).update(status="expired")
    world.decide()
    driven(execution)
    Request.objects.exclude(pk=first.pk).update(status="pending")
    assert ask(executions.rollback, execution).status == "rolled_back"
    assert sorted(Request.objects.values_list("status", flat=True)) == ["executed", "withdrawn"]
    assert reasons(execution) == ["the execution is rolled back: a person asked for it"]


def test_what_was_clicked_before_the_cancel_was_seen_is_not_run(world, ask):
    execution = queued(world, MANUAL)
    world.decide()
    assert ask(executions.cancel, execution).status == "cancelled"
    assert (writes(), Request.objects.get().status) == ([], "withdrawn")


@pytest.mark.parametrize(("steps", "status"), [([], "completed"), ([FAILS], "failed")])
def test_what_was_queued_stays_when_the_execution_has_ended_by_itself(world, steps, status):
    execution = queued(world, *steps)
    assert execution.status == status
    world.decide()
    driven(execution)
    assert writes() == ["edr.isolate_host"]


def test_what_was_queued_stays_when_a_person_ends_the_execution_as_done(world, ask):
    execution = ask(closing.complete, queued(world, MANUAL))
    world.decide()
    driven(execution)
    assert writes() == ["edr.isolate_host"]


def test_what_was_queued_is_withdrawn_when_a_person_cancels_and_then_ends_it_as_done(world, ask):
    execution = queued(world, MANUAL)
    executions.cancel(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    assert ask(closing.complete, execution).status == "completed"
    assert Request.objects.get().status == "withdrawn"


def test_a_failure_that_undoes_what_was_done_withdraws_what_was_queued(world):
    execution = queued(world, {**OTHER, "level": "L1"}, {**FAILS, "needs": ["quarantine"]}, rollback={"on": ["failure"]})
    real = Request.objects.get(simulated=False)
    Request.objects.filter(simulated=True).update(status="expired")
    world.decide()
    Request.objects.filter(simulated=True).update(status="pending")
    real.refresh_from_db()
    assert driven(execution).status == "rolled_back"
    assert Request.objects.get(simulated=True).status == "withdrawn"


def test_a_late_click_is_told_why(world, ask):
    execution = queued(world, MANUAL)
    row = Request.objects.get()
    ask(executions.cancel, execution)
    with pytest.raises(NotPending, match="withdrawn already: the execution was cancelled: a person cancelled it"):
        decisions.decide(
            request_id=row.pk, verdict="approve", digest=row.digest, reason="", actor=world.analyst.actor(), now=clock.now()
        )


def test_what_was_queued_and_is_refused_is_not_sent_again(world, laboratory):
    execution = driven(world.begin({"id": "a", "action": "lab.looked", "with": {"what": "a"}}, level="L2"))
    laboratory.answers.append("refused")
    world.decide()
    driven(execution)
    assert (step(execution, "a").status, Request.objects.get().outcome) == ("simulated", "failed")
    assert [sent.done for sent in laboratory.sent] == [False]


@pytest.mark.parametrize(("service", "word"), [(executions.cancel, "cancelled"), (closing.abandon, "abandoned")])
@pytest.mark.parametrize("seen", [True, False])
def test_what_was_queued_below_is_withdrawn_when_the_execution_above_is_cancelled(world, ask, below, service, word, seen):
    parent, child = below
    if seen:
        driven(parent)
    world.decide()
    assert ask(service, parent).status == word
    assert driven(child).status == "completed"
    assert (writes(), Request.objects.get().status) == ([], "withdrawn")


def test_an_execution_below_that_has_ended_is_not_asked_to_cancel(world, ask, below):
    parent, child = below
    ask(executions.cancel, parent)
    child.refresh_from_db()
    assert (step(parent, "sub").status, child.control) == ("cancelled", {})
    assert [entry.kind for entry in entries.of_stream(f"execution:{child.pk}")][-2:] == ["execution:finished", "approval:withdrawn"]
    assert reasons(child) == ["the execution was cancelled: a person cancelled it"]


def test_what_was_queued_below_stays_when_a_person_ends_the_execution_above_as_done(world, ask, below):
    parent, child = below
    ask(closing.complete, driven(parent))
    world.decide()
    driven(child)
    assert writes() == ["edr.isolate_host"]


def test_one_that_was_to_be_tried_again_when_it_was_cancelled_is_not_looked_at_for_ever(world, laboratory, ask):
    execution = driven(world.begin({"id": "a", "action": "lab.looked", "with": {"what": "a"}, **LATER}, MANUAL, level="L2"))
    laboratory.answers.append("down")
    world.decide()
    driven(execution)
    assert ask(executions.cancel, execution).status == "cancelled"
    with time_machine.travel(step(execution, "a").retry_at, tick=False):
        assert driven(execution).wake_at is None
