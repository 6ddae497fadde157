"""Answers that come when nobody waits for them any more: recorded, never applied."""

import uuid
from typing import Any

import structlog
from django.db import DatabaseError, transaction

from adapters import calls
from adapters.models import Call
from audit.choices import Kind
from core import canonical, clock
from playbooks_app.models import Execution, StepRun
from playbooks_app.services import journaling

log = structlog.get_logger(__name__)


def note(call: Call, outcome: calls.Outcome) -> None:
    """Journal a late answer with its digest; the step and the call's record stay as they are."""
    data: dict[str, Any] = {"call": str(call.pk), "attempt": call.attempt, "ok": outcome.ok}
    data |= {"result": canonical.digest(outcome.output)} if outcome.error is None else {"error": outcome.error.code}
    try:
        with transaction.atomic():
            execution = _execution(call)
            run = StepRun.objects.filter(execution=execution, call_id=call.pk).first()
            if run is None:
                journaling.of_execution(execution, Kind.STEP_LATE, now=clock.now(), step=call.step, **data)
            else:
                journaling.of_step(execution, run, Kind.STEP_LATE, now=clock.now(), **data)
    except DatabaseError:
        # Whoever drives the execution now is not held up by an answer that nobody uses.
        log.exception("late_answer_not_recorded", call=str(call.pk))


def _execution(call: Call) -> Execution:
    rows = Execution.objects.select_related("version", "environment")
    execution: Execution = rows.get(pk=uuid.UUID(call.owner_id))
    return execution
