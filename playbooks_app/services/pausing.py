"""What a pause does to the executions below, and to what waits for a time.

`control.pause` of an execution has `above` while one above it is paused, and then `alone` where somebody paused it by itself too.
"""

import datetime as dt
from collections.abc import Iterable, Iterator

from django.db.models import F

from core import clock
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepStatus
from playbooks_app.engine import model, times
from playbooks_app.engine.model import StepState
from playbooks_app.models import Execution
from playbooks_app.spec import loader

#: Steps of an execution that has ended which may still call something: it was rehearsed and queued, and is approved.
QUEUED = (StepStatus.SIMULATED, StepStatus.IN_PROGRESS, StepStatus.UNCERTAIN)


def lock_below(execution: Execution) -> list[Execution]:
    """Return all executions below one that is locked, each after the one above it, and locked too until the transaction ends."""
    found: list[Execution] = []
    above = [execution.pk]
    while above:
        rows = Execution.objects.select_for_update(of=("self",)).select_related("version__playbook", "environment")
        level = list(rows.filter(parent_step__execution__in=above).annotate(above=F("parent_step__execution")).order_by("pk"))
        above = [row.pk for row in level]
        found += level
    return found


def hold(rows: Iterable[Execution], *, by: str, reason: str, now: dt.datetime) -> Iterator[Execution]:
    """Yield those of the executions below that are held from now on, for the caller to save; what is undone goes on."""
    for row in rows:
        paused = row.control.get("pause")
        if (paused and "above" in paused) or not _may_begin_something(row):
            continue
        mark = {**paused, "alone": True} if paused else {"by": by, "reason": reason[:500], "at": clock.iso(now)}
        row.control = {**row.control, "pause": {**mark, "above": True}}
        yield row


def let_go(rows: Iterable[Execution], now: dt.datetime) -> Iterator[Execution]:
    """Yield those of the executions below that are held no more; one that somebody paused by itself stays so, and holds its own."""
    held = set()
    for row in rows:
        paused = row.control.get("pause")
        if row.above in held:  # type: ignore[attr-defined]
            held.add(row.pk)
        elif paused and "above" in paused:
            if "alone" in paused:
                row.control = {**row.control, "pause": {name: paused[name] for name in ("by", "reason", "at")}}
            else:
                go_on(row, now)
            yield row
        if "pause" in row.control and row.status not in FINAL_EXECUTION:
            held.add(row.pk)


def go_on(execution: Execution, now: dt.datetime) -> None:
    """End the pause of an execution, for the caller to save: the time that it took does not count."""
    took = max(now - clock.parse(execution.control["pause"]["at"]), dt.timedelta(0))
    execution.control = {name: asked for name, asked in execution.control.items() if name != "pause"}
    if execution.deadline is not None:
        execution.deadline += took
    playbook = loader.parse_canonical(execution.version.document, digest=execution.version.digest)
    steps = {step.id: step for step in playbook.steps if times.length(step) is not None}
    for run in execution.steps.filter(kind__in=times.UNDER_WAY, status__in=times.UNDER_WAY.values()):
        step = steps.get(model.step_id_of(run.step_id))
        ends_at = times.ends_at(step, StepState(retry_at=run.retry_at, started_at=run.started_at)) if step else None
        if ends_at is not None:
            run.retry_at = ends_at + took
            run.save(update_fields=["retry_at"])


def _may_begin_something(execution: Execution) -> bool:
    if execution.status in FINAL_EXECUTION:
        return execution.steps.filter(status__in=QUEUED).exclude(approval_id=None).exists()
    return execution.status != ExecutionStatus.ROLLING_BACK
