"""Commands that make calls: for real, and again after a crash. Each returns the call whose intent it noted."""

from collections.abc import Mapping
from typing import Any

from adapters import calls, instances
from adapters.choices import CallPurpose
from adapters.models import AdapterInstance
from adapters.models import Call as CallRow
from audit.choices import Kind
from core import canonical, clock, redaction
from core.errors import DomainError
from playbooks_app.choices import StepMode, StepStatus
from playbooks_app.engine import model
from playbooks_app.models import Execution, StepRun
from playbooks_app.services import asking, looking, outcomes, steps, waiting
from playbooks_app.services.drive import Drive, Result
from playbooks_app.services.flights import Flight
from playbooks_app.spec.schema import Step


def call(drive: Drive, command: model.Call) -> Flight | None:
    """Note the intent of a step's call."""
    run, step = drive.runs[command.step], drive.step(command.step)
    try:
        instance = drive.instances.get(step)
    except DomainError as error:
        waiting.fail(drive, model.Fail(command.step, command.evaluations, error.code, error.sentence))
        return None
    steps.show(run, command.params)
    return begin(drive, run, step, instance, command.evaluations)


def call_item(drive: Drive, command: model.CallItem) -> Flight | None:
    """Note the intent of one iteration's call, with the parameters that it was expanded with; ask anew where consent is needed."""
    run, step = drive.runs[command.step], drive.step(command.step)
    asked = drive.runs[step.id]
    if asked.simulation is not None:
        # People were asked for all items, and this one is not among what they agreed to.
        if not any(item.status == StepStatus.IN_PROGRESS for item in drive.iterations_of(asked)):
            asking.ask_for_rest(drive, asked, step, instead_of=None)
        return None
    try:
        instance = drive.instances.get(step)
    except DomainError as error:
        waiting.fail(drive, model.Fail(command.step, (), error.code, error.sentence))
        return None
    return begin(drive, run, step, instance, ())


def recover(drive: Drive, command: model.Recover) -> Flight | None:
    """Find out what became of a call: repeat what may be repeated, look, or let a person say.

    Where the worker that made it did not stop, and gave it up, what that one saw counts where it is not there. Otherwise what
    is not there was not done, and is called anew.
    """
    run, step = drive.runs[command.step], drive.step(command.step)
    row = CallRow.objects.select_related("instance").filter(pk=run.call_id).first()
    if row is None or row.instance is None:
        run.waiting_for, run.retry_at = outcomes.WHO, None
        drive.place(run, StepStatus.UNCERTAIN, clock.now(), kind=Kind.STEP_WAITING, why="the call's record is missing")
        return None
    action = calls.action_of(row.instance, row.action)
    seen = looking.given_up(run, action)
    if seen is not None:
        drive.settle(Result(run.step_id, row, calls.Outcome(error=seen), outcomes.settle))
        return None
    if action.repeatable:
        return flight_of(run, step, row, repeated=True)
    settled = looking.look(drive, row)
    if settled:
        outcome, found = calls.Outcome(output=action.predict(row.params or {})), "by looking"
        drive.settle(Result(run.step_id, row, outcome, outcomes.settle, found))
    elif settled is None:
        outcomes.uncertain(drive, run, row, None)
    elif not looking.puts_off(drive, run, looking.timeout_of(step)):
        outcomes.not_done(drive, run, row)
    return None


def begin(drive: Drive, run: StepRun, step: Step, instance: AdapterInstance, evaluations: tuple[dict[str, Any], ...]) -> Flight:
    """Note the intent of a call with the parameters that its step has, and return the call."""
    if evaluations:
        noted: Any = redaction.redact(canonical.plain(evaluations))
        run.evaluations = noted
    row = intended(drive, run, instance, step.action or "", run.params or {}, CallPurpose.STEP, Kind.STEP_STARTED)
    return flight_of(run, step, row)


def flight_of(run: StepRun, step: Step, row: CallRow, *, repeated: bool = False) -> Flight:
    """Return a call that is about to be made, or made again after a worker stopped."""
    return Flight(Result(run.step_id, row, calls.Outcome(), outcomes.settle, repeated=repeated), looking.timeout_of(step))


def intended(
    drive: Drive,
    run: StepRun,
    instance: AdapterInstance,
    action: str,
    params: Mapping[str, Any],
    purpose: CallPurpose,
    kind: Kind,
) -> CallRow:
    """Note that a call is about to be made, with the step's idempotency key, and return its record."""
    now, execution = clock.now(), drive.execution
    run.attempt += 1
    run.mode = StepMode.REAL
    run.effect = calls.action_of(instance, action).effect
    run.idempotency_key = run.idempotency_key or calls.key_of(run.pk)
    row = calls.draft(
        instance=instance, environment=execution.environment.slug, owner=("execution", execution.pk), step=run.step_id,
        action=action, params=params, key=run.idempotency_key, attempt=run.attempt, now=now, purpose=purpose,
    )  # fmt: skip
    drive.batch.new_calls.append(row)
    run.call_id, run.retry_at, run.waiting_for = row.pk, None, ""
    drive.place(run, StepStatus.IN_PROGRESS, now, kind=kind, call=str(row.pk), attempt=run.attempt, action=action)
    return row


def instance_of(execution: Execution, step: Step) -> AdapterInstance:
    """Return the adapter instance that serves a step at this moment; raises NoInstance."""
    return instances.resolve(
        tenant_id=execution.tenant_id, environment_id=execution.environment_id, action=step.action or "", name=step.adapter or ""
    )
