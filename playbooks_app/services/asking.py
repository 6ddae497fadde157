"""Commands that put writes before people: ask first, or rehearse and queue; one by one or for each item at once."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from adapters import calls, errors, simulation
from adapters.models import AdapterInstance
from adapters.simulation import Simulation
from approvals.choices import OnTimeout
from approvals.models import Request
from approvals.services import requests
from audit.choices import Kind
from core import canonical
from core.errors import DomainError
from playbooks_app.choices import StepMode, StepStatus
from playbooks_app.engine import model
from playbooks_app.models import StepRun
from playbooks_app.services import documents, journaling, steps, waiting
from playbooks_app.services.drive import Drive
from playbooks_app.spec.schema import ApprovalPolicy, Step

CHANGED = "what would be sent is no longer what was approved"
OPEN = (StepStatus.NOT_STARTED, StepStatus.AWAITING_APPROVAL, StepStatus.SIMULATED)


@dataclasses.dataclass(frozen=True, slots=True)
class Rehearsal:
    """The dry runs of what is about to be asked for, and the instance that would make the calls."""

    instance: AdapterInstance
    runs: tuple[Simulation, ...]


def ask(drive: Drive, command: model.Ask) -> None:
    """Ask people before the call is made; the step waits."""
    run, step = drive.runs[command.step], drive.step(command.step)
    rehearsed = _rehearsed(drive, step, [command.params], command.evaluations)
    if rehearsed is None:
        return
    steps.show(run, command.params)
    with drive.transaction() as now:
        _asked(drive, run, step, rehearsed, now, queued=False)
        run.waiting_for = _needed(drive, step)
        drive.place(run, StepStatus.AWAITING_APPROVAL, now, command, kind=Kind.STEP_WAITING, approval=str(run.approval_id))


def simulate(drive: Drive, command: model.Simulate) -> None:
    """Rehearse the call, queue it for one click, and go on with the predicted output."""
    run, step = drive.runs[command.step], drive.step(command.step)
    rehearsed = _rehearsed(drive, step, [command.params], command.evaluations)
    if rehearsed is None:
        return
    steps.show(run, command.params)
    with drive.transaction() as now:
        data = _asked(drive, run, step, rehearsed, now, queued=True, ask=command.queue)
        run.mode = StepMode.SIMULATED
        run.output = _predicted(rehearsed.runs[0])
        drive.place(run, StepStatus.SIMULATED, now, command, **data)
        _mark_downstream(drive, step.id)


def ask_for_all(drive: Drive, command: model.Expand, items: Sequence[StepRun]) -> None:
    """Ask once for all iterations of a step, with every target listed; at L2 rehearse all and queue them as one."""
    run, step = drive.runs[command.step], drive.step(command.step)
    rehearsed = _rehearsed(drive, step, command.params, command.evaluations)
    if rehearsed is None:
        return
    steps.show(run, list(command.params))
    queued = command.then == "simulate"
    with drive.transaction() as now:
        data = _asked(drive, run, step, rehearsed, now, queued=queued, ask=command.queue or not queued)
        status = StepStatus.SIMULATED if queued else StepStatus.AWAITING_APPROVAL
        kind = None if queued else Kind.STEP_WAITING
        for item, found in zip(items, rehearsed.runs, strict=True):
            item.simulation, item.approval_id, item.effect = canonical.plain(found.to_dict()), run.approval_id, run.effect
            item.mode, item.output = (StepMode.SIMULATED, _predicted(found)) if queued else ("", None)
            drive.place(item, status, now, kind=kind)
        if queued:
            run.mode, run.output = StepMode.SIMULATED, [item.output for item in items]
            _mark_downstream(drive, step.id)
        else:
            run.waiting_for = _needed(drive, step)
        drive.place(run, status, now, command, kind=kind, **data)


def ask_for_rest(drive: Drive, run: StepRun, step: Step, *, instead_of: Request | None) -> None:
    """Ask again, with the parameters that were resolved once, for what is left, and withdraw at once a consent that no longer fits."""
    queued, items = run.status == StepStatus.SIMULATED, drive.iterations_of(run)
    left = [item for item in items if item.status in OPEN]
    params: Any = [item.params for item in left] if items else [run.params]
    rehearsed = _rehearsed(drive, step, params, ())
    with drive.transaction([instead_of.pk] if instead_of else []) as now:
        if instead_of is not None:
            requests.withdraw(request_id=instead_of.pk, reason=CHANGED, actor=journaling.ENGINE, now=now)
        for row in (run, *items):
            row.approval_id = None
            drive.batch.change(row)
        drive.batch.facts.append(journaling.step_fact(drive.execution, run, Kind.STEP_WAITING, now=now, why=CHANGED))
        if rehearsed is None:
            return
        if left:
            steps.show(run, params)
        data = _asked(drive, run, step, rehearsed, now, queued=queued)
        for item in left:
            item.approval_id = run.approval_id
            if item.status == StepStatus.NOT_STARTED:
                drive.place(item, StepStatus.AWAITING_APPROVAL, now, kind=Kind.STEP_WAITING)
        if run.status == StepStatus.IN_PROGRESS:
            run.waiting_for = _needed(drive, step)
            drive.place(run, StepStatus.AWAITING_APPROVAL, now, kind=Kind.STEP_WAITING, **data)
        else:
            drive.batch.facts.append(journaling.step_fact(drive.execution, run, Kind.STEP_WAITING, now=now, **data))


def policy_of(drive: Drive, step: Step) -> ApprovalPolicy:
    """Return who decides about a step: the playbook's policy, overridden field by field."""
    return drive.playbook.policy_for(step)


