"""An execution as the engine is shown it."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import Expression, QuerySet

from accounts.selectors import stops
from adapters import instances, registry
from adapters.errors import NoOtherTry
from adapters.models import AdapterInstance
from approvals.models import Request
from audit import journal
from audit.choices import Kind
from audit.journal import Tail
from audit.selectors import entries
from core import clock
from core.errors import DomainError
from core.reads import Read
from playbooks_app.choices import ExecutionStatus, StepStatus
from playbooks_app.engine.model import Facts, State, StepState
from playbooks_app.models import Execution, StepRun
from playbooks_app.selectors import below, versions
from playbooks_app.spec.schema import Level, Playbook, Step, StepKind

ASKED = (StepStatus.AWAITING_APPROVAL, StepStatus.SIMULATED)


class Instances:
    """The adapter instances that serve an execution's steps, looked up once while it is driven."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._found: dict[tuple[str, str], AdapterInstance | DomainError] = {}
        self._facts: dict[str, Facts] = {}

    def get(self, step: Step) -> AdapterInstance:
        """Return the instance that serves a step; raises NoInstance."""
        found = self._lookup(step.action or "", step.adapter or "")
        if isinstance(found, DomainError):
            raise found
        return found

    def facts(self, step: Step) -> Facts:
        """Return what the adapter that serves a step declares of its action."""
        if step.id not in self._facts:
            self._facts[step.id] = self._declared(step)
        return self._facts[step.id]

    def _declared(self, step: Step) -> Facts:
        action = step.action or ""
        found = self._lookup(action, step.adapter or "")
        if isinstance(found, DomainError):
            known = registry.actions().get(action)
            return Facts(effect=known.effect if known else "irreversible", notification=bool(known and known.notification))
        declared = registry.adapter(found.adapter).action(action)
        return Facts(effect=declared.effect, notification=declared.notification, repeatable=declared.repeatable)

    def _lookup(self, action: str, name: str) -> AdapterInstance | DomainError:
        if (action, name) not in self._found:
            execution = self._execution
            try:
                found: AdapterInstance | DomainError = instances.resolve(
                    tenant_id=execution.tenant_id, environment_id=execution.environment_id, action=action, name=name
                )
            except DomainError as error:
                found = error
            self._found[action, name] = found
        return self._found[action, name]


def read(execution_id: uuid.UUID) -> Execution:
    """Return an execution with all that driving it reads, and the end of its stream as `tail`; raises DoesNotExist."""
    execution = _EXECUTION.first(execution=execution_id, stream=f"execution:{execution_id}")
    if execution is None:
        raise Execution.DoesNotExist(f"There is no execution {execution_id}.")
    execution.version = versions.get(execution.version_id)
    return execution


def tail(execution: Execution) -> Tail:
    """Return the end of the stream of an execution as it was when that was read."""
    return Tail.beside(execution, f"execution:{execution.pk}")


def steps(execution_id: uuid.UUID) -> list[StepRun]:
    """Return the steps of an execution in order, with their iterations and undos."""
    return _STEPS.all(execution=execution_id)


def _execution(execution: Expression, stream: Expression) -> QuerySet[Execution]:
    rows = Execution.objects.select_related("tenant", "environment").filter(pk=execution)
    return rows.annotate(**journal.end_of(stream))


def _steps(execution: Expression) -> QuerySet[StepRun]:
    return StepRun.objects.filter(execution=execution).order_by("position", "number", "id")


_EXECUTION, _STEPS = Read(_execution), Read(_steps)


def take(
    execution: Execution,
    runs: Mapping[str, StepRun],
    serving: Instances,
    now: Any,
    in_flight: frozenset[str] = frozenset(),
    *,
    undoing: bool = False,
) -> State:
    """Return the state of `execution`, whose rows were read; with `undoing`, also what was done below, as when it is undone."""
    playbook = versions.playbook_of(execution)
    undos = {run.undo_of_id: run for run in runs.values() if run.undo_of_id}
    undoing = undoing or _may_be_undone(execution, playbook, runs, now)
    started = below.started(runs.values(), ended=undoing)
    seeing = _Seeing(undos, _requests(runs), _orders(execution, runs, started), started, below.to_undo(started.values()) if undoing else set())
    steps = {step.id: seeing.step(step, runs) for step in playbook.steps}
    facts = {
        step.id: serving.facts(step)
        for step in playbook.steps
        if step.kind is StepKind.ACTION and steps[step.id].status is StepStatus.NOT_STARTED
    }
    return State(
        playbook=playbook,
        status=ExecutionStatus(execution.status),
        level=Level(execution.level),
        steps=steps,
        scope=scope(execution, playbook, runs, now),
        facts=facts,
        drill=execution.drill,
        stopped=_may_write(execution, runs, facts) and stops.standing(execution.tenant_id) is not None,
        approve_notifications=execution.tenant.approve_notifications,
        control=execution.control,
        deadline=execution.deadline,
        in_flight=in_flight,
    )


def _may_be_undone(execution: Execution, playbook: Playbook, runs: Mapping[str, StepRun], now: dt.datetime) -> bool:
    """Return whether what was done below has to be looked for: where something is undone, or about to end with an undo."""
    if execution.status == ExecutionStatus.ROLLING_BACK or "rollback" in execution.control:
        return True
    late = execution.deadline is not None and execution.deadline <= now
    ends = late or "cancel" in execution.control or any(_may_halt(run) for run in runs.values())
    return ends and bool(playbook.rollback.on)


def _may_halt(run: StepRun) -> bool:
    return run.status in (StepStatus.FAILED, StepStatus.CANCELLED) or _is_refused(run)


