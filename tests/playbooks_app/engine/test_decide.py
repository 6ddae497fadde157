"""What an execution does next."""

import datetime as dt

import pytest

from playbooks_app.choices import ExecutionStatus as E
from playbooks_app.choices import StepStatus as S
from playbooks_app.engine import model
from playbooks_app.engine.model import Facts, StepState
from tests.playbooks_app.engine.states_of import NOW, READ, WRITE, act, next_of, playbook, state

DONE = StepState(status=S.COMPLETED, mode="real", order=(1, 0))
UNDOABLE = StepState(status=S.COMPLETED, mode="real", order=(1, 0), undoable=True)
CANCELLED = StepState(status=S.CANCELLED)
LEFT_OPEN = StepState(status=S.UNCERTAIN, is_left_open=True)
LATER = NOW + dt.timedelta(seconds=9)


def kinds(of):
    return [type(command) for command in next_of(of)]


def test_a_read_is_called():
    assert next_of(state(playbook(act("a")))) == [model.Call("a", (), {"host": "h"})]


def test_a_write_asks():
    assert kinds(state(playbook(act("a")), {"a": WRITE})) == [model.Ask]


def test_an_action_that_nobody_declares_counts_as_a_write():
    assert kinds(state(playbook(act("a")), {"other": READ})) == [model.Ask]


def test_at_l2_a_write_is_rehearsed_and_queued():
    (command,) = next_of(state(playbook(act("a"), level="L2"), {"a": WRITE}))
    assert isinstance(command, model.Simulate)
    assert command.queue


def test_a_drill_queues_nothing():
    (command,) = next_of(state(playbook(act("a")), {"a": WRITE}, drill=True))
    assert command == model.Simulate("a", (), {"host": "h"}, queue=False)


def test_at_l0_a_missing_output_is_marked():
    steps = (act("a"), act("b", **{"with": {"host": "{{ steps.a.output.host }}"}}))
    (command,) = next_of(state(playbook(*steps, level="L0"), steps={"a": StepState(status=S.COMPLETED, output={})}))
    assert isinstance(command, model.AwaitPerson)
    assert command.params == {"host": "⟨steps.a.output.host⟩"}


def test_a_template_that_reads_what_is_not_there_fails_its_step():
    (command,) = next_of(state(playbook(act("a", **{"with": {"host": "{{ alert.nowhere }}"}}))))
    assert isinstance(command, model.Fail)
    assert command.code == "expression"
    assert "host" in command.why


def test_a_step_waits_for_what_it_needs():
    (command,) = next_of(state(playbook(act("a"), act("b")), steps={"a": StepState(status=S.AWAITING_INPUT)}))
    assert command == model.Rest(E.AWAITING_INPUT)


@pytest.mark.parametrize("ended", [S.COMPLETED, S.SKIPPED, S.SIMULATED])
def test_a_step_starts_when_its_needs_have_ended(ended):
    (command,) = next_of(state(playbook(act("a"), act("b")), steps={"a": StepState(status=ended)}))
    assert command.step == "b"


def test_a_condition_that_does_not_hold_skips_and_says_what_it_read():
    (command,) = next_of(state(playbook(act("a", **{"if": "alert.severity > 5"})), scope={"alert": {"severity": 1}}))
    assert isinstance(command, model.Skip)
    assert command.evaluations[0]["reads"] == {"alert.severity": 1}


VERDICT = {"id": "v", "kind": "decision", "question": "?", "branches": {"bad": ["a", "b"], "good": ["b"]}}


def test_a_decision_without_choice_waits_for_a_person():
    assert kinds(state(playbook(VERDICT, act("a"), act("b")))) == [model.AwaitPerson]


def test_a_decision_may_choose_by_itself():
    (command,) = next_of(state(playbook({**VERDICT, "choose": "'good'"}, act("a"), act("b"))))
    assert command.branch == "good"


def test_a_decision_that_yields_null_waits_for_a_person():
    assert kinds(state(playbook({**VERDICT, "choose": "null"}, act("a"), act("b")))) == [model.AwaitPerson]


