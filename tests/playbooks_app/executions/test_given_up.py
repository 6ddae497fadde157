"""A write that its own worker gave up: where it is not there, it may still be under way, and is neither failed nor sent again yet."""

import datetime as dt

import pytest
import time_machine

from accounts.services import stops
from adapters import calls, errors
from adapters.models import Call
from approvals.models import Request
from audit.selectors import entries
from core import clock, uptime
from core.errors import Conflict
from playbooks_app.models import Execution
from playbooks_app.services import closing, executions, looking, uncertain
from tests import factories
from tests.playbooks_app.executions.laboratory import ERRORS, Died
from tests.playbooks_app.executions.worlds import LONGEST, driven, later, looked_again, step

HOURS = dt.timedelta(hours=2)
UNDO = {"action": "lab.unlooked", "with": {"what": "a"}}
WRITE = {"id": "a", "action": "lab.looked", "with": {"what": "a"}, "rollback": UNDO}
RETRY = {"retry": {"attempts": 2, "backoff": "1s"}}
SEEN = "The vendor did not answer in time."


@pytest.fixture
def given_up(world, laboratory):
    """Begin an execution with one write, which the vendor answers like this once it is approved."""

    def begin(*answers, level="L1", **more):
        execution = driven(world.begin({**WRITE, **more}, level=level))
        laboratory.answers.extend(answers)
        world.decide()
        return driven(execution)

    return begin


def ask(world, execution, what):
    what(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())


@pytest.mark.parametrize("more", [{}, RETRY, {"action": "lab.both"}])
def test_a_write_that_takes_effect_after_it_was_given_up_is_found_and_sent_once(given_up, laboratory, monkeypatch, more):
    execution = given_up("lost meanwhile", **more)
    assert execution.status == "waiting"
    assert looked_again(execution, monkeypatch).status == "completed"
    assert (len(laboratory.sent), step(execution, "a").attempt, step(execution, "a").error) == (1, 1, None)


def test_one_that_is_there_at_once_is_not_waited_for(given_up):
    assert given_up("lost after").status == "completed"


def test_it_fails_with_what_its_worker_saw_where_it_is_not_there_in_the_end(given_up, laboratory, monkeypatch):
    execution = looked_again(given_up("lost before"), monkeypatch)
    error = step(execution, "a").error
    assert (execution.status, step(execution, "a").status, len(laboratory.sent)) == ("failed", "failed", 1)
    assert (error["message"], error["outcome_unknown"], "seen" in error, "since" in error) == (SEEN, False, False, False)
    assert Request.objects.get().outcome == "failed"


def test_its_call_is_open_until_then_and_concluded_with_what_its_worker_saw(given_up, monkeypatch):
    execution = given_up("lost before")
    assert Call.objects.get().finished_at is None
    looked_again(execution, monkeypatch)
    assert (Call.objects.get().status, Call.objects.get().error["message"]) == ("uncertain", SEEN)


def test_its_retry_comes_when_it_is_not_there_in_the_end(given_up, laboratory, monkeypatch):
    execution = looked_again(given_up("lost before", **RETRY), monkeypatch)
    run = step(execution, "a")
    assert (execution.status, run.waiting_for, run.attempt, len(laboratory.sent)) == ("waiting", "its next try", 1, 1)
    assert looked_again(execution, monkeypatch).status == "completed"
    assert (step(execution, "a").attempt, len(laboratory.sent)) == (2, 2)


def test_its_retry_comes_after_the_time_that_the_vendor_named(given_up, monkeypatch):
    monkeypatch.setitem(ERRORS, "lost before", errors.VendorError("It is busy.", retry_after=600))
    execution = looked_again(given_up("lost before", **RETRY), monkeypatch)
    assert step(execution, "a").error["pause"] == 600


def test_the_last_try_of_a_retry_is_waited_for_anew(given_up, laboratory, monkeypatch):
    execution = looked_again(given_up("lost before", "lost meanwhile", **RETRY), monkeypatch)
    assert looked_again(execution, monkeypatch).status == "waiting"
    assert "since" in step(execution, "a").error
    assert looked_again(execution, monkeypatch).status == "completed"
    assert len(laboratory.sent) == 2


