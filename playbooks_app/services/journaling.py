"""What executions write into their stream."""

import datetime as dt
from typing import Any

from audit import journal
from audit.choices import Kind
from audit.journal import Fact
from core.actors import Actor, system
from playbooks_app.models import Execution, StepRun

ENGINE = system("engine")


def stream_of(execution: Execution) -> str:
    """Return the stream of an execution."""
    return execution.stream


def execution_fact(execution: Execution, kind: Kind, *, now: dt.datetime, actor: Actor = ENGINE, **data: Any) -> Fact:
    """Return what is to be journaled about an execution."""
    return Fact(
        stream=execution.stream,
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


def step_fact(execution: Execution, run: StepRun, kind: Kind, *, now: dt.datetime, actor: Actor = ENGINE, **data: Any) -> Fact:
    """Return what is to be journaled about a step."""
    return Fact(
        stream=execution.stream,
        kind=kind,
        actor=actor,
        now=now,
        subject=("step", run.pk),
        tenant_id=execution.tenant_id,
        environment=execution.environment.slug,
        refs=refs(execution, of_step=True),
        data={"step": run.step_id, "status": run.status, **data},
        simulated=run.mode == "simulated" or execution.drill,
    )


def of_execution(execution: Execution, kind: Kind, *, now: dt.datetime, actor: Actor = ENGINE, **data: Any) -> None:
    """Journal something about an execution, in the caller's transaction."""
    journal.append_all([execution_fact(execution, kind, now=now, actor=actor, **data)])


def of_step(execution: Execution, run: StepRun, kind: Kind, *, now: dt.datetime, actor: Actor = ENGINE, **data: Any) -> None:
    """Journal something about a step, in the caller's transaction."""
    journal.append_all([step_fact(execution, run, kind, now=now, actor=actor, **data)])


def refs(execution: Execution, *, of_step: bool = False) -> list[tuple[str, object]]:
    """Return what an execution's entries can be found by; a playbook's page tells of its runs, not of their steps."""
    found: list[tuple[str, object]] = [("execution", execution.pk)]
    found += [] if of_step else [("playbook", execution.version.playbook_id)]
    found += [("alert", execution.alert_id)] if execution.alert_id else []
    found += [("incident", execution.incident_id)] if execution.incident_id else []
    return found
