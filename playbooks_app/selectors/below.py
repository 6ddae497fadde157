"""What the steps of an execution have started below it, and whether that left anything to undo."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import F, Q

from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepMode, StepStatus
from playbooks_app.engine import model
from playbooks_app.models import Execution, StepRun
from playbooks_app.selectors import versions
from playbooks_app.spec.schema import Step

#: A step that stands there may have left something to undo: what ran below it may have written though it did not complete.
LEFT = (StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELLED)

_MAY_BE_DONE = (
    Q(status=StepStatus.COMPLETED, mode=StepMode.REAL)
    | Q(status=StepStatus.UNCERTAIN)
    | Q(status=StepStatus.IN_PROGRESS, call_id__isnull=False)
)
_TRIED = (StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.UNCERTAIN, StepStatus.CANCELLED)


def started(runs: Iterable[StepRun], *, ended: bool) -> dict[Any, Execution]:
    """Return, by step, the executions that these steps have started and wait for; with `ended`, and waited for."""
    statuses = (StepStatus.IN_PROGRESS, *LEFT) if ended else (StepStatus.IN_PROGRESS,)
    steps = [run.pk for run in runs if run.kind == "playbook" and not run.undo_of_id and run.status in statuses]
    rows = Execution.objects.filter(parent_step__in=steps).only("parent_step", "status", "control", "version", "title") if steps else ()
    return {row.parent_step_id: row for row in rows}


def tree(execution: Execution) -> list[uuid.UUID]:
    """Return an execution and all those below it."""
    found, level = [execution.pk], [execution.pk]
    while level:
        level = list(Execution.objects.filter(parent_step__execution__in=level).values_list("pk", flat=True))
        found += level
    return found


def is_undone(child: Execution) -> bool:
    """Return whether an execution that was asked to undo what it did is done with that, or was abandoned over it."""
    return child.status == ExecutionStatus.ROLLED_BACK or (child.status in FINAL_EXECUTION and "rollback" not in child.control)


def to_undo(rows: Iterable[Execution]) -> set[uuid.UUID]:
    """Return those of these executions that did anything that can be undone, they or others below them, or still may do it."""
    by_id = {row.pk: row for row in rows if row.status != ExecutionStatus.ROLLED_BACK}
    found = {pk for pk, row in by_id.items() if row.status not in FINAL_EXECUTION}
    ended = by_id.keys() - found
    if not ended:
        return found
    done = StepRun.objects.filter(_MAY_BE_DONE, execution__in=ended, kind="action", undo_of=None).exclude(undos__status__in=_TRIED)
    found |= {pk for pk, run_id in done.values_list("execution", "step_id") if has_undo(_step_of(by_id[pk], run_id), run_id)}
    deeper = Execution.objects.filter(parent_step__execution__in=ended - found).annotate(above=F("parent_step__execution"))
    beneath = {row.pk: row for row in deeper.only("status", "control", "version")}
    return found | {beneath[pk].above for pk in to_undo(beneath.values())}


def has_undo(step: Step, run_id: str) -> bool:
    """Return whether what a step did, or one of its iterations, can be undone; of a step with `for_each` only these did anything."""
    return step.rollback is not None and (step.for_each is None or run_id != step.id)


def _step_of(execution: Execution, run_id: str) -> Step:
    return versions.playbook_of(execution).step(model.step_id_of(run_id))