def _is_refused(run: StepRun) -> bool:
    return bool(run.error and run.error.get("code") == "refused")


def _may_write(execution: Execution, runs: Mapping[str, StepRun], facts: Mapping[str, Facts]) -> bool:
    """Return whether anything is left that an emergency stop would hold back; reads are never held."""
    held = (StepStatus.BLOCKED, StepStatus.AWAITING_APPROVAL, StepStatus.SIMULATED)
    return (
        execution.status == ExecutionStatus.ROLLING_BACK
        or any(fact.effect != "read" for fact in facts.values())
        or any(run.status in held for run in runs.values())
    )


def scope(execution: Execution, playbook: Playbook, runs: Mapping[str, StepRun], now: Any) -> dict[str, Any]:
    """Return the names that expressions see."""
    return {
        "alert": execution.event,
        "enrichment": execution.enrichment,
        "inputs": execution.inputs,
        "steps": {step.id: _seen(runs[step.id]) for step in playbook.steps if step.id in runs},
        "execution": {"id": str(execution.pk), "title": execution.title, "level": execution.level, "drill": execution.drill},
        "tenant": execution.tenant.slug,
        "environment": execution.environment.slug,
        "now": clock.iso(now),
    }


def _seen(run: StepRun) -> dict[str, Any]:
    seen: dict[str, Any] = {"status": run.status, "simulated": run.mode == "simulated", "chosen": run.decision or None}
    return seen if run.output is None else {**seen, "output": run.output}


def _requests(runs: Mapping[str, StepRun]) -> dict[Any, Request]:
    waiting = (*ASKED, StepStatus.IN_PROGRESS)
    asked = {run.approval_id for run in runs.values() if run.approval_id and run.status in waiting}
    return dict(Request.objects.in_bulk(asked)) if asked else {}


def _orders(execution: Execution, runs: Mapping[str, StepRun], started: Mapping[Any, Execution]) -> dict[str, tuple[int, int]]:
    """Return, while what was done is undone, in which order it was completed: by the journal, for clocks may be set back.

    What was clicked below after its step had ended counts after all that was noted here before it, as far as clocks tell.
    """
    if execution.status != ExecutionStatus.ROLLING_BACK:
        return {}
    rows = list(_finished([execution.pk]).filter(data__status__in=below.LEFT).order_by("seq").values_list("seq", "id", "data"))
    found = {str(data["step"]): (seq, 0) for seq, _, data in rows}
    for step_id, run in runs.items():
        child = started.get(run.pk)
        if child is not None:
            last = max(_finished(below.tree(child)).filter(data__status=StepStatus.COMPLETED).values_list("id", flat=True), default=None)
            before = max((seq for seq, entry_id, _ in rows if last and entry_id < last), default=0)
            found[step_id] = max(found.get(step_id, (0, 0)), (before, 1))
    return found


def _finished(executions: Iterable[uuid.UUID]) -> QuerySet[Any]:
    return entries.queryset().filter(stream__in=[f"execution:{pk}" for pk in executions], kind=Kind.STEP_FINISHED)


@dataclasses.dataclass(frozen=True, slots=True)
class _Seeing:
    """What is needed to show one step, read for all of them at once."""

    undos: Mapping[Any, StepRun]
    requests: Mapping[Any, Request]
    orders: Mapping[str, tuple[int, int]]
    children: Mapping[Any, Execution]
    to_undo: Collection[Any]

    def step(self, step: Step, runs: Mapping[str, StepRun]) -> StepState:
        """Return a step with its iterations, where it has any."""
        run = runs[step.id]
        if step.for_each is None:
            return self._one(step, run)
        rows = sorted((row for row in runs.values() if row.iteration_of_id == run.pk), key=lambda row: row.number or 0)
        found = self._one(step, run)
        items = tuple(self._one(step, row) for row in rows)
        return found._replace(expanded=bool(items), iterations=items)

    def _one(self, step: Step, run: StepRun) -> StepState:
        request, undo, child = self.requests.get(run.approval_id), self.undos.get(run.pk), self.children.get(run.pk)
        waits = undo if undo and undo.status in (StepStatus.IN_PROGRESS, StepStatus.NOT_STARTED) else run
        calling = run.status == StepStatus.IN_PROGRESS and run.call_id is not None
        undoing = undo is not None and undo.status == StepStatus.IN_PROGRESS
        if step.kind is StepKind.PLAYBOOK:
            undoable = undoing or (child is not None and child.pk in self.to_undo)
        else:
            undoable = run.mode == "real" and run.status == StepStatus.COMPLETED and below.has_undo(step, run.step_id)
        return StepState(
            status=StepStatus(run.status),
            output=run.output,
            mode=run.mode,
            decision=run.decision,
            attempt=run.attempt,
            order=self.orders.get(run.step_id, (0, 0)),
            effect=run.effect,
            approval=request.status if request else "",
            on_timeout=request.on_timeout if request else "halt",
            retry_at=run.retry_at,
            pause=dt.timedelta(seconds=waits.error.get("pause", 0)) or None if waits.retry_at and waits.error else None,
            started_at=run.started_at,
            undo=StepStatus(undo.status) if undo else None,
            undoable=undoable,
            doubt=bool(run.error and run.error.get("outcome_unknown")),
            is_left_open=run.status == StepStatus.UNCERTAIN and (run.error or {}).get("seen", {}).get("code") == NoOtherTry.code,
            refused=_is_refused(run),
            calling=calling,
            look_at=waits.retry_at if calling or waits is undo else None,
            child=ExecutionStatus(child.status) if child else None,
            undoing_below=undoing and child is not None and not below.is_undone(child),
            asked_to_end=bool(run.error and run.error.get("asked_to_end")),
        )
