"""An execution as the engine is shown it."""

from typing import Any

from accounts.selectors import stops
from adapters import instances, registry
from approvals.models import Request
from core import clock
from core.errors import DomainError
from playbooks_app.choices import ExecutionStatus, StepStatus
from playbooks_app.engine.model import Facts, State, StepState
from playbooks_app.models import Execution, StepRun
from playbooks_app.spec import loader
from playbooks_app.spec.schema import Level, Playbook, Step, StepKind

ASKED = (StepStatus.AWAITING_APPROVAL, StepStatus.SIMULATED)


def playbook_of(execution: Execution) -> Playbook:
    """Return the parsed playbook that an execution is pinned to; parsed once per version and process."""
    return loader.parse_canonical(execution.version.document, digest=execution.version.digest)


def take(execution: Execution, runs: list[StepRun], now: Any) -> State:
    """Return the state of `execution`, whose rows were just read."""
    playbook = playbook_of(execution)
    by_id = {run.step_id: run for run in runs}
    undos = {run.undo_of_id: run for run in runs if run.undo_of_id}
    asked = {run.approval_id for run in runs if run.approval_id and run.status in ASKED}
    requests = Request.objects.in_bulk(asked) if asked else {}
    order = {
        run.pk: number for number, run in enumerate(sorted(runs, key=lambda run: (run.completed_at or now, run.position)), 1)
    }
    steps = {
        step.id: _step(step, by_id[step.id], undos.get(by_id[step.id].pk), requests.get(by_id[step.id].approval_id), order)
        for step in playbook.steps
    }
    return State(
        playbook=playbook,
        status=ExecutionStatus(execution.status),
        level=Level(execution.level),
        steps=steps,
        scope=scope(execution, playbook, by_id, now),
        facts=_facts(execution, playbook, steps),
        drill=execution.drill,
        stopped=stops.standing(execution.tenant_id) is not None,
        approve_notifications=execution.tenant.approve_notifications,
        control=execution.control,
        deadline=execution.deadline,
    )


def scope(execution: Execution, playbook: Playbook, runs: dict[str, StepRun], now: Any) -> dict[str, Any]:
    """Return the names that expressions see."""
    return {
        "alert": execution.event,
        "enrichment": execution.enrichment,
        "inputs": execution.inputs,
        "steps": {step.id: _seen(runs[step.id]) for step in playbook.steps if step.id in runs},
        "execution": {"id": str(execution.pk), "title": execution.title, "level": execution.level, "drill": execution.drill},
        "tenant": execution.tenant.slug,
        "environment": execution.environment.slug,
        "now": clock.iso(now),
    }


def _seen(run: StepRun) -> dict[str, Any]:
    seen: dict[str, Any] = {"status": run.status, "simulated": run.mode == "simulated", "chosen": run.decision or None}
    return seen if run.output is None else {**seen, "output": run.output}


def _step(step: Step, run: StepRun, undo: StepRun | None, request: Request | None, order: dict[Any, int]) -> StepState:
    return StepState(
        status=StepStatus(run.status),
        output=run.output,
        mode=run.mode,
        decision=run.decision,
        attempt=run.attempt,
        order=order[run.pk] if run.completed_at else 0,
        effect=run.effect,
        approval=request.status if request else "",
        on_timeout=request.on_timeout if request else "halt",
        retry_at=run.retry_at,
        undo=StepStatus(undo.status) if undo else None,
        undoable=step.rollback is not None and run.mode == "real" and run.status == StepStatus.COMPLETED,
        refused=bool(run.error and run.error.get("code") == "refused"),
    )


def _facts(execution: Execution, playbook: Playbook, steps: dict[str, StepState]) -> dict[str, Facts]:
    """Look adapters up only for steps that have not started: theirs is the only question still open."""
    wanted = [step for step in playbook.steps if step.kind is StepKind.ACTION and steps[step.id].status is StepStatus.NOT_STARTED]
    return {step.id: _declared(execution, step.action or "", step.adapter or "") for step in wanted}


def _declared(execution: Execution, action: str, adapter: str) -> Facts:
    try:
        instance = instances.resolve(
            tenant_id=execution.tenant_id, environment_id=execution.environment_id, action=action, name=adapter
        )
    except DomainError:
        known = registry.actions().get(action)
        return Facts(effect=known.effect if known else "irreversible", notification=bool(known and known.notification))
    declared = registry.adapter(instance.adapter).action(action)
    return Facts(effect=declared.effect, notification=declared.notification, repeatable=declared.repeatable)
