"""Writes of which nobody knows whether they happened, and what people say of them."""

import pytest

from adapters import calls
from adapters.models import Call, MockCall
from approvals.models import Request
from audit.selectors import entries
from core import clock
from core.errors import Invalid
from playbooks_app.services import closing, executions, uncertain
from tests.playbooks_app.executions.worlds import WRITE, driven, looked_again, step, writes

DUMP = {"id": "dump", "action": "edr.collect_memory_dump", "with": {"host": "h1"}}
DUMPS = {**DUMP, "for_each": ["h1", "h2"], "as": "host", "with": {"host": "{{ host }}"}, "max_parallel": 1}


def say(world, execution, said, step_id="dump", reason="looked"):
    actor, now = world.analyst.actor(), clock.now()
    return uncertain.answer(execution_id=execution.pk, step_id=step_id, said=said, reason=reason, actor=actor, now=now)


def unanswered(world, *steps, **more):
    """Drive to an approved write that the vendor does not answer."""
    execution = driven(world.begin(*steps, **more))
    world.script("edr.collect_memory_dump", "timeout", remaining=1)
    world.decide()
    return driven(execution)


def test_what_happened_completes_the_step_and_uses_up_the_consent(world):
    execution = unanswered(world, DUMP)
    assert execution.status == "awaiting_input"
    say(world, execution, "happened")
    assert driven(execution).status == "completed"
    request = Request.objects.get()
    assert (request.status, request.outcome, request.receipt) == ("executed", "executed", None)


def test_what_did_not_happen_is_asked_anew_and_made_once(world):
    execution = unanswered(world, DUMP)
    say(world, execution, "not_happened")
    assert driven(execution).status == "awaiting_approval"
    assert sorted(Request.objects.values_list("status", flat=True)) == ["pending", "withdrawn"]
    world.decide()
    assert driven(execution).status == "completed"
    assert writes() == ["edr.collect_memory_dump"]


def test_looking_again_sends_a_keyed_write_with_the_same_key(world):
    execution = unanswered(world, DUMP)
    say(world, execution, "look")
    assert driven(execution).status == "completed"
    assert len(set(Call.objects.values_list("idempotency_key", flat=True))) == 1


def test_looking_again_comes_back_where_nobody_can_tell(world, monkeypatch):
    execution = driven(world.begin(WRITE))
    world.script("edr.isolate_host", "timeout", remaining=1)
    monkeypatch.setattr(calls, "look", lambda *_args, **_kwargs: None)
    world.decide()
    driven(execution)
    say(world, execution, "look", "isolate")
    assert step(driven(execution), "isolate").status == "uncertain"


def test_looking_again_finds_what_the_vendor_can_tell_now_and_sends_nothing(world, monkeypatch):
    execution = driven(world.begin(WRITE))
    world.script("edr.isolate_host", "timeout", remaining=1)
    world.decide()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calls, "look", lambda *_args, **_kwargs: None)
        driven(execution)
    assert step(execution, "isolate").status == "uncertain"
    say(world, execution, "look", "isolate")
    assert driven(execution).status == "waiting"
    assert looked_again(execution, monkeypatch).status == "failed"
    assert (step(execution, "isolate").status, writes()) == ("failed", [])


def test_an_item_that_did_not_happen_goes_on_with_the_consent_to_all(world):
    execution = unanswered(world, DUMPS)
    say(world, execution, "not_happened", "dump[0]")
    assert driven(execution).status == "completed"
    request = Request.objects.get()
    assert (request.status, request.receipt["calls"]) == ("executed", 2)
    assert sorted(MockCall.objects.values_list("target", flat=True)) == ["h1", "h2"]


def test_what_was_queued_goes_back_to_its_rehearsal(world):
    execution = driven(world.begin(DUMP, level="L2"))
    assert execution.status == "completed"
    world.script("edr.collect_memory_dump", "timeout", remaining=1)
    world.decide()
    assert step(driven(execution), "dump").status == "uncertain"
    say(world, execution, "not_happened")
    assert driven(execution).status == "completed"
    assert step(execution, "dump").status == "simulated"
    assert Request.objects.get().status == "withdrawn"


