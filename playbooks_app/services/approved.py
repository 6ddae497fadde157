"""Calls that people approved: made if what would be sent is still what they saw, otherwise asked for anew."""

from adapters.models import AdapterInstance
from approvals.choices import Status
from approvals.models import Request
from approvals.services import requests
from audit.choices import Kind
from core import canonical, clock
from core.errors import DomainError
from playbooks_app.choices import StepStatus
from playbooks_app.engine import model
from playbooks_app.models import StepRun
from playbooks_app.services import asking, calling, documents, journaling
from playbooks_app.services.drive import Drive
from playbooks_app.services.flights import Flight
from playbooks_app.spec.schema import Step


def call_approved(drive: Drive, command: model.CallApproved) -> Flight | None:
    """Note the intent of an approved call, if it is still the same."""
    run, step = drive.runs[command.step], drive.step(command.step)
    asked = drive.runs[step.id]
    request = Request.objects.filter(pk=str(asked.approval_id), status=Status.APPROVED).first() if asked.approval_id else None
    if request is None:
        # The call before this one in the same round found that consent no longer fits, and asked anew.
        return None
    instance = _unchanged(drive, asked, run, step, request)
    if instance is None:
        _ask_anew(drive, asked, step, request)
        return None
    if asked is not run and asked.status != StepStatus.IN_PROGRESS:
        drive.place(asked, StepStatus.IN_PROGRESS, clock.now(), kind=Kind.STEP_STARTED, approval=str(request.pk))
    return calling.begin(drive, run, step, instance, ())


def _unchanged(drive: Drive, asked: StepRun, run: StepRun, step: Step, request: Request) -> AdapterInstance | None:
    """Return the instance that serves the call, if the call is the one that was approved; read anew, not remembered."""
    try:
        instance = calling.instance_of(drive.execution, step)
    except DomainError:
        return None
    if canonical.digest(documents.call_of(drive.execution, asked, step, instance)) != request.call_digest:
        return None
    listed = asked.params if run is not asked else [asked.params]
    return instance if run.params in (listed or []) else None


def _ask_anew(drive: Drive, run: StepRun, step: Step, request: Request) -> None:
    """Withdraw the consent; what waits asks again, what was queued is rehearsed and queued again."""
    items = drive.iterations_of(run)
    if any(item.status == StepStatus.IN_PROGRESS for item in items):
        # Some items are under way with this consent; the rest is asked for when they are back.
        return
    if run.status == StepStatus.AWAITING_APPROVAL and not items:
        with drive.transaction([request.pk]) as now:
            requests.withdraw(request_id=request.pk, reason=asking.CHANGED, actor=journaling.ENGINE, now=now)
            run.approval_id = None
            drive.place(run, StepStatus.NOT_STARTED, now, kind=Kind.STEP_WAITING, why=asking.CHANGED)
        return
    asking.ask_for_rest(drive, run, step, instead_of=request)
