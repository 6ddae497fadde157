"""The question that an uncertain write asks: what is known, what each answer does, and that it takes a reason."""

import pytest

from adapters.models import AdapterInstance, MockScript
from approvals.choices import Verdict
from approvals.services import decisions
from core import clock
from playbooks_app.models import StepRun


@pytest.fixture
def asked(world):
    """An execution whose isolation nobody knows to have happened: the vendor did not answer, and does not tell."""
    edr = AdapterInstance.objects.get(tenant=world.tenant, name="mock-edr")
    world.receive()
    for action in ("edr.isolate_host", "edr.get_isolation_status"):
        MockScript.objects.create(instance=edr, action=action, error="timeout")
    row = world.pending()
    for name in ("analyst", "second"):
        decisions.decide(
            request_id=row.pk, verdict=Verdict.APPROVE, digest=row.digest, reason="", actor=world.people[name].actor(), now=clock.now()
        )
    world.drive()
    return world


def page(world, name="analyst"):
    return world.page(name, f"now/executions/{world.execution().pk}").content.decode()


def say(world, answer, name="analyst", **form):
    return world.act(name, f"now/executions/{world.execution().pk}/act", act=answer, step="isolate", **form).content.decode()


def step(world):
    return StepRun.objects.get(execution=world.execution(), step_id="isolate")


def test_it_is_one_sentence_on_top_of_the_page(asked):
    assert "The worker stopped while isolating ws-7. Is ws-7 isolated?" in page(asked)


def test_it_says_what_is_known(asked):
    text = page(asked)
    for words in ("What is known", "mock-edr", "the idempotency key", "acme-analyst", "If it did not"):
        assert words in text


def test_it_says_what_each_answer_does(asked):
    text = page(asked)
    for words in ("edr.get_isolation_status", "its approval is settled as executed", "The approval is withdrawn and the step starts anew"):
        assert words in text


def test_whoever_may_only_look_gets_no_buttons(asked):
    text = page(asked, "viewer")
    assert "your role may look" in text
    assert "say-happened" not in text


def test_yes_completes_the_step_with_the_reason_in_the_journal(asked):
    say(asked, "happened", reason="the vendor's console shows it")
    assert step(asked).status == "completed"
    assert "the vendor&#x27;s console shows it" in asked.page("auditor", "system/audit").content.decode()


def test_no_asks_anew_before_anything_is_sent(asked):
    say(asked, "not_happened", reason="the vendor says no")
    MockScript.objects.all().delete()
    asked.drive()
    assert step(asked).status == "awaiting_approval"
    assert asked.pending().decisions.count() == 0


@pytest.mark.parametrize("answer", ["happened", "not_happened"])
def test_an_answer_without_a_reason_changes_nothing(asked, answer):
    assert "Say how you know" in say(asked, answer, reason=" ")
    assert step(asked).status == "uncertain"


def test_looking_again_needs_none(asked):
    say(asked, "look")
    assert step(asked).status == "in_progress"


def test_a_viewer_answers_nothing(asked):
    assert "You may not do this" in say(asked, "happened", "viewer", reason="x")
    assert step(asked).status == "uncertain"


def test_after_the_end_the_question_stands_and_no_starts_nothing_anew(asked):
    asked.act("analyst", f"now/executions/{asked.execution().pk}/act", act="cancel", reason="false alarm")
    assert asked.drive().status == "cancelled"
    text = page(asked)
    assert "The step counts as cancelled, and nothing is sent again." in text
    assert "starts anew" not in text
    say(asked, "not_happened", reason="the console shows it running")
    assert step(asked).status == "cancelled"
