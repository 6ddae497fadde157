"""What comes of a call: success, another try, failure, an emergency stop, or nobody knows."""

import datetime as dt
import uuid
from typing import Any

from adapters import calls, errors
from adapters.choices import CallStatus
from adapters.models import Call as CallRow
from approvals.choices import Outcome as ApprovalOutcome
from approvals.choices import Status
from approvals.models import Request
from approvals.services import requests
from audit.choices import Kind
from core import canonical, clock
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepMode, StepStatus
from playbooks_app.engine.decide import after_error
from playbooks_app.engine.model import step_id_of
from playbooks_app.models import StepRun
from playbooks_app.services import documents, journaling, looking
from playbooks_app.services.drive import Drive, Result
from playbooks_app.spec.schema import Retry, Step

NOT_DONE = "The worker stopped, and what it asked for was not carried out."
WHO = "a person who says whether it happened"
UNANSWERED = "An earlier try was not answered: it may have been carried out."


def settle(drive: Drive, result: Result) -> None:
    """Apply what came of a step's call, in memory."""
    run, step = drive.runs[result.run_id], drive.step(result.run_id)
    error = result.outcome.error
    if error is None:
        _succeeded(drive, run, result)
    elif isinstance(error, errors.Stopped):
        _stopped(drive, run, result)
    else:
        _failed(drive, run, step, result, error)


def uncertain(drive: Drive, run: StepRun, row: CallRow, outcome: calls.Outcome | None) -> None:
    """Let a person say what became of a write. What a worker that lives was told is kept; of one that stopped, nothing is known."""
    now, seen = clock.now(), outcome.error if outcome else None
    unknown = outcome or calls.Outcome(error=errors.CallTimeout("The worker stopped before the answer was recorded."))
    if unknown.error is not None and not unknown.error.outcome_unknown:
        unknown = calls.Outcome(error=errors.CallTimeout(UNANSWERED))
    drive.batch.calls.append(calls.settle(row, unknown, now=now))
    run.waiting_for, run.retry_at = WHO, None
    run.error = {**unknown.error.to_dict(), **looking.as_seen(seen)} if unknown.error else None
    if _is_taken_back(drive, run):
        try_no_more(run, "it is not to be done any more")
    drive.place(run, StepStatus.UNCERTAIN, now, kind=Kind.STEP_WAITING)


def leave_open(drive: Drive, run: StepRun, why: str) -> bool:
    """Let a person say what became of an earlier try that was not answered, where no other can be made; else return False.

    Who has it looked for again has nothing sent again.
    """
    if not is_in_doubt(run):
        return False
    try_no_more(run, why)
    if run.status == StepStatus.UNCERTAIN:
        drive.batch.change(run)
    else:
        drive.place(run, StepStatus.UNCERTAIN, clock.now(), kind=Kind.STEP_WAITING, why=why)
    return True


def try_no_more(run: StepRun, why: str) -> None:
    """Have a write of which nobody knows whether it happened wait for a person; looking for it sends nothing again."""
    run.waiting_for, run.retry_at = f"{WHO}: {why}"[:300], None
    run.error = {**(run.error or {}), **looking.as_seen(errors.NoOtherTry(why))}


def not_done(drive: Drive, run: StepRun, row: CallRow) -> None:
    """Let a step stand where it stood before its call, whose worker stopped and which was not carried out.

    It is called anew where steps may start: not after a cancel, nor under a pause.
    """
    now, error = clock.now(), errors.Cancelled(NOT_DONE)
    drive.batch.calls.append(calls.settle(row, calls.Outcome(error=error), now=now))
    drive.batch.standing.add(run.pk)
    drive.place(run, _before_call(run), now, kind=Kind.STEP_WAITING, why=error.message, call=str(row.pk))
    if run.approval_id and Request.objects.filter(pk=run.approval_id, status=Status.EXECUTED).exists():
        # Its consent was closed while the call was under way.
        report(drive, run, [], ApprovalOutcome.FAILED)


def report(drive: Drive, run: StepRun, call_ids: list[Any], outcome: ApprovalOutcome) -> None:
    """Tell the approval, with the commit, what became of it, and give a receipt for writes that were made."""
    if not run.approval_id or run.iteration_of_id:
        return
    request_id = uuid.UUID(str(run.approval_id))

    def tell(at: dt.datetime) -> None:
        made = list(CallRow.objects.filter(pk__in=call_ids, status=CallStatus.SUCCEEDED).order_by("id"))
        receipt = None
        if made and outcome == ApprovalOutcome.EXECUTED:
            receipt = documents.receipt(Request.objects.get(pk=request_id), made, at)
        requests.report(request_id=request_id, outcome=outcome, receipt=receipt, actor=journaling.ENGINE, now=at)

    drive.batch.then.append(tell)


def put_off(run: StepRun, retry: Retry, error: errors.AdapterError, now: dt.datetime) -> None:
    """Note when a call that failed is tried again: after a pause that doubles with each try, or as the vendor asks."""
    pause = max(retry.backoff * 2 ** (run.attempt - 1), dt.timedelta(seconds=error.retry_after or 0))
    run.retry_at, run.error = now + pause, {**(run.error or {}), "pause": pause.total_seconds()}
    run.waiting_for = "its next try"


