"""What the engine decides about iterations, waits and child executions."""

import datetime as dt
from typing import Any

import pytest

from playbooks_app.choices import ExecutionStatus as E
from playbooks_app.choices import StepStatus as S
from playbooks_app.engine import loops, model
from playbooks_app.engine.decide import after_error
from playbooks_app.engine.model import StepState
from tests.playbooks_app.engine.states_of import NOW, WRITE, act, next_of, playbook, state

EACH: dict[str, Any] = {"for_each": ["h1", "h2", "h3"], "as": "host", "with": {"host": "{{ host }}"}}
SECOND = dt.timedelta(seconds=1)
PARAMS = ({"host": "h1"}, {"host": "h2"}, {"host": "h3"})


def wait(**more: Any) -> dict[str, Any]:
    return {"id": "w", "kind": "wait", **more}


def child(**more: Any) -> dict[str, Any]:
    return {"id": "c", "kind": "playbook", "playbook": "other", **more}


def loop(*statuses: S, status: S = S.IN_PROGRESS, approval: str = "", **more: Any) -> StepState:
    """A step with iterations in these states."""
    iterations = tuple(StepState(status=item) for item in statuses)
    return StepState(status=status, approval=approval, expanded=True, iterations=iterations, **more)


def after(step: dict[str, Any], run: StepState, **more: Any) -> list[model.Command]:
    """What comes next where a step is in this state."""
    return next_of(state(playbook(step, **more.pop("of", {})), steps={step["id"]: run}, **more))


class TestExpanding:
    def test_a_read_is_run_for_each_item(self) -> None:
        (command,) = next_of(state(playbook(act("a", **EACH))))
        assert command == model.Expand("a", (), ("h1", "h2", "h3"), PARAMS, "run")

    @pytest.mark.parametrize(("level", "then"), [("L1", "ask"), ("L2", "simulate")])
    def test_a_write_asks_or_rehearses_for_all_at_once(self, level: str, then: str) -> None:
        (command,) = next_of(state(playbook(act("a", **EACH), level=level), {"a": WRITE}))
        assert isinstance(command, model.Expand)
        assert command.then == then

    def test_at_l0_a_person_gets_the_whole_list(self) -> None:
        (command,) = next_of(state(playbook(act("a", **EACH), level="L0")))
        assert isinstance(command, model.AwaitPerson)
        assert command.params == list(PARAMS)

    def test_no_items_complete_it(self) -> None:
        assert next_of(state(playbook(act("a", **{**EACH, "for_each": []})))) == [model.Complete("a", (), [])]

    @pytest.mark.parametrize("items", ["{{ inputs.text }}", "{{ inputs.many }}"])
    def test_what_is_no_list_or_too_long_fails_it(self, items: str) -> None:
        scope = {"inputs": {"text": "h1", "many": list(range(loops.MOST + 1))}}
        (command,) = next_of(state(playbook(act("a", **{**EACH, "for_each": items})), scope=scope))
        assert isinstance(command, model.Fail)
        assert "for_each" in command.why


