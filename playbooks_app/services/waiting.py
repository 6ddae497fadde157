"""Commands that make no call: wait for a person, choose, skip, fail, hold back."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from approvals.services import requests
from audit.choices import Kind
from core import canonical, clock, redaction
from playbooks_app.choices import StepMode, StepStatus
from playbooks_app.engine import model, states
from playbooks_app.engine.decide import after_error
from playbooks_app.models import Execution, StepRun
from playbooks_app.selectors import snapshots
from playbooks_app.services import journaling, leases
from playbooks_app.services.leases import Lease

Runs = Mapping[str, StepRun]


def await_person(execution: Execution, runs: Runs, command: model.AwaitPerson, lease: Lease) -> None:
    """Let a step wait until a person has acted."""
    run = runs[command.step]
    show(run, command.params)
    run.waiting_for = command.waiting_for
    move(execution, run, StepStatus.AWAITING_INPUT, lease, command, kind=Kind.STEP_WAITING)


def choose(execution: Execution, runs: Runs, command: model.Choose, lease: Lease) -> None:
    """Record the branch that a decision took by itself."""
    run = runs[command.step]
    run.decision, run.mode = command.branch, StepMode.REAL
    run.output = {"chosen": command.branch}
    move(execution, run, StepStatus.COMPLETED, lease, command, decision=command.branch)


def skip(execution: Execution, runs: Runs, command: model.Skip, lease: Lease) -> None:
    """Skip a step."""
    run = runs[command.step]
    run.waiting_for = command.why
    move(execution, run, StepStatus.SKIPPED, lease, command, why=command.why)


def fail(execution: Execution, runs: Runs, command: model.Fail, lease: Lease) -> None:
    """Fail a step; by its rule for errors it may end as skipped, with the error kept."""
    run = runs[command.step]
    run.error = {"code": command.code, "message": command.why}
    step = next(step for step in snapshots.playbook_of(execution).steps if step.id == command.step)
    move(execution, run, after_error(step), lease, command, code=command.code)


def block(execution: Execution, runs: Runs, command: model.Block, lease: Lease) -> None:
    """Hold a step back while an emergency stop stands."""
    run = runs[command.step]
    run.waiting_for = command.why
    move(execution, run, StepStatus.BLOCKED, lease, command, kind=Kind.STEP_WAITING, why=command.why)


def unblock(execution: Execution, runs: Runs, command: model.Unblock, lease: Lease) -> None:
    """Let a held step start again."""
    run = runs[command.step]
    run.waiting_for, run.approval_id = "", None
    move(execution, run, StepStatus.NOT_STARTED, lease, command, kind=Kind.STEP_WAITING)


def move(
    execution: Execution,
    run: StepRun,
    status: StepStatus,
    lease: Lease | None,
    command: model.OfStep | None = None,
    *,
    kind: Kind | None = None,
    **data: Any,
) -> None:
    """Save a step in another status and journal it, in one transaction."""
    now = clock.now()
    with transaction.atomic():
        if lease is not None:
            leases.hold(lease, now=now)
        place(execution, run, status, now, command, kind=kind, **data)


def place(
    execution: Execution,
    run: StepRun,
    status: StepStatus,
    now: dt.datetime,
    command: model.OfStep | None = None,
    *,
    kind: Kind | None = None,
    **data: Any,
) -> None:
    """The same inside the caller's transaction."""
    run.status = states.step(run.status, status)
    run.started_at = run.started_at or now
    run.completed_at = now if status in states.ENDED else None
    if command is not None and command.evaluations:
        evaluations: Any = redaction.redact(canonical.plain(command.evaluations))
        run.evaluations = evaluations
    if status in states.ENDED and status != StepStatus.SKIPPED:
        run.waiting_for = ""
    run.save()
    ended = Kind.UNDO_FINISHED if run.undo_of_id else Kind.STEP_FINISHED
    journaling.of_step(execution, run, kind or ended, now=now, **data)


def show(run: StepRun, params: Mapping[str, Any]) -> None:
    """Keep resolved parameters: encrypted to use, redacted to show."""
    plain: Any = canonical.plain(params)
    run.params = plain
    shown: Any = redaction.redact(plain)
    run.params_shown = shown


def withdraw(request_id: uuid.UUID, reason: str, now: dt.datetime) -> None:
    """Take back what was asked for a step."""
    requests.withdraw(request_id=request_id, reason=reason, actor=journaling.ENGINE, now=now)