def test_meanwhile_it_says_what_its_worker_saw_and_what_it_waits_for(given_up):
    run = step(given_up("lost before"), "a")
    assert (run.status, run.error["message"], run.error["outcome_unknown"]) == ("in_progress", SEEN, True)
    assert run.waiting_for == looking.WHY


def test_the_journal_tells_that_it_waits_and_why(given_up):
    execution = given_up("lost before")
    told = [entry.data for entry in entries.of_stream(f"execution:{execution.pk}") if entry.kind == "step:waiting"]
    assert (told[-1]["error"], told[-1]["why"]) == ("timeout", looking.WHY)


def test_a_refusal_of_a_repeated_write_waits_for_what_came_of_the_earlier_try(given_up, laboratory, monkeypatch):
    execution = driven(given_up("lost before", "refused", action="lab.both", retry={"attempts": 2, "backoff": "1ms"}))
    run = step(execution, "a")
    assert (run.status, run.error["code"], run.error["outcome_unknown"]) == ("in_progress", "invalid_request", True)
    run = step(looked_again(execution, monkeypatch), "a")
    assert (run.status, run.error["code"], run.error["outcome_unknown"]) == ("failed", "invalid_request", False)
    assert list(Call.objects.order_by("attempt").values_list("status", flat=True)) == ["uncertain", "failed"]


def test_a_step_that_is_skipped_on_error_does_not_say_that_it_was_skipped_for_the_wait(given_up, monkeypatch):
    run = step(looked_again(given_up("lost before", on_error="skip"), monkeypatch), "a")
    assert (run.status, run.waiting_for) == ("skipped", "")


def test_it_is_uncertain_where_nobody_can_tell_in_the_end(given_up, laboratory, monkeypatch):
    execution = given_up("lost before")
    laboratory.looks_fail = True
    run = step(looked_again(execution, monkeypatch), "a")
    assert (run.status, run.error["message"], run.error["outcome_unknown"], run.retry_at) == ("uncertain", SEEN, True, None)


def test_it_waits_for_the_time_of_its_call_and_not_for_that_of_a_clock(given_up, laboratory):
    execution = given_up("lost before")
    with time_machine.travel(clock.now() + HOURS):
        assert driven(execution).status == "waiting"
    assert step(execution, "a").error["seen"]["message"] == SEEN


def test_a_clock_that_is_set_back_does_not_make_it_wait_for_longer(given_up, laboratory, monkeypatch):
    execution, real = given_up("lost meanwhile"), uptime.seconds
    monkeypatch.setattr(uptime, "seconds", lambda: real() + LONGEST)
    with time_machine.travel(clock.now() - HOURS):
        assert driven(execution).status == "completed"


def test_a_worker_that_dies_looking_again_does_not_have_it_sent_again(given_up, laboratory, monkeypatch):
    execution = given_up("lost before")
    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(calls, "look", lambda *_args, **_kwargs: (_ for _ in ()).throw(Died))
        looked_again(execution, patch)
    later(execution)
    assert looked_again(execution, monkeypatch).status == "failed"
    assert (step(execution, "a").error["message"], len(laboratory.sent)) == (SEEN, 1)


@pytest.mark.parametrize(("answer", "ends"), [("lost before", "cancelled"), ("lost meanwhile", "completed")])
def test_a_cancel_waits_for_what_came_of_it(given_up, laboratory, world, monkeypatch, answer, ends):
    execution = given_up(answer, **RETRY)
    ask(world, execution, executions.cancel)
    assert driven(execution).status == "waiting"
    assert looked_again(execution, monkeypatch).status == "cancelled"
    assert (step(execution, "a").status, len(laboratory.sent)) == (ends, 1)


def test_a_call_that_is_given_up_for_a_cancel_is_looked_for_again_as_well(given_up, laboratory, world, monkeypatch):
    laboratory.meanwhile.append(lambda: ask(world, Execution.objects.get(), executions.cancel))
    execution = given_up("lost meanwhile")
    assert execution.status == "waiting"
    assert looked_again(execution, monkeypatch).status == "cancelled"
    assert step(execution, "a").status == "completed"


