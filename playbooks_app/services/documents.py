"""What people approve: the `call` that would be sent and what is `shown` with it; and the receipt afterwards."""

import datetime as dt
from typing import Any

from adapters import calls
from adapters.models import AdapterInstance
from adapters.models import Call as CallRow
from adapters.simulation import Simulation
from approvals.models import Request
from audit.selectors import entries
from core import canonical, clock
from playbooks_app.models import Execution, StepRun
from playbooks_app.selectors import snapshots
from playbooks_app.spec import templates
from playbooks_app.spec.schema import Step


def call_of(execution: Execution, run: StepRun, step: Step, instance: AdapterInstance) -> dict[str, Any]:
    """Return the `call` of a step as it would be sent now, with the parameters that were resolved once."""
    return calls.document(
        instance=instance,
        action=step.action or "",
        params=run.params or {},
        undo=undo_of(execution, step),
        step=step.id,
        version_digest=execution.version.digest,
    )


def undo_of(execution: Execution, step: Step) -> dict[str, Any] | None:
    """Return what the undo of a step would be; an output that is not there yet stands as its name."""
    if step.rollback is None:
        return None
    scope = snapshots.scope(execution, snapshots.playbook_of(execution), {}, execution.started_at)
    params = templates.compile_template(dict(step.rollback.params)).render(scope, unresolved="mark").value
    return {"action": step.rollback.action, "with": params}


def shown(simulation: Simulation) -> dict[str, Any]:
    """Return what is shown with a request; it is never computed again."""
    found = simulation.to_dict()
    return {name: found[name] for name in ("impact", "before", "after", "confidence", "findings", "would_execute")}


def labels(execution: Execution, step: Step, target: str, effect: str) -> dict[str, Any]:
    """Return the words by which a request is listed and found."""
    alert = execution.alert
    found = {
        "playbook": execution.version.playbook.slug,
        "version": execution.version.number,
        "execution": str(execution.pk),
        "step": step.id,
        "step_name": step.title,
        "action": step.action,
        "effect": effect,
        "target": target,
        "started_by": execution.started_by,
        "technique": (alert.techniques or [""])[0] if alert else "",
        "rule": alert.rule_name if alert else "",
        "alert": str(alert.pk) if alert else "",
        "incident": str(execution.incident_id) if execution.incident_id else "",
    }
    return {name: value for name, value in found.items() if value}


def receipt(request: Request, row: CallRow, now: dt.datetime) -> dict[str, Any]:
    """Return the receipt of a real write."""
    last = entries.of_stream(request.stream)[-1]
    return {
        "call": request.call_digest,
        "request": request.digest,
        "deciders": [
            {"by": item.username, "verdict": item.verdict, "at": clock.iso(item.at)} for item in request.decisions.order_by("at")
        ],
        "by_timeout": request.decided_by_timeout,
        "requested_at": clock.iso(request.created_at),
        "decided_at": clock.iso(request.decided_at) if request.decided_at else None,
        "executed_at": clock.iso(now),
        "adapter": row.adapter,
        "adapter_version": row.adapter_version,
        "live": row.live,
        "params_sha256": canonical.digest(row.params),
        "result_sha256": row.result_digest,
        "journal": {"stream": last.stream, "seq": last.seq, "hash": last.hash},
    }