def _needed(drive: Drive, step: Step) -> str:
    policy = policy_of(drive, step)
    return f"{policy.quorum} of {', '.join(map(str, policy.approvers))}"


def _rehearsed(
    drive: Drive, step: Step, params: Sequence[Mapping[str, Any]], evaluations: tuple[dict[str, Any], ...]
) -> Rehearsal | None:
    """Return the dry runs of a step, or fail the step where there cannot be one."""
    execution = drive.execution
    try:
        instance = drive.instances.get(step)
        found = tuple(
            simulation.simulate(
                instance=instance, action=step.action or "", params=one, environment_kind=execution.environment.kind,
                confidence=execution.alert.confidence if execution.alert else None, tenant_id=execution.tenant_id,
            )
            for one in params
        )  # fmt: skip
    except DomainError as error:
        waiting.fail(drive, model.Fail(step.id, evaluations, error.code, error.sentence))
    except errors.AdapterError as error:
        waiting.fail(drive, model.Fail(step.id, evaluations, error.code, f"{error.message} {error.hint}"))
    else:
        return Rehearsal(instance, found)
    return None


def _asked(
    drive: Drive, run: StepRun, step: Step, rehearsed: Rehearsal, now: dt.datetime, *, queued: bool, ask: bool = True
) -> dict[str, Any]:
    """Keep what the dry run found, ask for consent to it, and return what the journal says of it."""
    shown: Any = canonical.plain(documents.shown(rehearsed.runs))
    run.simulation = {**shown, "risk": shown["impact"]["risk"], "action": step.action}
    run.effect = calls.action_of(rehearsed.instance, step.action or "").effect
    data: dict[str, Any] = {"risk": shown["impact"]["risk"]}
    if ask:
        request = _request(drive, run, step, rehearsed, shown, now, queued=queued)
        run.approval_id, data["approval"] = request.pk, str(request.pk)
    return data


def _request(
    drive: Drive, run: StepRun, step: Step, rehearsed: Rehearsal, shown: dict[str, Any], now: dt.datetime, *, queued: bool
) -> Request:
    execution, policy, instance = drive.execution, policy_of(drive, step), rehearsed.instance
    action = calls.action_of(instance, step.action or "")
    target = ", ".join(shown["impact"]["targets"])[:250]
    excluded = [execution.started_by_user_id] if execution.started_by_user_id else []
    return requests.ask(
        tenant_id=execution.tenant_id,
        environment=execution.environment,
        subject=("step", run.pk),
        stream=journaling.stream_of(execution),
        title=f"{action.verb or action.name} {target}".strip(),
        document={"call": documents.call_of(execution, run, step, instance), "shown": shown},
        labels=documents.labels(execution, step, target, action.effect),
        policy=requests.Policy(
            roles=[str(role) for role in policy.approvers], quorum=policy.quorum, four_eyes=policy.four_eyes,
            on_timeout=OnTimeout(policy.on_timeout.value),
        ),
        excluded_user_ids=excluded,
        simulated=queued,
        expires_at=now + (policy.ttl if queued else policy.timeout),
        confidence=rehearsed.runs[0].confidence,
        risk=shown["impact"]["risk"],
        actor=journaling.ENGINE,
        now=now,
    )  # fmt: skip


def _predicted(found: Simulation) -> Any:
    return canonical.plain(found.result.output)


def _mark_downstream(drive: Drive, step_id: str) -> None:
    """Steps that come after a simulated one build on predicted output, and say so."""
    reached = {step_id}
    for step in drive.playbook.steps:
        if reached & set(step.needs):
            reached.add(step.id)
    for run_id in reached - {step_id}:
        drive.runs[run_id].built_on_simulated = True
        drive.batch.change(drive.runs[run_id])