def test_an_emergency_stop_keeps_the_next_try_back_and_not_the_look(given_up, laboratory, world, monkeypatch):
    execution = given_up("lost before", **RETRY)
    stops.engage(tenant=world.tenant, reason="x", actor=factories.SETUP, now=clock.now())
    assert step(driven(execution), "a").error["seen"]["message"] == SEEN
    for _ in range(2):
        assert step(looked_again(execution, monkeypatch), "a").status == "awaiting_approval"
    stops.release(tenant=world.tenant, reason="x", actor=factories.SETUP, now=clock.now())
    assert driven(execution).status == "completed"
    assert len(laboratory.sent) == 2


def test_under_a_pause_it_is_looked_for_and_not_sent(given_up, laboratory, world, monkeypatch):
    execution = given_up("lost before", **RETRY)
    ask(world, execution, executions.pause)
    for _ in range(2):
        assert looked_again(execution, monkeypatch).status == "paused"
    assert (step(execution, "a").waiting_for, len(laboratory.sent)) == ("its next try", 1)


def test_nobody_abandons_it_meanwhile(given_up, world):
    with pytest.raises(Conflict, match="A call of p is under way"):
        ask(world, given_up("lost before"), closing.abandon)


def test_an_item_of_several_is_waited_for_as_well(given_up, laboratory, monkeypatch):
    each = {"for_each": ["x", "y", "z"], "with": {"what": "{{ item }}"}, "max_parallel": 1}
    execution = given_up("ok", "lost meanwhile", rollback={**UNDO, "with": {"what": "{{ item }}"}}, **each)
    assert (execution.status, step(execution, "a[1]").status) == ("waiting", "in_progress")
    assert looked_again(execution, monkeypatch).status == "completed"
    assert [sent.what for sent in laboratory.sent] == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("answer", "ends", "outcome"), [("lost meanwhile", "completed", "executed"), ("lost before", "simulated", "failed")]
)
def test_what_was_queued_is_waited_for_as_well(given_up, monkeypatch, answer, ends, outcome):
    execution = given_up(answer, level="L2")
    assert (execution.status, step(execution, "a").status) == ("completed", "in_progress")
    execution = looked_again(execution, monkeypatch)
    assert (step(execution, "a").status, Request.objects.get().outcome, execution.wake_at) == (ends, outcome, None)


@pytest.mark.parametrize(("answer", "ends"), [("lost meanwhile", "completed"), ("lost before", "failed")])
def test_an_undo_is_waited_for_as_well(given_up, laboratory, world, monkeypatch, answer, ends):
    execution = given_up("ok", answer)
    ask(world, execution, executions.rollback)
    assert (driven(execution).status, step(execution, "undo:a").waiting_for) == ("rolling_back", looking.WHY)
    assert looked_again(execution, monkeypatch).status == "rolled_back"
    assert (step(execution, "undo:a").status, len(laboratory.sent)) == (ends, 2)


def test_an_undo_that_was_found_shows_no_error(given_up, world, monkeypatch):
    execution = given_up("ok", "lost meanwhile")
    ask(world, execution, executions.rollback)
    driven(execution)
    assert step(looked_again(execution, monkeypatch), "undo:a").error is None


def test_an_undo_of_which_nobody_can_tell_in_the_end_is_uncertain(given_up, laboratory, world, monkeypatch):
    execution = given_up("ok", "lost before")
    ask(world, execution, executions.rollback)
    driven(execution)
    laboratory.looks_fail = True
    run = step(looked_again(execution, monkeypatch), "undo:a")
    assert (run.status, run.error["message"], run.error["outcome_unknown"]) == ("uncertain", SEEN, True)


def lose(execution):
    """Let another worker have taken the execution over."""
    Execution.objects.filter(pk=execution.pk).update(fence=99, lease_owner="another")


