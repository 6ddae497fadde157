"""Commands that make calls: for real, as approved, again after a crash, and to undo."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from adapters import calls, errors, instances
from adapters.choices import CallPurpose, CallStatus
from adapters.models import AdapterInstance
from adapters.models import Call as CallRow
from approvals.choices import Outcome as ApprovalOutcome
from approvals.models import Request
from approvals.services import requests
from audit.choices import Kind
from core import canonical, clock
from core.errors import DomainError
from playbooks_app.choices import StepMode, StepStatus
from playbooks_app.engine import model
from playbooks_app.engine.decide import after_error
from playbooks_app.models import Execution, StepRun
from playbooks_app.selectors import snapshots
from playbooks_app.services import documents, journaling, leases, waiting
from playbooks_app.services.leases import Lease
from playbooks_app.spec import expressions, templates
from playbooks_app.spec.schema import Step

Runs = Mapping[str, StepRun]
UNDO = "undo:"
DEFAULT_TIMEOUT = dt.timedelta(seconds=30)


def call(execution: Execution, runs: Runs, command: model.Call, lease: Lease) -> None:
    """Make the call of a step: commit the intent, call, commit the result."""
    run, step = runs[command.step], step_of(execution, command.step)
    try:
        instance = instance_of(execution, step)
    except DomainError as error:
        return waiting.fail(execution, runs, model.Fail(command.step, command.evaluations, error.code, error.sentence), lease)
    waiting.show(run, command.params)
    _make(execution, run, step, instance, lease, command)
    return None


def call_approved(execution: Execution, runs: Runs, command: model.CallApproved, lease: Lease) -> None:
    """Make the call that people approved, if what would be sent is still that; otherwise ask anew."""
    run, step = runs[command.step], step_of(execution, command.step)
    request = Request.objects.get(pk=str(run.approval_id))
    try:
        instance = instance_of(execution, step)
        fresh = documents.call_of(execution, run, step, instance)
    except DomainError:
        fresh = None
    if fresh is None or canonical.digest(fresh) != request.call_digest:
        _changed(execution, run, request, lease)
        return
    _make(execution, run, step, instance, lease, command)


def recover(execution: Execution, runs: Runs, command: model.Recover, lease: Lease) -> None:
    """Find out what became of a call whose worker stopped: repeat what may be repeated, look, or let a person say."""
    run = runs[command.step]
    row = CallRow.objects.select_related("instance").filter(pk=run.call_id).first()
    if row is None or row.instance is None:
        waiting.move(execution, run, StepStatus.UNCERTAIN, lease, kind=Kind.STEP_WAITING, why="the call's record is missing")
        return
    action = calls.action_of(row.instance, row.action)
    if action.repeatable:
        _send(execution, run, step_of(execution, run.step_id), row, lease)
        return
    settled = calls.look(row)
    if settled is True:
        _succeeded(execution, run, row, calls.Outcome(output=action.predict(row.params or {})), lease, found="by looking")
    elif settled is False:
        _send(execution, run, step_of(execution, run.step_id), row, lease)
    else:
        _uncertain(execution, run, row, lease, None)


def undo(execution: Execution, runs: Runs, command: model.Undo, lease: Lease) -> None:
    """Take a completed write back, as a step run of its own; best effort, each tried once."""
    done, step = runs[command.step], step_of(execution, command.step)
    run = runs.get(f"{UNDO}{command.step}") or _undo_run(execution, done, step, lease)
    if run.status == StepStatus.IN_PROGRESS:
        _recover_undo(execution, run, done, lease)
        return
    assert step.rollback is not None  # noqa: S101
    try:
        params = undo_params(execution, runs, step)
        name = step.rollback.adapter or step.adapter or ""
        instance = instances.resolve(
            tenant_id=execution.tenant_id, environment_id=execution.environment_id, action=step.rollback.action, name=name
        )
    except (DomainError, expressions.ExpressionError) as error:
        run.error = {"code": "undo", "message": str(error)}
        waiting.move(execution, run, StepStatus.FAILED, lease)
        return
    waiting.show(run, params)
    row = _intended(execution, run, instance, step.rollback.action, params, lease, CallPurpose.UNDO, Kind.UNDO_STARTED)
    _send_undo(execution, run, done, row, lease)


def step_of(execution: Execution, step_id: str) -> Step:
    """Return a step of the execution's playbook; an undo's is the step that it undoes."""
    wanted = step_id.removeprefix(UNDO)
    return next(step for step in snapshots.playbook_of(execution).steps if step.id == wanted)


def instance_of(execution: Execution, step: Step) -> AdapterInstance:
    """Return the adapter instance that serves a step; raises NoInstance."""
    return instances.resolve(
        tenant_id=execution.tenant_id, environment_id=execution.environment_id, action=step.action or "", name=step.adapter or ""
    )


def undo_params(execution: Execution, runs: Runs, step: Step) -> dict[str, Any]:
    """Return the parameters of a step's undo, as they would be sent now."""
    scope = snapshots.scope(execution, snapshots.playbook_of(execution), dict(runs), clock.now())
    rollback: Any = step.rollback
    rendered: Any = templates.compile_template(dict(rollback.params)).render(scope, unresolved="mark").value
    return dict(rendered)


