"""What a rollback of an execution would undo, as its dialog shows it."""

from collections.abc import Mapping, Sequence
from typing import Any

from playbooks_app.choices import StepMode, StepStatus
from playbooks_app.engine import model
from playbooks_app.models import StepRun
from playbooks_app.selectors import below

Rows = list[dict[str, Any]]


def planned(steps: Sequence[StepRun], written: Mapping[Any, Mapping[str, Any]]) -> dict[str, Rows | list[StepRun]]:
    """Return what would be `undone`, last first, the writes that would be `left`, and the steps whose `doubts` come first.

    A row has the `step`, its `undo` as the playbook names it, and the `child` below whose work is undone instead.
    """
    children = below.started(steps, ended=True)
    to_undo, expanded = below.to_undo(children.values()), {step.iteration_of_id for step in steps}
    rows: Rows = []
    for step in sorted(steps, key=lambda step: step.completed_at or step.created_at, reverse=True):
        child = children.get(step.pk)
        if child is not None and child.pk in to_undo:
            rows.append({"step": step, "undo": None, "child": child})
        elif _is_done(step) and step.pk not in expanded:
            rows.append({"step": step, "undo": _undo_of(step, written), "child": None})
    return {
        "undone": [row for row in rows if row["undo"] or row["child"]],
        "left": [row for row in rows if not row["undo"] and not row["child"]],
        "doubts": [step for step in steps if step.status == StepStatus.UNCERTAIN and not step.undo_of_id and _undo_of(step, written)],
    }


def _is_done(step: StepRun) -> bool:
    real = step.status == StepStatus.COMPLETED and step.mode == StepMode.REAL
    return real and step.effect not in ("", "read") and not step.undo_of_id


def _undo_of(step: StepRun, written: Mapping[Any, Mapping[str, Any]]) -> Any:
    return written.get(model.step_id_of(step.step_id), {}).get("rollback")
