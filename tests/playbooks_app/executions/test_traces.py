"""Traces that the long run of the model found, walked once more."""

import datetime as dt

from playbooks_app.services import executions
from tests.playbooks_app.executions.draws import act_of, each_of
from tests.playbooks_app.executions.test_model import machine

__all__ = ["machine"]

CALM = ([], None, [], False)
AT_L1 = {"level": "L1", "drill": False}


def test_an_answer_that_comes_late_is_no_completion_after_which_to_undo(machine):
    """The vendor answers after another worker has repeated the calls, and all are undone."""
    here = machine()
    each = each_of("lab.keyed")("s0")
    try:
        here.start(steps=[each], around=AT_L1, before=CALM, after=(["lost before", "lost before"], None, ["nothing", "overtaken"], False))
        here.interfere(executions.rollback)
        here.work_on(CALM)
        here.everything_holds()
    finally:
        here.teardown()


def test_a_request_that_nobody_decided_in_time_runs_out_in_fair_weather(machine):
    """Nothing is due but what a request's time-out decides."""
    here = machine()
    here.start(steps=[act_of("lab.keyed")("s0"), act_of("lab.keyed")("s1")], around=AT_L1, before=CALM, after=CALM)
    here.move_clock(dt.timedelta(minutes=6))
    here.teardown()