def _make(execution: Execution, run: StepRun, step: Step, instance: AdapterInstance, lease: Lease, command: model.OfStep) -> None:
    if command.evaluations:
        evaluations: Any = canonical.plain(command.evaluations)
        run.evaluations = evaluations
    row = _intended(execution, run, instance, step.action or "", run.params or {}, lease, CallPurpose.STEP, Kind.STEP_STARTED)
    _send(execution, run, step, row, lease)


def _intended(
    execution: Execution,
    run: StepRun,
    instance: AdapterInstance,
    action: str,
    params: Mapping[str, Any],
    lease: Lease,
    purpose: CallPurpose,
    kind: Kind,
) -> CallRow:
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        run.attempt += 1
        run.mode = StepMode.REAL
        run.effect = calls.action_of(instance, action).effect
        run.idempotency_key = run.idempotency_key or calls.key_of(run.pk)
        row = calls.intend(
            instance=instance, environment=execution.environment.slug, owner=("execution", execution.pk), step=run.step_id,
            action=action, params=params, key=run.idempotency_key, attempt=run.attempt, now=now, purpose=purpose,
        )  # fmt: skip
        run.call_id, run.retry_at, run.waiting_for = row.pk, None, ""
        waiting.place(
            execution, run, StepStatus.IN_PROGRESS, now, kind=kind, call=str(row.pk), attempt=run.attempt, action=action
        )
    return row


def _send(execution: Execution, run: StepRun, step: Step, row: CallRow, lease: Lease) -> None:
    outcome = calls.send(row, timeout=(step.timeout or DEFAULT_TIMEOUT).total_seconds())
    if outcome.error is None:
        _succeeded(execution, run, row, outcome, lease)
    elif isinstance(outcome.error, errors.Stopped):
        _stopped(execution, run, row, outcome, lease)
    else:
        _failed(execution, run, step, row, outcome, lease)


def _succeeded(execution: Execution, run: StepRun, row: CallRow, outcome: calls.Outcome, lease: Lease, **data: Any) -> None:
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        calls.conclude(row, outcome, now=now)
        output: Any = canonical.plain(outcome.output)
        run.output, run.error = output, None
        waiting.place(execution, run, StepStatus.COMPLETED, now, call=str(row.pk), result=row.result_digest, **data)
        _report(run, row, ApprovalOutcome.EXECUTED, now)


def _failed(execution: Execution, run: StepRun, step: Step, row: CallRow, outcome: calls.Outcome, lease: Lease) -> None:
    error: Any = outcome.error
    assert row.instance is not None  # noqa: S101
    action = calls.action_of(row.instance, row.action)
    again = step.retry is not None and run.attempt < step.retry.attempts and not error.permanent
    repeats = again and action.repeatable and not run.approval_id
    if error.outcome_unknown and action.effect.is_write and not repeats:
        settled = calls.look(row)
        if settled is None:
            _uncertain(execution, run, row, lease, outcome)
            return
        if settled:
            _succeeded(execution, run, row, calls.Outcome(output=action.predict(row.params or {})), lease, found="by looking")
            return
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        calls.conclude(row, outcome, now=now)
        run.error = {**error.to_dict(), "attempt": run.attempt}
        if again and step.retry is not None and not run.approval_id:
            pause = step.retry.backoff * 2 ** (run.attempt - 1)
            run.retry_at = now + max(pause, dt.timedelta(seconds=error.retry_after or 0))
            waiting.place(
                execution, run, StepStatus.NOT_STARTED, now, kind=Kind.STEP_WAITING, error=error.code, attempt=run.attempt
            )
            return
        waiting.place(execution, run, _after_failure(run, step), now, error=error.code)
        _report(run, row, ApprovalOutcome.FAILED, now)


def _uncertain(execution: Execution, run: StepRun, row: CallRow, lease: Lease, outcome: calls.Outcome | None) -> None:
    now = clock.now()
    unknown = outcome or calls.Outcome(error=errors.CallTimeout("The worker stopped before the answer was recorded."))
    with transaction.atomic():
        leases.hold(lease, now=now)
        calls.conclude(row, unknown, now=now)
        run.waiting_for = "a person who says whether it happened"
        run.error = unknown.error.to_dict() if unknown.error else None
        waiting.place(execution, run, StepStatus.UNCERTAIN, now, kind=Kind.STEP_WAITING)


