"""How a step changes: one guarded function, whoever drives or acts, and the fact that the journal gets."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from audit.choices import Kind
from core import canonical, redaction
from core.actors import Actor
from playbooks_app.choices import StepStatus
from playbooks_app.engine import model, states
from playbooks_app.models import Execution, StepRun
from playbooks_app.services import journaling


def change(run: StepRun, status: StepStatus, now: dt.datetime, command: model.OfStep | None = None) -> None:
    """Put a step into another status, in memory; raises IllegalTransition."""
    run.status = states.step(run.status, status)
    run.started_at = run.started_at or now
    run.completed_at = now if status in states.ENDED else None
    if command is not None and command.evaluations:
        evaluations: Any = redaction.redact(canonical.plain(command.evaluations))
        run.evaluations = evaluations
    if status in states.ENDED and status != StepStatus.SKIPPED:
        run.waiting_for = ""


def kind_of_end(run: StepRun) -> Kind:
    """Return what the journal calls it when this step ends."""
    return Kind.UNDO_FINISHED if run.undo_of_id else Kind.STEP_FINISHED


def place(
    execution: Execution, run: StepRun, status: StepStatus, now: dt.datetime, *, actor: Actor = journaling.ENGINE, **data: Any
) -> None:
    """Save a step in another status and journal it, in the caller's transaction: for those who act beside the driver."""
    change(run, status, now)
    run.save()
    journaling.of_step(execution, run, kind_of_end(run), now=now, actor=actor, **data)


def show(run: StepRun, params: Mapping[str, Any] | list[Any]) -> None:
    """Keep resolved parameters: encrypted to use, redacted to show."""
    plain: Any = canonical.plain(params)
    run.params = plain
    shown: Any = redaction.redact(plain)
    run.params_shown = shown