def test_a_choice_that_is_no_branch_fails():
    (command,) = next_of(state(playbook({**VERDICT, "choose": "'ugly'"}, act("a"), act("b"))))
    assert command.code == "no_such_branch"


def test_a_decision_skips_what_stands_only_in_other_branches():
    chosen = StepState(status=S.COMPLETED, decision="good")
    (command,) = next_of(state(playbook(VERDICT, act("a"), act("b")), steps={"v": chosen}))
    assert command == model.Skip("a", why="v chose another branch")


@pytest.mark.parametrize("status", [S.FAILED, S.SKIPPED])
def test_a_decision_that_ended_without_a_choice_skips_all_of_its_branches(status):
    of = playbook({**VERDICT, "on_error": "continue"}, act("a"), act("b", needs=[]))
    commands = next_of(state(of, steps={"v": StepState(status=status)}))
    assert commands == [model.Skip("a", why="v chose no branch"), model.Skip("b", why="v chose no branch")]


def test_skipping_does_not_spread():
    chosen = StepState(status=S.COMPLETED, decision="good")
    of = playbook(VERDICT, act("a"), act("b"), act("c", needs=["a"]))
    done = {"v": chosen, "a": StepState(status=S.SKIPPED), "b": DONE}
    (command,) = next_of(state(of, steps=done))
    assert command == model.Call("c", (), {"host": "h"})


def test_a_manual_step_waits_for_a_person():
    assert kinds(state(playbook({"id": "m", "kind": "manual", "instructions": "go"}))) == [model.AwaitPerson]


def test_a_failure_that_halts_starts_nothing_more():
    of, steps = playbook(act("a"), act("b", needs=[])), {"a": StepState(status=S.FAILED)}
    assert kinds(state(of, steps=steps)) == [model.CancelRest]
    assert next_of(state(of, steps={**steps, "b": CANCELLED})) == [model.Finish(E.FAILED, "the step a failed")]


def test_a_failure_with_continue_goes_on():
    (command,) = next_of(state(playbook(act("a", on_error="continue"), act("b")), steps={"a": StepState(status=S.FAILED)}))
    assert command.step == "b"


def test_a_failure_undoes_where_the_playbook_says_so():
    of = playbook(act("a"), act("b"), rollback={"on": ["failure"]})
    commands = next_of(state(of, steps={"a": UNDOABLE, "b": StepState(status=S.FAILED)}))
    assert isinstance(commands[-1], model.RollBack)


def test_a_failure_waits_while_a_write_is_uncertain():
    of = playbook(act("a"), act("b", needs=[]))
    steps = {"a": StepState(status=S.UNCERTAIN), "b": StepState(status=S.FAILED)}
    assert kinds(state(of, steps=steps)) == [model.CancelRest]
    assert next_of(state(of, steps={**steps, "a": LEFT_OPEN})) == [model.Rest(E.AWAITING_INPUT)]


def test_undoing_goes_backwards_by_completion():
    of = playbook(act("a"), act("b"))
    steps = {"a": StepState(status=S.COMPLETED, undoable=True, order=(2, 0)), "b": UNDOABLE}
    assert next_of(state(of, steps=steps, status=E.ROLLING_BACK)) == [model.Undo("a")]


def test_undoing_ends_when_nothing_is_left():
    steps = {"a": StepState(status=S.COMPLETED, undoable=True, undo=S.FAILED)}
    assert next_of(state(playbook(act("a")), steps=steps, status=E.ROLLING_BACK)) == [model.Finish(E.ROLLED_BACK)]


def test_cancel_cancels_the_rest():
    of, control = playbook(act("a"), act("b")), {"cancel": {"by": "lead"}}
    assert next_of(state(of, control=control)) == [model.CancelRest("a person cancelled it")]
    steps = {"a": LEFT_OPEN, "b": CANCELLED}
    assert next_of(state(of, steps=steps, control=control)) == [model.Finish(E.CANCELLED, "a person cancelled it")]


def test_the_end_of_its_time_fails_it():
    assert kinds(state(playbook(act("a")), deadline=NOW)) == [model.CancelRest]
    (command,) = next_of(state(playbook(act("a")), steps={"a": CANCELLED}, deadline=NOW))
    assert (command.status, command.why) == (E.FAILED, "its time has run out")


