"""Every legal transition of executions and steps. The diagram in the documentation is drawn from these tables."""

from collections.abc import Mapping

from playbooks_app.choices import ExecutionStatus as E
from playbooks_app.choices import StepStatus as S


class IllegalTransition(Exception):
    """A transition that the table does not have; nothing was changed."""


_LIVE = {E.EXECUTING, E.AWAITING_APPROVAL, E.AWAITING_INPUT, E.WAITING}
_ENDS = {E.COMPLETED, E.FAILED, E.CANCELLED, E.ABANDONED}

EXECUTION: Mapping[E, frozenset[E]] = {
    E.IDLE: frozenset({E.PLANNING, E.CANCELLED, E.ABANDONED}),
    E.PLANNING: frozenset({E.EXECUTING, E.FAILED, E.CANCELLED, E.ABANDONED}),
    E.EXECUTING: frozenset((_LIVE | _ENDS | {E.ROLLING_BACK, E.PAUSED}) - {E.EXECUTING}),
    E.AWAITING_APPROVAL: frozenset((_LIVE | _ENDS | {E.ROLLING_BACK, E.PAUSED}) - {E.AWAITING_APPROVAL}),
    E.AWAITING_INPUT: frozenset((_LIVE | _ENDS | {E.ROLLING_BACK, E.PAUSED}) - {E.AWAITING_INPUT}),
    E.WAITING: frozenset((_LIVE | _ENDS | {E.ROLLING_BACK, E.PAUSED}) - {E.WAITING}),
    E.PAUSED: frozenset(_LIVE | _ENDS | {E.ROLLING_BACK}),
    E.COMPLETED: frozenset({E.ROLLING_BACK}),
    E.FAILED: frozenset({E.ROLLING_BACK}),
    E.CANCELLED: frozenset({E.ROLLING_BACK}),
    E.ABANDONED: frozenset({E.ROLLING_BACK}),
    E.ROLLING_BACK: frozenset({E.ROLLED_BACK, E.ABANDONED}),
    E.ROLLED_BACK: frozenset(),
}

STEP: Mapping[S, frozenset[S]] = {
    S.NOT_STARTED: frozenset(
        {
            S.IN_PROGRESS,
            S.AWAITING_APPROVAL,
            S.AWAITING_INPUT,
            S.COMPLETED,
            S.SKIPPED,
            S.BLOCKED,
            S.FAILED,
            S.SIMULATED,
            S.CANCELLED,
            S.UNCERTAIN,
        }
    ),
    S.IN_PROGRESS: frozenset(
        {
            S.COMPLETED,
            S.SKIPPED,
            S.FAILED,
            S.BLOCKED,
            S.UNCERTAIN,
            S.NOT_STARTED,
            S.AWAITING_APPROVAL,
            S.CANCELLED,
            S.SIMULATED,
        }
    ),
    S.AWAITING_APPROVAL: frozenset({S.IN_PROGRESS, S.SKIPPED, S.FAILED, S.BLOCKED, S.CANCELLED, S.NOT_STARTED, S.UNCERTAIN}),
    S.AWAITING_INPUT: frozenset({S.COMPLETED, S.SKIPPED, S.FAILED, S.CANCELLED}),
    S.COMPLETED: frozenset({S.ROLLED_BACK}),
    S.SKIPPED: frozenset(),
    S.BLOCKED: frozenset({S.NOT_STARTED, S.CANCELLED}),
    S.FAILED: frozenset(),
    S.SIMULATED: frozenset({S.IN_PROGRESS, S.UNCERTAIN}),
    S.UNCERTAIN: frozenset(
        {
            S.IN_PROGRESS,
            S.COMPLETED,
            S.FAILED,
            S.SKIPPED,
            S.NOT_STARTED,
            S.AWAITING_APPROVAL,
            S.SIMULATED,
            S.CANCELLED,
        }
    ),
    S.CANCELLED: frozenset(),
    S.ROLLED_BACK: frozenset(),
}

#: A step that has ended lets those that need it start.
ENDED = frozenset({S.COMPLETED, S.SKIPPED, S.SIMULATED, S.FAILED, S.CANCELLED, S.ROLLED_BACK})

#: A step waits there for its next try, where it had one.
HELD = frozenset({S.NOT_STARTED, S.AWAITING_APPROVAL, S.SIMULATED})


def execution(before: str, after: str) -> E:
    """Return `after` where an execution may go there from `before`; raises IllegalTransition."""
    if E(after) not in EXECUTION[E(before)]:
        raise IllegalTransition(f"An execution cannot go from {before} to {after}.")
    return E(after)


def step(before: str, after: str) -> S:
    """Return `after` where a step may go there from `before`; raises IllegalTransition."""
    if S(after) not in STEP[S(before)]:
        raise IllegalTransition(f"A step cannot go from {before} to {after}.")
    return S(after)


def mermaid(table: Mapping[E, frozenset[E]] | Mapping[S, frozenset[S]]) -> str:
    """Return the table as a Mermaid state diagram."""
    rows = sorted(f"    {before} --> {after}" for before, afters in table.items() for after in afters)
    return "\n".join(["stateDiagram-v2", *rows])
