"""What executions write into their stream."""

import datetime as dt
from typing import Any

from audit import journal
from audit.choices import Kind
from core.actors import Actor, system
from playbooks_app.models import Execution, StepRun

ENGINE = system("engine")


def of_execution(execution: Execution, kind: Kind, *, now: dt.datetime, actor: Actor = ENGINE, **data: Any) -> None:
    """Journal something about an execution."""
    journal.append(
        stream=f"execution:{execution.pk}",
        kind=kind,
        actor=actor,
        now=now,
        subject=("execution", execution.pk),
        tenant_id=execution.tenant_id,
        environment=execution.environment.slug,
        refs=refs(execution),
        data=data,
        simulated=execution.drill,
    )


def of_step(execution: Execution, run: StepRun, kind: Kind, *, now: dt.datetime, actor: Actor = ENGINE, **data: Any) -> None:
    """Journal something about a step."""
    journal.append(
        stream=f"execution:{execution.pk}",
        kind=kind,
        actor=actor,
        now=now,
        subject=("step", run.pk),
        tenant_id=execution.tenant_id,
        environment=execution.environment.slug,
        refs=refs(execution),
        data={"step": run.step_id, "status": run.status, **data},
        simulated=run.mode == "simulated" or execution.drill,
    )


def refs(execution: Execution) -> list[tuple[str, object]]:
    """Return what an execution's entries can be found by."""
    found: list[tuple[str, object]] = [("execution", execution.pk), ("playbook", execution.version.playbook_id)]
    found += [("alert", execution.alert_id)] if execution.alert_id else []
    found += [("incident", execution.incident_id)] if execution.incident_id else []
    return found