@pytest.mark.parametrize("undo", [False, True])
@pytest.mark.parametrize("settled", [False, True])
def test_what_was_found_or_not_by_looking_is_no_late_answer(given_up, world, monkeypatch, settled, undo):
    execution = given_up("ok", "lost before") if undo else given_up("lost before")
    if undo:
        ask(world, execution, executions.rollback)
        driven(execution)
    monkeypatch.setattr(calls, "look", lambda *_args, **_kwargs: (lose(execution), settled)[1])
    looked_again(execution, monkeypatch)
    assert "step:late" not in [entry.kind for entry in entries.of_stream(f"execution:{execution.pk}")]


def test_of_a_call_that_was_found_by_looking_the_answer_is_late_and_not_what_was_found(given_up, world, laboratory, monkeypatch):
    monkeypatch.setattr(calls, "look", lambda *_args, **_kwargs: (lose(Execution.objects.get()), True)[1])
    execution = given_up("lost after")
    told = list(entries.of_stream(f"execution:{execution.pk}"))[-1]
    assert (told.kind, told.data["ok"], told.data["error"]) == ("step:late", False, "timeout")


@pytest.fixture
def unseen(given_up, laboratory, world):
    """An execution whose write nobody could tell of when it was given up, and a person who asks to look again."""

    def begin(answer, **more):
        laboratory.looks_fail = True
        execution = given_up(answer, **more)
        laboratory.looks_fail = False
        ask_to_look(world, execution, "a")
        return driven(execution)

    return begin


def ask_to_look(world, execution, step_id):
    given = {"said": "look", "reason": "", "actor": world.analyst.actor(), "now": clock.now()}
    uncertain.answer(execution_id=execution.pk, step_id=step_id, **given)


@pytest.mark.parametrize("action", ["lab.looked", "lab.both"])
def test_a_person_who_looks_again_does_not_have_it_sent_again(unseen, laboratory, monkeypatch, action):
    execution = unseen("lost before", action=action)
    assert execution.status == "waiting"
    execution = looked_again(execution, monkeypatch)
    run = step(execution, "a")
    assert (run.status, run.error["message"], run.error["outcome_unknown"], len(laboratory.sent)) == ("failed", SEEN, False, 1)
    assert (Call.objects.get().status, Call.objects.get().error["message"]) == ("uncertain", SEEN)


def test_a_person_who_looks_again_finds_it_where_it_was_done_meanwhile(unseen, laboratory, monkeypatch):
    execution = unseen("lost meanwhile")
    assert looked_again(execution, monkeypatch).status == "completed"
    row = Call.objects.get()
    assert (len(laboratory.sent), row.status, row.error) == (1, "succeeded", None)


def test_a_person_who_looks_again_leaves_its_retry_to_it(unseen, laboratory, monkeypatch):
    execution = looked_again(unseen("lost before", **RETRY), monkeypatch)
    assert (step(execution, "a").waiting_for, len(laboratory.sent)) == ("its next try", 1)
    assert looked_again(execution, monkeypatch).status == "completed"
    assert list(Call.objects.order_by("attempt").values_list("attempt", "status")) == [(1, "uncertain"), (2, "succeeded")]


def test_a_person_who_looks_again_in_vain_is_told_what_its_worker_saw(given_up, world):
    execution = given_up("lost before", action="lab.blind", rollback=None)
    before = step(execution, "a").error
    ask_to_look(world, execution, "a")
    run = step(driven(execution), "a")
    assert (run.status, run.error["message"], run.error) == ("uncertain", SEEN, before)


def test_a_person_who_looks_again_does_not_have_an_undo_sent_again(given_up, laboratory, world, monkeypatch):
    execution = given_up("ok", "lost before")
    ask(world, execution, executions.rollback)
    laboratory.looks_fail = True
    assert step(driven(execution), "undo:a").status == "uncertain"
    laboratory.looks_fail = False
    ask_to_look(world, execution, "undo:a")
    driven(execution)
    assert looked_again(execution, monkeypatch).status == "rolled_back"
    run = step(execution, "undo:a")
    assert (run.status, run.error["message"], len(laboratory.sent)) == ("failed", SEEN, 2)