def test_the_end_of_its_time_stands_where_a_clock_is_set_back_while_somebody_says_what_happened():
    of = playbook(act("a", needs=[]), act("b", needs=[]))
    waits = {"a": LEFT_OPEN, "b": CANCELLED}
    assert next_of(state(of, steps=waits, deadline=LATER)) == [model.Rest(E.AWAITING_INPUT)]
    (command,) = next_of(state(of, steps={**waits, "a": DONE}, deadline=LATER))
    assert (command.status, command.why) == (E.FAILED, "its time has run out")


def test_a_person_may_roll_back_while_it_runs():
    of, control = playbook(act("a"), act("b")), {"rollback": {"by": "lead"}}
    assert kinds(state(of, steps={"a": UNDOABLE}, control=control)) == [model.CancelRest]
    assert kinds(state(of, steps={"a": UNDOABLE, "b": CANCELLED}, control=control)) == [model.RollBack]


def test_a_person_may_roll_back_what_has_ended():
    of = state(playbook(act("a")), steps={"a": UNDOABLE}, status=E.COMPLETED, control={"rollback": {"by": "lead"}})
    assert kinds(of) == [model.RollBack]


def test_what_has_ended_rests():
    assert next_of(state(playbook(act("a")), steps={"a": DONE}, status=E.COMPLETED)) == [model.Rest(E.COMPLETED)]


def test_all_ended_finishes():
    assert next_of(state(playbook(act("a")), steps={"a": DONE})) == [model.Finish(E.COMPLETED)]


@pytest.mark.parametrize(
    ("approval", "rule", "expected"),
    [
        ("rejected", "halt", model.Fail), ("expired", "halt", model.Fail), ("expired", "skip", model.Skip),
        ("withdrawn", "halt", model.Unblock), ("approved", "halt", model.CallApproved), ("pending", "halt", model.Rest),
    ],
)  # fmt: skip
def test_a_waiting_step_follows_its_request(approval, rule, expected):
    run = StepState(status=S.AWAITING_APPROVAL, approval=approval, on_timeout=rule)
    assert kinds(state(playbook(act("a")), steps={"a": run})) == [expected]


def test_a_queued_simulation_is_run_after_the_end():
    run = StepState(status=S.SIMULATED, approval="approved")
    assert kinds(state(playbook(act("a")), steps={"a": run}, status=E.COMPLETED)) == [model.CallApproved]


def test_an_emergency_stop_keeps_what_was_approved_waiting():
    run = StepState(status=S.AWAITING_APPROVAL, approval="approved")
    assert kinds(state(playbook(act("a")), steps={"a": run}, stopped=True)) == [model.Rest]


def test_an_emergency_stop_holds_notifications():
    facts = {"a": Facts(effect="irreversible", notification=True)}
    assert kinds(state(playbook(act("a")), facts, stopped=True)) == [model.Block]


def test_a_held_step_starts_again_when_the_stop_is_lifted():
    assert next_of(state(playbook(act("a")), steps={"a": StepState(status=S.BLOCKED)})) == [model.Unblock("a")]


def test_a_step_found_under_way_is_recovered_first():
    of = state(playbook(act("a")), steps={"a": StepState(status=S.IN_PROGRESS, calling=True)}, control={"cancel": {"by": "lead"}})
    assert next_of(of) == [model.Recover("a")]


LOOKED_FOR = StepState(status=S.IN_PROGRESS, calling=True, look_at=LATER, pause=dt.timedelta(seconds=9))


@pytest.mark.parametrize(("control", "status"), [({}, E.WAITING), ({"pause": {"by": "x"}}, E.PAUSED), ({"cancel": {"by": "x"}}, E.WAITING)])
def test_what_may_be_under_way_at_a_vendor_is_looked_for_later_and_nothing_else_begins(control, status):
    of = state(playbook(act("a"), act("b", needs=[])), steps={"a": LOOKED_FOR}, control=control)
    assert next_of(of) == [model.Rest(status, LATER)]