def _stopped(execution: Execution, run: StepRun, row: CallRow, outcome: calls.Outcome, lease: Lease) -> None:
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        calls.conclude(row, outcome, now=now)
        run.waiting_for = "the emergency stop to be lifted"
        if _was_queued(run):
            # It stays approved, and the execution, which may have ended, stays as it is.
            run.mode = StepMode.SIMULATED
            waiting.place(execution, run, StepStatus.SIMULATED, now, kind=Kind.STEP_WAITING, why="an emergency stop stands")
            return
        waiting.place(execution, run, StepStatus.BLOCKED, now, kind=Kind.STEP_WAITING, why="an emergency stop stands")
        if run.approval_id:
            requests.withdraw(request_id=run.approval_id, reason="an emergency stop stands", actor=journaling.ENGINE, now=now)


def _was_queued(run: StepRun) -> bool:
    return Request.objects.filter(pk=run.approval_id, simulated=True).exists() if run.approval_id else False


def _after_failure(run: StepRun, step: Step) -> StepStatus:
    """Return where a step goes whose call failed: a queued one back to its simulation, on which the execution went on."""
    if not _was_queued(run):
        return after_error(step)
    run.mode = StepMode.SIMULATED
    return StepStatus.SIMULATED


def _send_undo(execution: Execution, run: StepRun, done: StepRun, row: CallRow, lease: Lease) -> None:
    outcome = calls.send(row, timeout=DEFAULT_TIMEOUT.total_seconds())
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        calls.conclude(row, outcome, now=now)
        if outcome.error is not None:
            run.error = outcome.error.to_dict()
            waiting.place(execution, run, StepStatus.FAILED, now, error=outcome.error.code)
            return
        output: Any = canonical.plain(outcome.output)
        run.output = output
        waiting.place(execution, run, StepStatus.COMPLETED, now, result=row.result_digest)
        waiting.place(execution, done, StepStatus.ROLLED_BACK, now, undone_by=str(run.pk))
        _report(done, row, ApprovalOutcome.UNDONE, now)


def _recover_undo(execution: Execution, run: StepRun, done: StepRun, lease: Lease) -> None:
    """An undo whose worker stopped: repeated where that is safe, else looked at, else left to a person."""
    row = CallRow.objects.select_related("instance").get(pk=run.call_id)
    assert row.instance is not None  # noqa: S101
    settled = False if calls.action_of(row.instance, row.action).repeatable else calls.look(row)
    if settled is False:
        _send_undo(execution, run, done, row, lease)
        return
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        if settled:
            calls.conclude(row, calls.Outcome(output={}), now=now)
            waiting.place(execution, run, StepStatus.COMPLETED, now, found="by looking")
            waiting.place(execution, done, StepStatus.ROLLED_BACK, now, undone_by=str(run.pk))
            return
        unknown = errors.CallTimeout("The worker stopped while undoing, and nobody can look: check by hand.")
        calls.conclude(row, calls.Outcome(error=unknown), now=now)
        run.error = unknown.to_dict()
        waiting.place(execution, run, StepStatus.FAILED, now, error=unknown.code)


def _undo_run(execution: Execution, done: StepRun, step: Step, lease: Lease) -> StepRun:
    assert step.rollback is not None  # noqa: S101
    with transaction.atomic():
        leases.hold(lease, now=clock.now())
        return StepRun.objects.create(
            tenant_id=execution.tenant_id, execution=execution, step_id=f"{UNDO}{done.step_id}", position=done.position,
            name=f"Undo: {done.name}", kind="action", action=step.rollback.action, undo_of=done, created_at=clock.now(),
        )  # fmt: skip


def _changed(execution: Execution, run: StepRun, request: Request, lease: Lease) -> None:
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        why = "what would be sent is no longer what was approved"
        requests.withdraw(request_id=request.pk, reason=why, actor=journaling.ENGINE, now=now)
        if run.status == StepStatus.SIMULATED:
            run.approval_id = None
            run.save(update_fields=["approval_id"])
            journaling.of_step(execution, run, Kind.STEP_WAITING, now=now, why=why)
        else:
            run.approval_id = None
            waiting.place(execution, run, StepStatus.NOT_STARTED, now, kind=Kind.STEP_WAITING, why=why)


def _report(run: StepRun, row: CallRow, outcome: ApprovalOutcome, now: dt.datetime) -> None:
    """Tell the approval what became of it, with a receipt for a write that was made."""
    if not run.approval_id:
        return
    request = Request.objects.get(pk=run.approval_id)
    receipt = (
        documents.receipt(request, row, now)
        if row.status == CallStatus.SUCCEEDED and outcome == ApprovalOutcome.EXECUTED
        else None
    )
    requests.report(request_id=uuid.UUID(str(request.pk)), outcome=outcome, receipt=receipt, actor=journaling.ENGINE, now=now)