def test_an_execution_that_ends_meanwhile_calls_its_consent_uncertain(world):
    execution = unanswered(world, DUMP)
    executions.cancel(execution_id=execution.pk, reason="over", actor=world.analyst.actor(), now=clock.now())
    assert driven(execution).status == "cancelled"
    assert (Request.objects.get().status, Request.objects.get().outcome) == ("executed", "uncertain")


@pytest.mark.parametrize("end", [closing.abandon, executions.cancel])
def test_items_that_were_done_before_the_end_have_their_receipt(world, end):
    execution = unanswered(world, {**DUMPS, "for_each": ["h1", "h2", "h3"]})
    end(execution_id=execution.pk, reason="over", actor=world.analyst.actor(), now=clock.now())
    driven(execution)
    request = Request.objects.get()
    assert (request.status, request.outcome, request.receipt["calls"]) == ("executed", "uncertain", 2)


def test_who_said_what_is_journaled(world):
    execution = unanswered(world, DUMP)
    say(world, execution, "happened")
    entry = entries.last_of(f"execution:{execution.pk}")
    said = [row for row in entries.of_stream(entry.stream, after=0, limit=100) if row.data.get("answer")]
    name = world.analyst.actor().name
    assert [(row.actor_name, row.data["answer"], row.data["reason"]) for row in said] == [(name, "happened", "looked")]


def test_another_word_is_refused(world):
    execution = unanswered(world, DUMP)
    with pytest.raises(Invalid, match="look, happened, not_happened"):
        say(world, execution, "perhaps")


@pytest.mark.parametrize("said", ["happened", "not_happened"])
def test_who_knows_what_became_of_a_write_says_how(world, said):
    execution = unanswered(world, DUMP)
    with pytest.raises(uncertain.HowDoYouKnow):
        say(world, execution, said, reason=" ")
    assert step(execution, "dump").status == "uncertain"


def test_looking_again_needs_no_reason(world):
    execution = unanswered(world, DUMP)
    say(world, execution, "look", reason="")
    assert driven(execution).status == "completed"


def test_a_step_that_is_not_uncertain_is_left_alone(world):
    execution = driven(world.begin(DUMP))
    with pytest.raises(executions.NotWaiting):
        say(world, execution, "happened")


def unanswered_undo(world, monkeypatch):
    """Drive to an undo that the vendor does not answer, and of which it cannot tell."""
    execution = driven(world.begin(WRITE))
    world.decide()
    assert driven(execution).status == "completed"
    world.script("edr.unisolate_host", "timeout", remaining=1)
    monkeypatch.setattr(calls, "look", lambda *_args, **_kwargs: None)
    executions.rollback(execution_id=execution.pk, reason="wrong", actor=world.analyst.actor(), now=clock.now())
    return driven(execution)


def test_an_undo_that_nobody_can_see_waits_for_a_person(world, monkeypatch):
    execution = unanswered_undo(world, monkeypatch)
    assert (execution.status, step(execution, "undo:isolate").status) == ("rolling_back", "uncertain")


def test_an_undo_that_happened_ends_the_rollback(world, monkeypatch):
    execution = unanswered_undo(world, monkeypatch)
    say(world, execution, "happened", "undo:isolate")
    assert driven(execution).status == "rolled_back"
    assert step(execution, "isolate").status == "rolled_back"
    assert Request.objects.get().outcome == "undone"
    assert writes() == ["edr.isolate_host"]


def test_an_undo_that_did_not_happen_is_tried_again(world, monkeypatch):
    execution = unanswered_undo(world, monkeypatch)
    say(world, execution, "not_happened", "undo:isolate")
    assert driven(execution).status == "rolled_back"
    assert writes() == ["edr.isolate_host", "edr.unisolate_host"]


def test_an_undo_that_can_be_seen_asks_nobody(world, monkeypatch):
    execution = driven(world.begin(WRITE))
    world.decide()
    driven(execution)
    world.script("edr.unisolate_host", "timeout", remaining=1)
    executions.rollback(execution_id=execution.pk, reason="wrong", actor=world.analyst.actor(), now=clock.now())
    assert driven(execution).status == "rolling_back"
    assert looked_again(execution, monkeypatch).status == "rolled_back"
    assert step(execution, "undo:isolate").status == "failed"
