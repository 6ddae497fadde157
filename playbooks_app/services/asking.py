"""Commands that put a write before people: ask first, or rehearse and queue."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from adapters import calls, errors, simulation
from adapters.models import AdapterInstance
from adapters.simulation import Simulation
from approvals.choices import OnTimeout
from approvals.models import Request
from approvals.services import requests
from audit.choices import Kind
from core import canonical, clock
from core.errors import DomainError
from playbooks_app.choices import StepMode, StepStatus
from playbooks_app.engine import model
from playbooks_app.models import Execution, StepRun
from playbooks_app.selectors import snapshots
from playbooks_app.services import calling, documents, journaling, leases, waiting
from playbooks_app.services.leases import Lease
from playbooks_app.spec.schema import ApprovalPolicy, Step

Runs = Mapping[str, StepRun]


def ask(execution: Execution, runs: Runs, command: model.Ask, lease: Lease) -> None:
    """Ask people before the call is made; the step waits."""
    run, step = runs[command.step], calling.step_of(execution, command.step)
    rehearsed = _rehearsed(execution, runs, step, command, lease)
    if rehearsed is None:
        return
    instance, simulated = rehearsed
    policy = policy_of(execution, step)
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        waiting.show(run, command.params)
        run.simulation = _plain(simulated)
        run.effect = calls.action_of(instance, step.action or "").effect
        request = _request(execution, run, step, instance, simulated, policy, now + policy.timeout, now, queued=False)
        run.approval_id = request.pk
        run.waiting_for = f"{policy.quorum} of {', '.join(map(str, policy.approvers))}"
        waiting.place(
            execution, run, StepStatus.AWAITING_APPROVAL, now, command, kind=Kind.STEP_WAITING, approval=str(request.pk)
        )


def simulate(execution: Execution, runs: Runs, command: model.Simulate, lease: Lease) -> None:
    """Rehearse the call, queue it for one click, and go on with the predicted output."""
    run, step = runs[command.step], calling.step_of(execution, command.step)
    rehearsed = _rehearsed(execution, runs, step, command, lease)
    if rehearsed is None:
        return
    instance, simulated = rehearsed
    policy = policy_of(execution, step)
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        waiting.show(run, command.params)
        run.mode, run.simulation = StepMode.SIMULATED, _plain(simulated)
        output: Any = canonical.plain(simulated.result.output)
        run.output = output
        run.effect = calls.action_of(instance, step.action or "").effect
        data: dict[str, Any] = {"risk": simulated.impact.risk}
        if command.queue:
            request = _request(execution, run, step, instance, simulated, policy, now + policy.ttl, now, queued=True)
            run.approval_id, data["approval"] = request.pk, str(request.pk)
        waiting.place(execution, run, StepStatus.SIMULATED, now, command, **data)
        _mark_downstream(execution, step.id)


def policy_of(execution: Execution, step: Step) -> ApprovalPolicy:
    """Return who decides about a step: the playbook's policy, overridden field by field."""
    policy = snapshots.playbook_of(execution).approval_policy
    return step.approval.over(policy) if step.approval else policy


def _rehearsed(
    execution: Execution, runs: Runs, step: Step, command: model.Ask | model.Simulate, lease: Lease
) -> tuple[AdapterInstance, Simulation] | None:
    """Return the dry run of a step, or fail the step where there cannot be one."""
    try:
        instance = calling.instance_of(execution, step)
        found = simulation.simulate(
            instance=instance, action=step.action or "", params=command.params, environment_kind=execution.environment.kind,
            confidence=execution.alert.confidence if execution.alert else None, tenant_id=execution.tenant_id,
        )  # fmt: skip
    except DomainError as error:
        waiting.fail(execution, runs, model.Fail(step.id, command.evaluations, error.code, error.sentence), lease)
    except errors.AdapterError as error:
        waiting.fail(
            execution, runs, model.Fail(step.id, command.evaluations, error.code, f"{error.message} {error.hint}"), lease
        )
    else:
        return instance, found
    return None


def _request(
    execution: Execution, run: StepRun, step: Step, instance: AdapterInstance, simulated: Simulation, policy: ApprovalPolicy,
    expires_at: dt.datetime, now: dt.datetime, *, queued: bool,
) -> Request:  # fmt: skip
    action = calls.action_of(instance, step.action or "")
    target = action.target_of(run.params or {})
    excluded = [execution.started_by_user_id] if execution.started_by_user_id else []
    return requests.ask(
        tenant_id=execution.tenant_id,
        environment=execution.environment,
        subject=("step", run.pk),
        stream=f"execution:{execution.pk}",
        title=f"{action.verb or action.name} {target}".strip(),
        document={"call": documents.call_of(execution, run, step, instance), "shown": documents.shown(simulated)},
        labels=documents.labels(execution, step, target, action.effect),
        policy=requests.Policy(
            roles=[str(role) for role in policy.approvers], quorum=policy.quorum, four_eyes=policy.four_eyes,
            on_timeout=OnTimeout(policy.on_timeout.value),
        ),
        excluded_user_ids=excluded,
        simulated=queued,
        expires_at=expires_at,
        confidence=simulated.confidence,
        risk=simulated.impact.risk,
        actor=journaling.ENGINE,
        now=now,
    )  # fmt: skip


def _mark_downstream(execution: Execution, step_id: str) -> None:
    """Steps that come after a simulated one build on predicted output, and say so."""
    reached, steps = {step_id}, snapshots.playbook_of(execution).steps
    for step in steps:
        if reached & set(step.needs):
            reached.add(step.id)
    execution.steps.filter(step_id__in=reached - {step_id}).update(built_on_simulated=True)


def _plain(simulated: Simulation) -> Any:
    return canonical.plain(simulated.to_dict())
