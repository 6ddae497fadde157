"""What was clicked below is not sent any more once the execution above is cancelled, whatever becomes of the call under way."""

import functools
import itertools

import pytest

from core import uptime
from playbooks_app.models import Execution
from playbooks_app.services import executions
from tests.playbooks_app.executions.laboratory import Died
from tests.playbooks_app.executions.people import LAST, LATER, SUB, ask, below, click, consents, due, say, write
from tests.playbooks_app.executions.worlds import driven, later, step


@pytest.fixture
def clicked(world, laboratory):
    """Click what an ended execution has queued; return it, and the one above, which waits for a person."""

    def begin(inner, answer, *meanwhile):
        world.publish(inner, level="L2")
        parent = driven(world.begin(SUB, LAST, level="L2"))
        child = driven(below(parent))
        driven(parent)
        click(world, child, inner["id"])
        laboratory.answers.append(answer)
        laboratory.meanwhile.extend(functools.partial(what, parent) for what in meanwhile)
        return parent, driven(child)

    return begin


@pytest.fixture
def cancel(world):
    """Cancel an execution, and have it driven."""

    def cancelled(execution):
        ask(world, execution, executions.cancel)
        assert driven(execution).status == "cancelled"

    return cancelled


def test_what_fails_for_a_moment_is_not_tried_again_after_the_cancel(laboratory, clicked, cancel):
    _, child = clicked(write("a", **LATER), "down", cancel)
    driven(due(child))
    assert (step(child, "a").status, consents(), len(laboratory.sent)) == ("simulated", [("executed", "failed")], 1)


def test_what_is_not_answered_is_left_to_a_person_after_the_cancel(world, laboratory, clicked, cancel):
    _, child = clicked(write("a", **LATER), "lost before", cancel)
    driven(due(child))
    assert (step(child, "a").status, len(laboratory.sent)) == ("uncertain", 1)
    say(world, child, "a", "look")
    assert (step(child, "a").status, len(laboratory.sent)) == ("uncertain", 1)
    say(world, child, "a", "not_happened")
    assert consents() == [("executed", "failed")]


def test_what_was_in_doubt_before_the_cancel_is_not_sent_again_by_looking_for_it(world, laboratory, clicked, cancel):
    parent, child = clicked(write("a"), "lost before")
    assert step(child, "a").status == "uncertain"
    cancel(parent)
    say(world, child, "a", "look")
    assert (step(child, "a").status, consents(), len(laboratory.sent)) == ("uncertain", [("executed", "uncertain")], 1)


@pytest.mark.parametrize(("answer", "outcome"), [("dies before", "failed"), ("dies after", "executed")])
def test_a_consent_tells_what_became_of_the_call_whose_worker_died_after_the_cancel(monkeypatch, laboratory, clicked, cancel, answer, outcome):
    laboratory.watchers.append(lambda _action, _what: cancel(Execution.objects.get(parent_step=None)))
    with pytest.raises(Died):
        clicked(write("a", action="lab.looked", rollback={"action": "lab.unlooked", "with": {"what": "a"}}), answer)
    assert consents() == [("executed", "uncertain")]
    laboratory.watchers.clear()
    ticks = itertools.count(uptime.seconds(), 100.0)
    monkeypatch.setattr(uptime, "seconds", lambda: next(ticks))
    child = Execution.objects.exclude(parent_step=None).get()
    for _ in range(3):
        later(child)
        driven(due(child))
    assert (consents(), laboratory.did("lab.looked", "a")) == ([("executed", outcome)], outcome == "executed")
