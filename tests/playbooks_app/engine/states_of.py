"""States that engine tests start from."""

import datetime as dt
from typing import Any

from playbooks_app.choices import ExecutionStatus
from playbooks_app.engine import decide
from playbooks_app.engine.model import Command, Facts, State, StepState, Wake
from playbooks_app.spec import loader
from playbooks_app.spec.schema import Playbook

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
READ = Facts(effect="read", repeatable=True)
WRITE = Facts(effect="reversible")
NOTIFICATION = Facts(effect="irreversible", notification=True)


def playbook(*steps: dict[str, Any], level: str = "L1", **more: Any) -> Playbook:
    return loader.parse_canonical(
        {
            "apiVersion": "runbookpilot/v1",
            "metadata": {"id": "p", "name": "P", "version": "1.0.0"},
            "level": level,
            "steps": list(steps),
            **more,
        }
    )


def act(step_id: str, **more: Any) -> dict[str, Any]:
    return {"id": step_id, "action": "edr.isolate_host", "with": {"host": "h"}, **more}


def state(of: Playbook, facts: dict[str, Facts] | None = None, /, **more: Any) -> State:
    """A state in which every step has not started, but for those given as `steps`."""
    given: dict[str, StepState] = more.pop("steps", {})
    steps = {step.id: given.get(step.id, StepState()) for step in of.steps}
    seen = {
        step_id: {"status": run.status.value, "output": run.output, "chosen": run.decision or None}
        for step_id, run in steps.items()
    }
    scope = {"alert": {}, "enrichment": {}, "inputs": {}, "steps": seen, **more.pop("scope", {})}
    defaults: dict[str, Any] = {"status": ExecutionStatus.EXECUTING, "level": of.level}
    return State(of, steps=steps, scope=scope, facts=facts or dict.fromkeys(steps, READ), **{**defaults, **more})


def next_of(of: State) -> list[Command]:
    return decide(of, Wake(NOW))