class TestIterations:
    def test_as_many_start_as_may_run_at_once(self) -> None:
        step = act("a", **EACH, max_parallel=2)
        run = loop(S.IN_PROGRESS, S.NOT_STARTED, S.NOT_STARTED)
        assert after(step, run) == [model.CallItem("a[1]")]

    def test_one_that_waits_for_another_try_does_not_start(self) -> None:
        iterations = (StepState(status=S.COMPLETED), StepState(status=S.NOT_STARTED, retry_at=NOW + SECOND))
        (command,) = after(act("a", **EACH), StepState(status=S.IN_PROGRESS, expanded=True, iterations=iterations))
        assert isinstance(command, model.Rest)
        assert command.wake_at == NOW + SECOND

    def test_all_that_ended_are_gathered(self) -> None:
        assert after(act("a", **EACH), loop(S.COMPLETED, S.COMPLETED)) == [model.Gather("a")]

    def test_a_failure_halts_the_others(self) -> None:
        run = loop(S.COMPLETED, S.FAILED, S.NOT_STARTED)
        assert after(act("a", **EACH), run) == [model.Gather("a", why="an iteration failed")]

    def test_a_failure_waits_for_those_under_way(self) -> None:
        run = loop(S.FAILED, S.IN_PROGRESS)
        assert after(act("a", **EACH), run, in_flight=frozenset({"a[1]"})) == [model.Rest(E.EXECUTING)]

    def test_a_failure_that_may_be_passed_over_lets_the_others_start(self) -> None:
        step = act("a", **EACH, on_error="continue", max_parallel=5)
        assert after(step, loop(S.FAILED, S.NOT_STARTED)) == [model.CallItem("a[1]")]

    def test_what_people_approved_is_called_one_by_one(self) -> None:
        step = act("a", **EACH, max_parallel=2)
        run = loop(*[S.AWAITING_APPROVAL] * 3, status=S.AWAITING_APPROVAL, approval="approved")
        assert after(step, run) == [model.CallApproved("a[0]"), model.CallApproved("a[1]")]

    def test_what_people_approved_is_not_called_after_a_failure(self) -> None:
        run = loop(S.FAILED, S.AWAITING_APPROVAL, status=S.IN_PROGRESS, approval="approved")
        assert after(act("a", **EACH), run) == [model.Gather("a", why="an iteration failed")]

    def test_what_was_rehearsed_and_approved_is_not_gathered_before_it_is_done(self) -> None:
        run = loop(S.COMPLETED, S.SIMULATED, approval="approved")
        assert after(act("a", **EACH), run) == [model.CallApproved("a[1]")]

    def test_what_was_approved_after_the_end_is_gathered_after_the_end(self) -> None:
        run = loop(S.COMPLETED, S.COMPLETED, approval="approved")
        assert after(act("a", **EACH), run, status=E.COMPLETED) == [model.Gather("a")]


class TestChildren:
    def test_a_child_is_started_with_what_it_gets(self) -> None:
        step = child(**{"with": {"host": "h"}})
        assert next_of(state(playbook(step))) == [model.StartChild("c", (), {"host": "h"})]

    def test_a_child_is_started_for_each_item(self) -> None:
        (command,) = next_of(state(playbook(child(**EACH))))
        assert isinstance(command, model.Expand)
        assert after(child(**EACH, max_parallel=5), loop(S.NOT_STARTED)) == [model.StartChild("c[0]")]

    def test_a_child_that_runs_is_waited_for(self) -> None:
        (command,) = after(child(), StepState(status=S.IN_PROGRESS, child=E.EXECUTING))
        assert command == model.Rest(E.WAITING)

    @pytest.mark.parametrize("ended", [E.COMPLETED, E.FAILED, E.CANCELLED])
    def test_a_child_that_ended_ends_its_step(self, ended: E) -> None:
        assert after(child(), StepState(status=S.IN_PROGRESS, child=ended)) == [model.EndChild("c")]

    def test_children_that_ended_end_their_iterations(self) -> None:
        iterations = (StepState(status=S.IN_PROGRESS, child=E.COMPLETED), StepState(status=S.IN_PROGRESS, child=E.EXECUTING))
        run = StepState(status=S.IN_PROGRESS, expanded=True, iterations=iterations)
        assert after(child(**EACH), run) == [model.EndChild("c[0]")]

    ABOUT_TO_END: tuple[dict[str, Any], ...] = (
        {"control": {"cancel": {"by": "x"}}},
        {"deadline": NOW},
        {"steps": {"a": StepState(status=S.FAILED)}},
    )
    BUSY: tuple[dict[str, Any], ...] = (
        {"in_flight": frozenset({"b"})},
        {"steps": {"b": StepState(status=S.IN_PROGRESS, calling=True, look_at=NOW + SECOND)}},
        {"steps": {"b": StepState(status=S.UNCERTAIN)}},
    )

    def of(self, *given: dict[str, Any], **child_: Any) -> list[model.Command]:
        steps = {"c": StepState(status=S.IN_PROGRESS, child=E.EXECUTING, **child_)}
        more: dict[str, Any] = {}
        for one in given:
            steps |= one.get("steps", {})
            more |= {name: value for name, value in one.items() if name != "steps"}
        return next_of(state(playbook(act("a"), act("b"), child()), steps=steps, **more))

    @pytest.mark.parametrize("busy", BUSY)
    @pytest.mark.parametrize("why", ABOUT_TO_END)
    def test_nothing_below_goes_on_while_one_that_is_about_to_end_is_busy(self, why: dict[str, Any], busy: dict[str, Any]) -> None:
        assert self.of(why, busy) == [model.AskToEnd("c", why="it is about to end itself")]
        assert not any(isinstance(command, model.AskToEnd) for command in self.of(why, busy, asked_to_end=True))

    def test_one_that_has_failed_under_a_pause_asks_nobody_below_to_end(self) -> None:
        assert self.of(self.ABOUT_TO_END[2], {"control": {"pause": {"by": "x"}}}) == [model.Rest(E.PAUSED)]


