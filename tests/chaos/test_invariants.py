"""What does not hold after a storm is named, and what holds is not: each check over a forged record."""

import dataclasses
from typing import Any

import pytest

from tests.chaos import aftermath, plans
from tests.chaos.aftermath import Found
from tests.chaos.invariants import Alert, Consent, Execution, Step

SEED, HOST = "7", "h00000"
OF = Execution(id="e1", host=HOST, playbook="every-write", status="completed", outcome="completed")


def wrote(action: str, step: str, *, done: bool = True, told: str = "ok") -> dict[str, Any]:
    return {"action": action, "target": f"{HOST}:{step}", "done": done, "told": told}


def looked(name: str = "isolate", *, there: bool = False, told: str = "ok") -> dict[str, Any]:
    """Somebody asked whether the host is isolated, and the vendor wrote down what is so."""
    return {"action": "edr.get_isolation_status", "target": f"{HOST}:{name}", "done": False, "there": there, "told": told}


def step(name: str = "isolate", status: str = "completed", of: Execution = OF, **more: Any) -> Step:
    return Step(
        **{"id": f"{of.id}:{name}", "execution": of, "step": name, "status": status, "action": "edr.isolate_host", **more}
    )


def consent(name: str = "isolate", *, of: str = "e1", **more: Any) -> Consent:
    return Consent(**{"execution": of, "step": name, "status": "executed", "approvals": 1, **more})


def found(*steps: Step, of: Execution = OF, **more: Any) -> Found:
    """What is read after one execution, of which everything holds that is not given otherwise."""
    right = [Alert(host=HOST, decided=True, started=(plans.plan_of(SEED, HOST).slug,))]
    of = steps[0].execution if steps else of
    given = {"alerts": right, "executions": [of], "steps": list(steps), "consents": [consent()], "gaps": [], "deliveries": []}
    return Found(**{**given, **more})


def undo(status: str = "completed", of: Execution = OF) -> Step:
    return step("undo:isolate", status, of, action="edr.unisolate_host")


ISOLATED, TAKEN_BACK = wrote("isolate", "isolate"), wrote("unisolate", "isolate")
LIED, BROKE_OFF = wrote("isolate", "isolate", done=False, told="lies"), wrote("unisolate", "isolate", done=False, told="breaks-off")
UNDONE = dataclasses.replace(OF, status="rolled_back", outcome="cancelled")
CANCELLED = dataclasses.replace(OF, status="cancelled", outcome="cancelled", why="a person cancelled it")
ASKED = dataclasses.replace(OF, asked=frozenset({"rollback"}))
HALTED = dataclasses.replace(OF, playbook="errors")
SWEEP = dataclasses.replace(OF, playbook="sweep")
NESTED = dataclasses.replace(OF, playbook="nested")
CHILD = step("child", of=NESTED, kind="playbook", action="")
BELOW = dataclasses.replace(OF, id="e2", playbook="nested-child", parent=CHILD.id)

LOST = found(step(status="rolled_back", of=UNDONE), undo(of=UNDONE))
SAID_SORRY = step("undo:quarantine", of=UNDONE, action="notify.send_slack_message")

