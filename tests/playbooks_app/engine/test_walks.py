"""Playbooks of any shape, with any outcomes: what holds for all of them."""

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks_app.choices import ExecutionStatus as E
from playbooks_app.choices import StepStatus as S
from playbooks_app.engine import model
from playbooks_app.engine.states import ENDED
from tests.playbooks_app.engine.states_of import READ, WRITE, act, next_of, playbook, state

MODES = st.sampled_from(["halt", "continue", "skip"])
OUTCOMES = st.sampled_from([S.COMPLETED, S.FAILED])
STANDS = ENDED | {S.AWAITING_APPROVAL, S.AWAITING_INPUT, S.UNCERTAIN, S.BLOCKED}


@st.composite
def walks(draw):
    """A playbook without cycles, the facts of its steps, and what each call would come to."""
    count = draw(st.integers(1, 6))
    ids = [f"s{number}" for number in range(count)]
    steps = [
        act(step_id, needs=draw(st.lists(st.sampled_from(ids[:at]), unique=True)) if at else [], on_error=draw(MODES))
        for at, step_id in enumerate(ids)
    ]
    facts = {step_id: draw(st.sampled_from([READ, WRITE])) for step_id in ids}
    return playbook(*steps), facts, {step_id: draw(OUTCOMES) for step_id in ids}, draw(st.sampled_from(["approved", "rejected"]))


def walked(walk):
    """Do what the engine says until it rests or finishes; return the last state and every command on the way."""
    of, facts, outcomes, verdict = walk
    at, said = state(of, facts), []
    for _ in range(100):
        for command in next_of(at):
            said.append((command, at))
            if isinstance(command, model.Finish | model.Rest):
                return dataclasses.replace(at, status=command.status), said
            at = done(at, command, outcomes, verdict)
    raise AssertionError("the walk does not end")


def done(at, command, outcomes, verdict):
    steps = dict(at.steps)
    if isinstance(command, model.CancelRest):
        cancelled = {
            step_id: run._replace(status=S.CANCELLED) for step_id, run in steps.items() if run.status not in ENDED
        }
        return dataclasses.replace(at, steps={**steps, **cancelled})
    run = steps[command.step]
    if isinstance(command, model.Ask):
        run = run._replace(status=S.AWAITING_APPROVAL, approval=verdict)
    else:
        status = S.FAILED if isinstance(command, model.Fail) else outcomes[command.step]
        mode = at.step(command.step).on_error.value
        run = run._replace(status=S.SKIPPED if status is S.FAILED and mode == "skip" else status)
    return dataclasses.replace(at, steps={**steps, command.step: run})


@settings(deadline=None, max_examples=150)
@given(walks())
def test_every_walk_ends_with_every_step_ended_or_waiting(walk):
    last, _ = walked(walk)
    assert last.status in (E.COMPLETED, E.FAILED)
    assert {run.status for run in last.steps.values()} <= STANDS


@settings(deadline=None, max_examples=150)
@given(walks())
def test_no_step_starts_before_what_it_needs(walk):
    starts = [(command, at) for command, at in walked(walk)[1] if isinstance(command, model.Call | model.Ask)]
    assert all(at.steps[need].status in ENDED for command, at in starts for need in at.step(command.step).needs)


@settings(deadline=None, max_examples=150)
@given(walks())
def test_no_write_is_called_without_approval(walk):
    said = walked(walk)[1]
    assert all(at.facts[command.step] == READ for command, at in said if isinstance(command, model.Call))
    assert all(at.steps[command.step].approval == "approved" for command, at in said if isinstance(command, model.CallApproved))


@settings(deadline=None, max_examples=150)
@given(walks())
def test_nothing_starts_after_a_halt(walk):
    said = [command for command, _ in walked(walk)[1]]
    at = next((number for number, command in enumerate(said) if isinstance(command, model.CancelRest)), len(said))
    assert not any(isinstance(command, model.OfStep) for command in said[at:])