@pytest.mark.parametrize("status", [E.ROLLING_BACK, E.COMPLETED])
def test_what_has_ended_stays_so_while_something_is_looked_for_later(status):
    assert next_of(state(playbook(act("a")), steps={"a": LOOKED_FOR}, status=status)) == [model.Rest(status, LATER)]


def test_what_is_looked_for_later_than_it_can_be_was_put_off_before_a_clock_was_set_back():
    run = LOOKED_FOR._replace(look_at=LATER + dt.timedelta(hours=2))
    assert next_of(state(playbook(act("a")), steps={"a": run})) == [model.Recover("a")]


def test_a_call_in_flight_is_waited_for():
    run = StepState(status=S.IN_PROGRESS, calling=True)
    assert next_of(state(playbook(act("a")), steps={"a": run}, in_flight=frozenset({"a"}))) == [model.Rest(E.EXECUTING)]


def test_a_cancel_waits_for_calls_in_flight():
    run, asked = StepState(status=S.IN_PROGRESS, calling=True), {"cancel": {"by": "lead"}}
    of = state(playbook(act("a")), steps={"a": run}, in_flight=frozenset({"a"}), control=asked)
    assert next_of(of) == [model.Rest(E.EXECUTING)]


def test_steps_that_need_nothing_of_each_other_start_together():
    of = state(playbook(act("a"), act("b", needs=[])))
    assert [command.step for command in next_of(of)] == ["a", "b"]


def test_a_paused_execution_starts_nothing():
    assert next_of(state(playbook(act("a")), control={"pause": {"by": "lead"}})) == [model.Rest(E.PAUSED)]


def test_what_was_approved_waits_while_paused():
    run = StepState(status=S.AWAITING_APPROVAL, approval="approved")
    of = state(playbook(act("a")), {"a": WRITE}, steps={"a": run}, control={"pause": {"by": "lead"}})
    assert next_of(of) == [model.Rest(E.PAUSED)]


def test_a_paused_execution_can_be_cancelled():
    of = state(playbook(act("a")), control={"pause": {"by": "lead"}, "cancel": {"by": "lead"}})
    assert kinds(of) == [model.CancelRest]


def test_its_time_stops_while_it_is_paused():
    of = state(playbook(act("a")), control={"pause": {"by": "lead"}}, deadline=NOW)
    assert next_of(of) == [model.Rest(E.PAUSED)]


def test_a_retry_waits_for_its_moment():
    run = StepState(attempt=1, retry_at=LATER)
    assert next_of(state(playbook(act("a")), steps={"a": run})) == [model.Rest(E.WAITING, LATER)]


def test_a_rest_ends_with_the_execution_s_time():
    steps = {"a": StepState(status=S.AWAITING_APPROVAL, approval="pending")}
    assert next_of(state(playbook(act("a")), steps=steps, deadline=LATER)) == [model.Rest(E.AWAITING_APPROVAL, LATER)]


def test_what_was_approved_and_waits_for_its_next_try_waits_for_a_time_and_for_nobody():
    run = StepState(status=S.AWAITING_APPROVAL, approval="approved", retry_at=LATER)
    assert next_of(state(playbook(act("a")), {"a": WRITE}, steps={"a": run})) == [model.Rest(E.WAITING, LATER)]


def test_a_failure_that_waits_for_what_nobody_knows_asks_for_nothing_else_meanwhile():
    steps = {"a": StepState(status=S.FAILED), "b": LEFT_OPEN, "c": StepState(status=S.AWAITING_APPROVAL)}
    of = state(playbook(act("a"), act("b", needs=[]), act("c", needs=[])), steps=steps)
    assert kinds(of) == [model.CancelRest]


def test_a_failure_waits_for_the_end_of_a_pause_and_starts_no_undo_before():
    steps = {"a": UNDOABLE, "b": StepState(status=S.FAILED)}
    of = state(playbook(act("a"), act("b"), rollback={"on": ["failure"]}), steps=steps, control={"pause": {"by": "lead"}})
    assert next_of(of) == [model.Rest(E.PAUSED)]
