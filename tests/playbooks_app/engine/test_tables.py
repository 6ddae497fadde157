"""The tables of transitions, levels and policy."""

import itertools

import pytest

from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepStatus
from playbooks_app.engine import levels, policy, states
from playbooks_app.engine.policy import Way
from playbooks_app.spec.schema import Level
from tests.playbooks_app.engine.states_of import NOTIFICATION, READ, WRITE

LEVELS = list(Level)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(ExecutionStatus, repeat=2)))
def test_an_execution_goes_only_where_the_table_says(before, after):
    if after in states.EXECUTION[before]:
        assert states.execution(before, after) is after
    else:
        with pytest.raises(states.IllegalTransition):
            states.execution(before, after)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(StepStatus, repeat=2)))
def test_a_step_goes_only_where_the_table_says(before, after):
    if after in states.STEP[before]:
        assert states.step(before, after) is after
    else:
        with pytest.raises(states.IllegalTransition):
            states.step(before, after)


def test_every_status_has_its_row():
    assert set(states.EXECUTION) == set(ExecutionStatus)
    assert set(states.STEP) == set(StepStatus)


def test_what_has_ended_may_only_be_rolled_back():
    after = set().union(*(states.EXECUTION[status] for status in FINAL_EXECUTION))
    assert after == {ExecutionStatus.ROLLING_BACK}


def test_the_diagram_shows_every_transition():
    diagram = states.mermaid(states.EXECUTION)
    assert diagram.count("-->") == sum(map(len, states.EXECUTION.values()))


@pytest.mark.parametrize(("deployment", "tenant", "playbook"), list(itertools.product(LEVELS[:2], repeat=3)))
def test_the_level_is_the_least_of_all(deployment, tenant, playbook):
    found = levels.effective(deployment=deployment, tenant=tenant, playbook=playbook, request=None, l2_enabled=False)
    assert found.level is min((deployment, tenant, playbook), key=levels.ORDER.index)


def test_the_level_says_what_capped_it():
    found = levels.effective(deployment=Level.L2, tenant=Level.L0, playbook=Level.L1, request=None, l2_enabled=False)
    assert found.cap == "capped by the tenant"


def test_a_request_lowers_the_level():
    found = levels.effective(deployment=Level.L2, tenant=Level.L1, playbook=Level.L1, request=Level.L0, l2_enabled=False)
    assert found == levels.Effective(Level.L0, "capped by the request")


def test_a_request_never_raises_the_level():
    found = levels.effective(deployment=Level.L2, tenant=Level.L2, playbook=Level.L0, request=Level.L1, l2_enabled=True)
    assert found.level is Level.L0


@pytest.mark.parametrize("request_", [None, Level.L2])
def test_l2_is_refused_where_it_is_not_enabled(request_):
    with pytest.raises(levels.L2NotEnabled):
        levels.effective(deployment=Level.L2, tenant=Level.L2, playbook=Level.L2, request=request_, l2_enabled=False)


def test_l2_is_refused_where_the_tenant_allows_less():
    with pytest.raises(levels.L2NotEnabled):
        levels.effective(deployment=Level.L2, tenant=Level.L1, playbook=Level.L2, request=None, l2_enabled=True)


RULES = [
    (Level.L0, READ, {}, Way.SHOW), (Level.L0, WRITE, {}, Way.SHOW), (Level.L0, NOTIFICATION, {}, Way.SHOW),
    (Level.L1, READ, {}, Way.RUN), (Level.L2, READ, {"stopped": True}, Way.RUN), (Level.L1, WRITE, {}, Way.ASK),
    (Level.L2, WRITE, {}, Way.SIMULATE), (Level.L1, WRITE, {"drill": True}, Way.SIMULATE),
    (Level.L1, NOTIFICATION, {}, Way.RUN), (Level.L2, NOTIFICATION, {}, Way.RUN),
    (Level.L1, NOTIFICATION, {"stopped": True}, Way.HOLD), (Level.L1, NOTIFICATION, {"drill": True}, Way.SIMULATE),
    (Level.L1, NOTIFICATION, {"approve_notifications": True}, Way.ASK),
    (Level.L2, NOTIFICATION, {"approve_notifications": True}, Way.SIMULATE),
]  # fmt: skip


@pytest.mark.parametrize(("level", "facts", "more", "way"), RULES)
def test_policy_follows_its_table(level, facts, more, way):
    switches = {"drill": False, "stopped": False, "approve_notifications": False, **more}
    assert policy.rule(level=level, facts=facts, **switches).way is way