WRONG = {
    "an alert was lost": (found(alerts=[]), [], "was accepted and is not there"),
    "an alert stands there twice": (found(alerts=[*found().alerts] * 2), [], "is there 2 times"),
    "an alert was not decided": (found(alerts=[Alert(host=HOST, decided=False, started=())]), [], "was not decided"),
    "an alert started nothing": (found(alerts=[Alert(host=HOST, decided=True, started=())]), [], "started nothing instead"),
    "an alert started twice": (
        found(alerts=[dataclasses.replace(found().alerts[0], started=found().alerts[0].started * 2)]), [], "instead of",
    ),
    "an alert started another playbook": (found(alerts=[Alert(host=HOST, decided=True, started=("nested-child",))]), [], "instead of"),
    "an execution is stuck": (found(of=dataclasses.replace(OF, status="executing")), [], "is executing, driven by nobody"),
    "an execution is still driven": (found(of=dataclasses.replace(OF, driver="w1")), [], "driven by w1"),
    "an execution has no outcome": (found(of=dataclasses.replace(OF, outcome="")), [], "has no outcome"),
    "a step is stuck": (found(step(status="uncertain")), [ISOLATED], "isolate of h00000 (every-write) is uncertain"),
    "a step never ran": (found(step(status="not_started")), [], "is not_started"),
    "a consent was never used": (found(consents=[consent(status="approved")]), [], "a request for isolate of e1 is approved"),
    "nobody decided": (found(consents=[consent(status="pending", approvals=0)]), [], "is pending"),
    "a failure did not halt": (
        found(step("refused-halt", "failed", HALTED, action="notify.send_slack_message")), [], "which halts it",
    ),
    "a write was made twice": (found(step()), [ISOLATED, ISOLATED], "isolate of h00000:isolate was carried out 2 times"),
    "an undo was made twice": (
        found(step(status="rolled_back", of=UNDONE), undo(of=UNDONE)), [ISOLATED, TAKEN_BACK, TAKEN_BACK], "carried out 2 times",
    ),
    "a write was lost": (found(step()), [], "isolate of h00000 (every-write) says completed, and the vendor neither did it nor said so"),
    "a write failed and was made": (found(step(status="failed")), [ISOLATED], "says failed, and the vendor did it"),
    "a rehearsal was made": (found(step(status="simulated", mode="simulated")), [ISOLATED], "says simulated, and the vendor did it"),
    "a skipped write was made": (found(step(status="skipped")), [ISOLATED], "says skipped, and the vendor did it"),
    "a write belongs to no step": (found(step()), [ISOLATED, wrote("dump", "isolate")], "no step knows of it"),
    "nobody consented": (found(step(), consents=[]), [ISOLATED], "nobody had approved it"),
    "somebody refused": (found(step(), consents=[consent(status="rejected", approvals=0)]), [ISOLATED], "nobody had approved it"),
    "another step had the consent": (found(step(), consents=[consent("dump")]), [ISOLATED], "nobody had approved it"),
    "one item of several had no consent": (found(step("cordon[1]", of=SWEEP)), [wrote("isolate", "cordon[1]")], "nobody had approved it"),
    "undone without an undo": (found(step(status="rolled_back", of=UNDONE)), [ISOLATED], "its undo is not there"),
    "undone by an undo that failed": (
        found(step(status="rolled_back", of=UNDONE), undo("failed", UNDONE)), [ISOLATED], "says rolled_back, and its undo failed",
    ),
    "an undo was lost": (found(step(status="rolled_back", of=UNDONE), undo(of=UNDONE)), [ISOLATED], "undo:isolate of h00000"),
    "an undo of what was there was found by looking": (LOST, [ISOLATED, BROKE_OFF, looked()], "undo:isolate of h00000"),
    "an undo of what was not there was not looked for": (LOST, [LIED, BROKE_OFF], "undo:isolate of h00000"),
    "an undo of what was not there was looked for before": (LOST, [looked(), LIED, BROKE_OFF], "undo:isolate of h00000"),
    "an undo of what was not there was looked for in vain": (
        LOST, [LIED, BROKE_OFF, looked(told="503"), looked(told="breaks-off"), looked(told="garbage-done")], "undo:isolate of h00000",
    ),
    "an undo of what was not there was looked for elsewhere": (LOST, [LIED, BROKE_OFF, looked("dump")], "undo:isolate of h00000"),
    "an undo of what was not there found it": (LOST, [LIED, BROKE_OFF, looked(there=True)], "undo:isolate of h00000"),
    "a write that was not there was looked for": (
        found(step(), step("dump", action="edr.collect_memory_dump")), [LIED, looked()], "dump of h00000 (every-write) says completed",
    ),
    "a message took back what was not there": (
        found(step("quarantine", "rolled_back", UNDONE, action="edr.quarantine_file"), SAID_SORRY),
        [wrote("quarantine", "quarantine", done=False, told="lies"), looked("quarantine")], "undo:quarantine of h00000",
    ),
    "rolled back and not undone": (found(step(of=UNDONE)), [ISOLATED], "was to be undone"),
    "cancelled and not undone": (found(step(of=CANCELLED)), [ISOLATED], "was to be undone"),
    "asked for and not undone": (found(step(of=ASKED)), [ISOLATED], "was to be undone"),
    "done and undone at once": (found(step(of=UNDONE), undo(of=UNDONE)), [ISOLATED, TAKEN_BACK], "and its undo too"),
    "a child was lost": (found(CHILD), [], "its children are []"),
    "a child did not complete": (
        found(CHILD, executions=[NESTED, dataclasses.replace(BELOW, status="failed")]), [], "its children are ['failed']",
    ),
    "two children": (found(CHILD, executions=[NESTED, BELOW, dataclasses.replace(BELOW, id="e3")]), [], "its children are"),
    "a number is missing": (found(gaps=[("execution:e1", 1, 9, 8)]), [], "execution:e1 has gaps"),
    "a delivery was given up": (
        found(deliveries=[("a.tasks.tell", None, 12, True, "refused")]), [], "a delivery to a.tasks.tell was given up after 12 attempts: refused",
    ),
    "a delivery is left": (found(deliveries=[("a.tasks.tell", None, 1, False, "")]), [], "a.tasks.tell is left after 1 attempts"),
    "a failed task was given up": (
        found(deliveries=[("a.tasks.look", "{}", 12, True, "refused")]), [], "the failed task a.tasks.look with {} was given up",
    ),
}  # fmt: skip
RIGHT = {
    "done with consent": (found(step()), [ISOLATED]),
    "told as done": (found(step()), [wrote("isolate", "isolate", done=False, told="lies")]),
    "refused by the vendor": (found(step(status="failed")), [wrote("isolate", "isolate", done=False, told="400")]),
    "nobody knows, and the step says so": (found(step(status="cancelled", unknown=True)), [ISOLATED]),
    "an item of several under one consent": (
        found(step("clean[1]", of=SWEEP, action="edr.quarantine_file"), consents=[consent("clean")]), [wrote("quarantine", "clean[1]")],
    ),
    "undone": (found(step(status="rolled_back", of=UNDONE), undo(of=UNDONE)), [ISOLATED, TAKEN_BACK]),
    "an undo of what was never there, as somebody saw": (LOST, [LIED, BROKE_OFF, looked()]),
    "an undo of what was never there, seen late": (LOST, [LIED, BROKE_OFF, looked(told="503"), looked(told="hangs")]),
    "an undo of what was never there, whose call was lost": (LOST, [LIED, looked(told="slow")]),
    "an undo that was tried and failed": (found(step(of=UNDONE), undo("failed", UNDONE)), [ISOLATED]),
    "cancelled before anything was done": (found(step(status="cancelled", of=CANCELLED)), []),
    "a notification runs by itself": (
        found(step("message", action="notify.send_slack_message"), consents=[]), [wrote("message", "message")],
    ),
    "a known key was answered": (found(step()), [ISOLATED, wrote("isolate", "isolate", done=False)]),
    "a child completed": (found(CHILD, executions=[NESTED, BELOW]), []),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_hold_is_named(name: str) -> None:
    read, lines, sentence = WRONG[name]
    assert any(sentence in one for one in aftermath.judged(read, lines, [HOST], SEED))


@pytest.mark.parametrize("name", RIGHT)
def test_what_holds_is_not(name: str) -> None:
    read, lines = RIGHT[name]
    assert aftermath.judged(read, lines, [HOST], SEED) == []