def is_in_doubt(run: StepRun) -> bool:
    """Return whether a try of this write was not answered, and nobody knows what became of it."""
    return run.status == StepStatus.UNCERTAIN or bool(run.error and run.error.get("outcome_unknown"))


def is_left_open(run: StepRun) -> bool:
    """Return whether a person was left to say what became of this write, and nothing of it is sent any more."""
    return run.status == StepStatus.UNCERTAIN and (run.error or {}).get("seen", {}).get("code") == errors.NoOtherTry.code


def unknown_before(run: StepRun, result: Result) -> bool:
    """Return whether an earlier try of this write may have been carried out: a failure now says nothing about that one."""
    return result.repeated or is_in_doubt(run)


def was_queued(run: StepRun) -> bool:
    """Return whether the call of a step was rehearsed first and queued for one click."""
    return run.approval_id is not None and Request.objects.filter(pk=run.approval_id, simulated=True).exists()


def _is_taken_back(drive: Drive, run: StepRun) -> bool:
    """Return whether nothing of a step is sent any more: its execution is rolled back, or its click was taken back meanwhile."""
    status = drive.execution.status
    if run.undo_of_id or (status not in FINAL_EXECUTION and status != ExecutionStatus.ROLLING_BACK):
        return False
    asked = drive.runs[step_id_of(run.step_id)].approval_id
    clicked = asked is not None and Request.objects.filter(pk=asked, status=Status.APPROVED).exists()
    return status == ExecutionStatus.ROLLING_BACK or not clicked


def _succeeded(drive: Drive, run: StepRun, result: Result) -> None:
    now = clock.now()
    drive.batch.calls.append(calls.settle(result.call, result.outcome, now=now))
    output: Any = canonical.plain(result.outcome.output)
    run.output, run.error, run.mode = output, None, StepMode.REAL
    data: dict[str, Any] = {"found": result.found} if result.found else {}
    drive.place(run, StepStatus.COMPLETED, now, call=str(result.call.pk), result=result.call.result_digest, **data)
    report(drive, run, [result.call.pk], ApprovalOutcome.EXECUTED)


def _failed(drive: Drive, run: StepRun, step: Step, result: Result, error: errors.AdapterError) -> None:
    assert result.call.instance is not None  # noqa: S101
    action = calls.action_of(result.call.instance, result.call.action)
    again = step.retry is not None and run.attempt < step.retry.attempts and not error.permanent and not _is_taken_back(drive, run)
    unknown = action.effect.is_write and (error.outcome_unknown or unknown_before(run, result))
    settled = None
    if unknown and not (again and action.repeatable):
        settled = looking.look(drive, result.call)
        if settled is None:
            uncertain(drive, run, result.call, result.outcome)
            return
        if settled:
            result.outcome, result.found = calls.Outcome(output=action.predict(result.call.params or {})), "by looking"
            _succeeded(drive, run, result)
            return
        if looking.puts_off(drive, run, looking.timeout_of(step), error):
            return
    now = clock.now()
    drive.batch.calls.append(calls.settle(result.call, result.outcome, now=now))
    run.error = {**error.to_dict(), "outcome_unknown": unknown and settled is None, "attempt": run.attempt}
    if again:
        _again(drive, run, step, error, now)
        return
    drive.place(run, _after_failure(run, step), now, error=error.code)
    # What was queued stands where it stood before the click: until its consent is known to be used up, it would be called again.
    drive.batch.urgent |= run.status == StepStatus.SIMULATED
    report(drive, run, [result.call.pk], ApprovalOutcome.FAILED)


def _again(drive: Drive, run: StepRun, step: Step, error: errors.AdapterError, now: dt.datetime) -> None:
    """Let a step be tried again later; what people approved stays approved."""
    assert step.retry is not None  # noqa: S101
    put_off(run, step.retry, error, now)
    drive.place(run, _before_call(run), now, kind=Kind.STEP_WAITING, error=error.code, attempt=run.attempt)


def _stopped(drive: Drive, run: StepRun, result: Result) -> None:
    now = clock.now()
    drive.batch.calls.append(calls.settle(result.call, result.outcome, now=now))
    if result.repeated:
        run.error = errors.CallTimeout(UNANSWERED).to_dict()
    run.waiting_for = "the emergency stop to be lifted"
    why = "an emergency stop stands"
    if not run.approval_id:
        drive.place(run, StepStatus.BLOCKED, now, kind=Kind.STEP_WAITING, why=why)
        return
    # It stays approved and waits; the call is checked against what was approved once more before it is made.
    drive.place(run, _before_call(run), now, kind=Kind.STEP_WAITING, why=why)


def _before_call(run: StepRun) -> StepStatus:
    """Return where a step stands whose call is made later; what people approved stays approved."""
    if not run.approval_id:
        return StepStatus.NOT_STARTED
    if not was_queued(run):
        return StepStatus.AWAITING_APPROVAL
    run.mode = StepMode.SIMULATED
    return StepStatus.SIMULATED


def _after_failure(run: StepRun, step: Step) -> StepStatus:
    """Return where a step goes whose call failed: a queued one back to its simulation, on which the execution went on."""
    if run.iteration_of_id or not was_queued(run):
        return after_error(step)
    run.mode = StepMode.SIMULATED
    return StepStatus.SIMULATED
