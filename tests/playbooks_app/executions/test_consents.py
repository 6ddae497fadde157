"""What becomes of consents: nothing is sent without one that lists it, and none says what is not so."""

import pytest

from adapters.models import AdapterInstance
from approvals.choices import Verdict
from approvals.models import Request
from playbooks_app.services import asking, executions
from tests.playbooks_app.executions.laboratory import Died
from tests.playbooks_app.executions.people import DUMP, EACH, LATER, MANUAL, ask, begun, changed, consents, due, gone, say
from tests.playbooks_app.executions.worlds import driven, later, step


@pytest.fixture
def rejected(world, laboratory):
    """A write of which one try was not answered, and whose next one was asked for anew and rejected."""

    def begin(answer):
        execution = begun(world, laboratory, answer, **LATER)
        changed()
        driven(due(execution))
        world.decide(Verdict.REJECT)
        assert step(driven(execution), "dump").status == "uncertain"
        return execution

    return begin


def test_an_item_that_did_not_happen_is_sent_only_with_a_consent_that_lists_it(world, laboratory):
    execution = driven(world.begin({**EACH, "action": "lab.blind", "for_each": ["x", "y", "z"]}))
    world.decide()
    laboratory.answers.append("lost before")
    laboratory.meanwhile.append(changed)
    driven(execution)
    assert Request.objects.get(status="pending").document["call"]["params"] == [{"what": "y"}, {"what": "z"}]
    say(world, execution, "e[0]", "not_happened")
    world.decide()
    driven(execution)
    assert [sent.what for sent in laboratory.sent].count("x") == 1
    assert {"what": "x"} in Request.objects.get(status="pending").document["call"]["params"]


def test_who_looks_again_does_not_send_what_was_rejected(world, laboratory, rejected):
    say(world, rejected("lost before"), "dump", "look")
    assert len(laboratory.sent) == 1


def test_a_request_that_was_rejected_is_never_executed(world, rejected):
    say(world, rejected("lost after"), "dump", "happened")
    assert consents()[-1] == ("rejected", "")


def test_a_request_that_was_rejected_has_no_outcome_after_a_cancel(world, rejected):
    execution = rejected("lost after")
    ask(world, execution, executions.cancel)
    driven(execution)
    assert consents()[-1] == ("rejected", "")


@pytest.mark.parametrize("level", ["L1", "L2"])
def test_the_consent_of_a_try_in_doubt_is_uncertain_after_a_cancel(world, laboratory, level):
    execution = driven(world.begin({**DUMP, **LATER}, MANUAL, level=level))
    world.decide()
    laboratory.answers.append("lost after")
    driven(execution)
    ask(world, execution, executions.cancel)
    driven(execution)
    assert consents() == [("executed", "uncertain")]


def test_a_worker_that_dies_while_it_asks_anew_leaves_nobody_waiting_for_ever(world, laboratory, monkeypatch):
    execution = driven(world.begin(EACH))
    world.decide()
    changed()
    real = asking._asked

    def dies(*args, **more):
        monkeypatch.setattr(asking, "_asked", real)
        raise Died

    monkeypatch.setattr(asking, "_asked", dies)
    with pytest.raises(Died):
        driven(execution)
    later(execution)
    assert driven(execution).status == "awaiting_approval"
    assert consents() == [("withdrawn", ""), ("pending", "")]


@pytest.mark.parametrize("items", [["x"], ["x", "y"]])
def test_an_item_that_did_not_happen_is_asked_for_where_its_consent_was_withdrawn_meanwhile(world, laboratory, items):
    execution = driven(world.begin({**EACH, **LATER, "for_each": items, "on_error": "continue"}))
    world.decide()
    laboratory.answers.append("lost before")
    laboratory.meanwhile.append(gone)
    driven(execution)
    assert step(driven(due(execution)), "e[0]").status == "uncertain"
    AdapterInstance.objects.update(enabled=True)
    say(world, execution, "e[0]", "not_happened")
    assert [sent.what for sent in laboratory.sent] == ["x"]
    assert Request.objects.get(status="pending").document["call"]["params"] == [{"what": "x"}]
    world.decide()
    driven(execution)
    assert step(execution, "e[0]").status == "completed"
