"""Commands that end an execution: cancel what is left, roll back, finish."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from approvals.services import requests
from audit.choices import Kind
from core import canonical, clock
from playbooks_app.choices import ExecutionStatus, StepStatus
from playbooks_app.engine import model, states
from playbooks_app.models import Execution, StepRun
from playbooks_app.selectors import snapshots
from playbooks_app.services import journaling, leases, waiting
from playbooks_app.services.leases import Lease
from playbooks_app.spec import expressions, templates

Runs = Mapping[str, StepRun]
OPEN = (StepStatus.NOT_STARTED, StepStatus.AWAITING_APPROVAL, StepStatus.AWAITING_INPUT, StepStatus.BLOCKED, StepStatus.UNCERTAIN)


def cancel_rest(execution: Execution, runs: Runs, command: model.CancelRest, lease: Lease) -> None:
    """Cancel every step that has not ended, and withdraw what was asked for."""
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        for run in runs.values():
            if run.status not in OPEN:
                continue
            if run.approval_id:
                requests.withdraw(request_id=run.approval_id, reason=command.why, actor=journaling.ENGINE, now=now)
            waiting.place(execution, run, StepStatus.CANCELLED, now, why=command.why)


def roll_back(execution: Execution, _runs: Runs, command: model.RollBack, lease: Lease) -> None:
    """Start undoing, and keep the outcome so far."""
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        execution.status = states.execution(execution.status, ExecutionStatus.ROLLING_BACK)
        execution.result = {**execution.result, "outcome": command.outcome, "why": command.why}
        execution.completed_at = None
        execution.save(update_fields=["status", "result", "completed_at"])
        journaling.of_execution(execution, Kind.EXECUTION_STATUS, now=now, status=execution.status, why=command.why)


def finish(execution: Execution, runs: Runs, command: model.Finish, lease: Lease) -> None:
    """End an execution, with its outcome, its outputs and what was undone."""
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        execution.status = states.execution(execution.status, command.status)
        execution.completed_at = now
        execution.result = {
            "outcome": command.status.value,
            **({"why": command.why} if command.why else {}),
            **execution.result,
            "outputs": _outputs(execution, runs),
            "undone": {run.step_id: run.status for run in runs.values() if run.undo_of_id},
        }
        execution.save(update_fields=["status", "completed_at", "result"])
        digest = canonical.digest(execution.result)
        journaling.of_execution(execution, Kind.EXECUTION_FINISHED, now=now, status=command.status, result=digest)


def _outputs(execution: Execution, runs: Runs) -> dict[str, Any]:
    """Return the playbook's outputs; one that cannot be rendered says why instead."""
    playbook = snapshots.playbook_of(execution)
    scope = snapshots.scope(execution, playbook, dict(runs), clock.now())
    found: dict[str, Any] = {}
    for name, value in playbook.outputs.items():
        try:
            found[name] = canonical.plain(templates.compile_template(value).render(scope).value)
        except expressions.ExpressionError as error:
            found[name] = {"error": str(error)}
    return found
