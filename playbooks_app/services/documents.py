"""What people approve: the `call` that would be sent and what is `shown` with it; and the receipt afterwards."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from adapters import calls
from adapters.models import AdapterInstance
from adapters.models import Call as CallRow
from adapters.simulation import Simulation
from approvals.models import Request
from audit.selectors import entries
from core import canonical, clock
from playbooks_app.models import Execution, StepRun
from playbooks_app.selectors import snapshots, versions
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
    scope = snapshots.scope(execution, versions.playbook_of(execution), {}, execution.started_at)
    if step.for_each is not None:
        scope = {**scope, step.loop_variable: f"⟨{step.loop_variable}⟩"}
    params = templates.compile_template(dict(step.rollback.params)).render(scope, unresolved="mark").value
    return {"action": step.rollback.action, "with": params}


def shown(found: Sequence[Simulation]) -> dict[str, Any]:
    """Return what is shown with a request; it is never computed again. Of several calls, the riskiest explains the risk."""
    rows = [one.to_dict() for one in found]
    names = ("impact", "before", "after", "confidence", "findings", "would_execute")
    worst = max(rows, key=lambda row: row["impact"]["risk"])
    if len(rows) == 1:
        return {name: worst[name] for name in names}
    targets = [target for row in rows for target in row["impact"]["targets"]]
    reach: dict[str, list[str]] = {}
    for row in rows:
        for kind, keys in row["impact"]["blast_radius"].items():
            reach[kind] = sorted({*reach.get(kind, []), *keys})
    summary = f"{len(rows)} times, at most: {worst['impact']['summary']}"
    return {
        "impact": {**worst["impact"], "summary": summary, "targets": targets, "blast_radius": reach},
        "before": {"each": [row["before"] for row in rows]},
        "after": {"each": [row["after"] for row in rows]},
        "confidence": worst["confidence"],
        "findings": [finding for row in rows for finding in row["findings"]],
        "would_execute": any(row["would_execute"] for row in rows),
    }


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


def receipt(request: Request, rows: Sequence[CallRow], now: dt.datetime) -> dict[str, Any]:
    """Return the receipt of a real write, or of all that one consent covered."""
    row, last = rows[0], entries.last_of(request.stream)
    made: dict[str, Any] = {"params_sha256": canonical.digest(row.params), "result_sha256": row.result_digest}
    if request.document["call"]["params"] != row.params:
        made = {
            "params_sha256": canonical.digest([one.params for one in rows]),
            "result_sha256": canonical.digest([one.result_digest for one in rows]),
            "calls": len(rows),
        }
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
        **made,
        "journal": {"stream": last.stream, "seq": last.seq, "hash": last.hash},
    }
