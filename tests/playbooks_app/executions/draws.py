"""Playbooks of any shape, and what may happen while one of them runs."""

import datetime as dt

from hypothesis import strategies as st

from playbooks_app.services import closing, executions
from tests.playbooks_app.executions.laboratory import ANSWERS

BACK = {"lab.keyed": "lab.unkeyed", "lab.looked": "lab.unlooked"}
LEASE = dt.timedelta(seconds=31)
MOVES = [dt.timedelta(seconds=2), LEASE, dt.timedelta(minutes=6), dt.timedelta(seconds=-40), dt.timedelta(hours=-2)]


@st.composite
def steps_of(draw):
    """A playbook of one to four steps of any kind."""
    count = draw(st.sampled_from([1, 1, 2, 3, 4]))
    return [{**draw(KINDS)(f"s{number}"), **draw(st.sampled_from([{}, {"needs": []}]))} for number in range(count)]


def act_of(action, **more):
    def made(step_id):
        undo = {"rollback": {"action": BACK[action], "with": {"what": step_id}}} if action in BACK else {}
        return {"id": step_id, "action": action, "with": {"what": step_id}, **undo, **more}

    return made


def each_of(action):
    def made(step_id):
        what = f"{step_id}[{{{{ item }}}}]"
        undo = {"rollback": {"action": BACK[action], "with": {"what": what}}} if action in BACK else {}
        return {"id": step_id, "action": action, "for_each": [0, 1, 2], "with": {"what": what}, "max_parallel": 2, **undo}

    return made


RETRY = {"attempts": 2, "backoff": "1s"}
WRITES = ["lab.keyed", "lab.looked", "lab.both", "lab.blind", "lab.tell"]
KINDS = st.one_of(
    st.sampled_from([*WRITES, "lab.status"]).map(act_of),
    st.sampled_from(WRITES).map(lambda action: act_of(action, retry=RETRY)),
    st.builds(lambda action, more: act_of(action, **more), st.sampled_from(WRITES), st.sampled_from([
        {"retry": RETRY}, {"on_error": "continue"}, {"on_error": "skip"}, {"approval": {"on_timeout": "skip"}},
        {"approval": {"on_timeout": "approve"}}, {"retry": RETRY, "on_error": "continue"},
    ])),
    st.sampled_from(WRITES).map(each_of),
    st.sampled_from([
        lambda step_id: {"id": step_id, "kind": "manual", "instructions": "x"},
        lambda step_id: {"id": step_id, "kind": "manual", "instructions": "x", "timeout": "5m", "on_error": "continue"},
        lambda step_id: {"id": step_id, "kind": "wait", "duration": "1m"},
        lambda step_id: {"id": step_id, "kind": "playbook", "playbook": "child", "with": {"what": f"{step_id}/c"}},
        lambda step_id: {"id": step_id, "kind": "playbook", "playbook": "child", "with": {"what": f"{step_id}/c"}, "timeout": "5m"},
    ]),
)  # fmt: skip
AROUND = st.fixed_dictionaries(
    {"level": st.sampled_from(["L1", "L1", "L1", "L2"]), "drill": st.sampled_from([False] * 7 + [True])},
    optional={
        "rollback": st.sampled_from([{"on": ["cancel"]}, {"on": ["failure", "timeout"]}]), "timeout": st.just("30m"),
    },
)  # fmt: skip
#: What a step of another playbook runs.
CHILD = {
    "apiVersion": "runbookpilot/v1", "metadata": {"id": "child", "name": "Child", "version": "1.0.0"}, "level": "L2",
    "inputs": {"what": {}},
    "steps": [{
        "id": "c", "action": "lab.keyed", "with": {"what": "{{ inputs.what }}"},
        "rollback": {"action": "lab.unkeyed", "with": {"what": "{{ inputs.what }}"}},
    }],
}  # fmt: skip
#: What the worker is about to do when it dies, and how often it has done it before.
DEATHS = st.one_of(st.none(), st.none(), st.tuples(st.sampled_from(["_write", "release"]), st.integers(1, 4), st.booleans()))
ACTS = [
    executions.cancel, executions.pause, executions.pause, executions.resume, executions.resume, executions.rollback,
    executions.rollback, executions.rollback, closing.abandon, closing.complete,
]  # fmt: skip
MEANWHILE = ["nothing", "nothing", "nothing", "overtaken", "overtaken", "cancel", "pause", "pause_above", "rollback", "abandon", "stop", "gone", "renamed"]
HAPPENINGS = st.tuples(
    st.lists(st.sampled_from(ANSWERS), min_size=2, max_size=4), DEATHS, st.lists(st.sampled_from(MEANWHILE), max_size=3),
    st.sampled_from([False, False, True]),
)  # fmt: skip
