"""A try that was not answered may have been carried out: no later answer turns that into a failure."""

import pytest

from accounts.services import stops
from adapters import calls
from core import clock
from playbooks_app.services import executions, uncertain
from tests import factories
from tests.playbooks_app.executions.laboratory import Died
from tests.playbooks_app.executions.people import LATER, due, gone
from tests.playbooks_app.executions.worlds import driven, later, looked_again, step

DUMP = {"id": "dump", "action": "lab.keyed", "with": {"what": "dump"}}
RETRY = {"retry": {"attempts": 2, "backoff": "1ms"}}


def begun(world, laboratory, *answers, **more):
    """An approved write, about to be answered like this."""
    execution = driven(world.begin({**DUMP, **more}))
    world.decide()
    laboratory.answers.extend(answers)
    return execution


def died(execution):
    with pytest.raises(Died):
        driven(execution)
    later(execution)
    return execution


@pytest.mark.parametrize("refusal", ["refused", "down"])
def test_a_refusal_after_a_try_that_was_not_answered_is_uncertain(world, laboratory, refusal):
    execution = driven(begun(world, laboratory, "lost after", refusal, **RETRY))
    execution = driven(execution)
    assert (laboratory.did("lab.keyed", "dump"), step(execution, "dump").status) == (1, "uncertain")


@pytest.mark.parametrize("refusal", ["refused", "down"])
def test_a_refusal_of_what_is_repeated_after_a_crash_is_uncertain(world, laboratory, refusal):
    execution = driven(died(begun(world, laboratory, "dies after", refusal)))
    assert (laboratory.did("lab.keyed", "dump"), step(execution, "dump").status) == (1, "uncertain")


def test_a_refusal_after_a_person_said_that_nothing_happened_is_a_failure(world, laboratory):
    execution = driven(begun(world, laboratory, "lost before", "refused"))
    uncertain.answer(
        execution_id=execution.pk, step_id="dump", said="not_happened", reason="seen", actor=world.analyst.actor(), now=clock.now()
    )
    driven(execution)
    world.decide()
    assert step(driven(execution), "dump").status == "failed"


def test_a_refusal_alone_is_a_failure(world, laboratory):
    assert step(driven(begun(world, laboratory, "refused")), "dump").status == "failed"


def test_a_stop_that_keeps_a_repeat_back_does_not_say_that_nothing_happened(world, laboratory):
    execution = died(begun(world, laboratory, "dies after"))
    stop(world)
    run = step(driven(execution), "dump")
    assert (run.status, run.error["outcome_unknown"]) == ("awaiting_approval", True)


def undone(world, laboratory, *answers):
    """What became of a write, and of its undo that was answered like this."""
    isolate = {"id": "isolate", "action": "lab.looked", "with": {"what": "isolate"}}
    execution = driven(world.begin({**isolate, "rollback": {"action": "lab.unlooked", "with": {"what": "isolate"}}}))
    world.decide()
    driven(execution)
    laboratory.answers.extend(answers)
    executions.rollback(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    driven(execution)
    return step(execution, "isolate").status, step(execution, "undo:isolate")


def test_an_undo_that_was_not_answered_and_happened_is_found_by_looking(world, laboratory):
    status, undo = undone(world, laboratory, "lost after")
    assert (status, undo.status, laboratory.is_on("isolate")) == ("rolled_back", "completed", False)


def test_an_undo_that_was_not_answered_and_did_not_happen_has_failed(world, laboratory, monkeypatch):
    _, undo = undone(world, laboratory, "lost before")
    execution = looked_again(undo.execution, monkeypatch)
    status, undo = step(execution, "isolate").status, step(execution, "undo:isolate")
    assert (status, undo.status, undo.error["outcome_unknown"]) == ("completed", "failed", False)


def test_an_undo_of_which_nobody_can_tell_says_so(world, laboratory):
    execution = driven(world.begin({**DUMP, "rollback": {"action": "lab.unkeyed", "with": {"what": "dump"}}}))
    world.decide()
    driven(execution)
    laboratory.answers.append("lost after")
    executions.rollback(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    driven(execution)
    undo = step(execution, "undo:dump")
    assert (undo.status, undo.error["outcome_unknown"]) == ("uncertain", True)


def test_a_refusal_of_an_undo_that_is_repeated_after_a_crash_leaves_it_unknown(world, laboratory):
    execution = driven(world.begin({**DUMP, "rollback": {"action": "lab.unkeyed", "with": {"what": "dump"}}}))
    world.decide()
    driven(execution)
    executions.rollback(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    laboratory.answers.extend(["dies after", "refused"])
    undo = step(driven(died(execution)), "undo:dump")
    assert (undo.status, undo.error["outcome_unknown"]) == ("uncertain", True)


def stop(world):
    stops.engage(tenant=world.tenant, reason="x", actor=factories.SETUP, now=clock.now())


@pytest.fixture
def held_back(world, laboratory, monkeypatch):
    """An execution whose undo was not answered, and that a stop keeps from being undone once more."""
    execution = driven(world.begin({**DUMP, "rollback": {"action": "lab.unkeyed", "with": {"what": "dump"}}}))
    world.decide()
    driven(execution)
    executions.rollback(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    laboratory.answers.extend(["dies after", "refused"])
    died(execution)
    real = calls.send
    with monkeypatch.context() as patch:
        patch.setattr(calls, "send", lambda *args, **more: (stop(world), real(*args, **more))[1])
        return driven(execution)


def test_a_stop_that_keeps_a_repeat_of_an_undo_back_does_not_say_that_nothing_happened(world, held_back):
    run = step(held_back, "undo:dump")
    assert (run.status, run.error["outcome_unknown"]) == ("not_started", True)
    stops.release(tenant=world.tenant, reason="x", actor=factories.SETUP, now=clock.now())
    assert step(driven(held_back), "undo:dump").status == "uncertain"


def in_doubt(world, laboratory, **more):
    """A write of which one try was not answered, and whose next one finds nobody to ask."""
    execution = driven(begun(world, laboratory, "lost after", **LATER, **more))
    gone()
    return driven(due(execution))


def test_a_try_that_was_not_answered_is_still_in_doubt_when_no_other_can_be_made(world, laboratory):
    run = step(in_doubt(world, laboratory, on_error="skip"), "dump")
    assert (run.status, run.error["outcome_unknown"], run.execution.status) == ("uncertain", True, "awaiting_input")
    assert run.waiting_for.startswith("a person who says whether it happened: No enabled adapter is bound to 'lab'")


@pytest.mark.parametrize(("said", "status"), [("happened", "completed"), ("not_happened", "failed")])
def test_a_person_says_what_became_of_it_and_it_goes_on(world, laboratory, said, status):
    execution = in_doubt(world, laboratory)
    uncertain.answer(
        execution_id=execution.pk, step_id="dump", said=said, reason="seen", actor=world.analyst.actor(), now=clock.now()
    )
    assert step(driven(execution), "dump").status == status


def test_a_step_without_such_a_try_fails_when_no_instance_serves_it(world, laboratory):
    execution = driven(begun(world, laboratory, "down", **LATER))
    gone()
    run = step(driven(due(execution)), "dump")
    assert (run.status, run.error["code"]) == ("failed", "no_instance")


def test_an_undo_that_was_not_answered_is_still_in_doubt_when_no_other_can_be_made(world, held_back):
    stops.release(tenant=world.tenant, reason="x", actor=factories.SETUP, now=clock.now())
    gone()
    undo = step(driven(held_back), "undo:dump")
    assert (undo.status, undo.error["outcome_unknown"]) == ("uncertain", True)