class TestWaits:
    def test_a_time_is_waited_for_in_words(self) -> None:
        (command,) = next_of(state(playbook(wait(duration="10m"))))
        assert isinstance(command, model.AwaitTime)
        assert command.why.endswith("to pass")

    def test_a_condition_that_holds_at_once_waits_for_nothing(self) -> None:
        (command,) = next_of(state(playbook(wait(until="true", timeout="1h"))))
        assert isinstance(command, model.Complete)

    def test_a_condition_that_does_not_hold_yet_is_waited_for(self) -> None:
        (command,) = next_of(state(playbook(wait(until="false", timeout="1h"))))
        assert isinstance(command, model.AwaitTime)
        assert command.why == "until false"

    def waiting(self, started: dt.datetime = NOW, **more: Any) -> model.Command:
        (command,) = after(wait(**more), StepState(status=S.IN_PROGRESS, started_at=started))
        return command

    def test_a_time_that_has_passed_completes_it(self) -> None:
        command = self.waiting(NOW - dt.timedelta(minutes=10), duration="10m")
        assert command == model.Complete("w", (), {"held": True})

    def test_a_time_that_has_not_passed_rests_until_it_does(self) -> None:
        command = self.waiting(NOW - SECOND, duration="10m")
        assert command == model.Rest(E.WAITING, NOW - SECOND + dt.timedelta(minutes=10))

    def test_a_condition_that_holds_now_completes_it(self) -> None:
        assert isinstance(self.waiting(until="true", timeout="1h"), model.Complete)

    def test_a_condition_is_looked_at_again_after_a_while(self) -> None:
        command = self.waiting(until="false", timeout="1h", every="5s")
        assert command == model.Rest(E.WAITING, NOW + dt.timedelta(seconds=5))

    def test_a_condition_that_did_not_hold_in_time_fails_it(self) -> None:
        command = self.waiting(NOW - dt.timedelta(hours=1), until="false", timeout="1h")
        assert isinstance(command, model.Fail)
        assert command.code == "timeout"

    def test_a_condition_that_cannot_be_evaluated_fails_it(self) -> None:
        command = self.waiting(until="1 < 'a'", timeout="1h")
        assert isinstance(command, model.Fail)
        assert command.code == "expression"


class TestState:
    def test_a_step_is_found_by_its_id(self) -> None:
        of = state(playbook(act("a"), act("b")))
        assert of.step("b").id == "b"

    def test_an_iteration_names_its_step(self) -> None:
        assert (model.step_id_of("a[3]"), model.step_id_of("a")) == ("a", "a")


class TestEndings:
    def test_an_undo_under_way_is_waited_for(self) -> None:
        run = StepState(status=S.COMPLETED, mode="real", order=(1, 0), undoable=True)
        commands = after(act("a"), run, status=E.ROLLING_BACK, in_flight=frozenset({"undo:a"}))
        assert commands == [model.Rest(E.ROLLING_BACK)]

    @pytest.mark.parametrize(("mode", "status"), [("halt", S.FAILED), ("continue", S.FAILED), ("skip", S.SKIPPED)])
    def test_a_step_that_failed_for_good_goes_where_its_rule_says(self, mode: str, status: S) -> None:
        assert after_error(playbook(act("a", on_error=mode)).steps[0]) is status
