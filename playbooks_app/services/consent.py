"""What becomes of a consent whose step ends without the runner: used up where something was done with it, else taken back."""

import datetime as dt
import uuid
from collections.abc import Iterable

from django.db.models import QuerySet

from adapters.choices import CallStatus
from adapters.models import Call
from approvals.choices import Outcome, Status
from approvals.models import Request
from approvals.services import requests
from audit.choices import Kind
from playbooks_app.choices import FINAL_EXECUTION, StepStatus
from playbooks_app.engine import states
from playbooks_app.models import Execution, StepRun
from playbooks_app.services import documents, journaling, leases, outcomes, pausing

#: Where a click stands that is in doubt: nobody knows whether it happened, or it waits for its next try.
OPEN = (StepStatus.SIMULATED, StepStatus.UNCERTAIN)


def standing(execution: Execution, *, queued: bool) -> QuerySet[StepRun]:
    """Return the steps with a consent that a step left open needs; with `queued`, also one for what was rehearsed."""
    ended = [status for status in states.ENDED if not (queued and status is StepStatus.SIMULATED)]
    left = execution.steps.exclude(status__in=ended).exclude(approval_id=None)
    return execution.steps.filter(approval_id__in=list(left.values_list("approval_id", flat=True)))


def sharing_queued_consent(execution: Execution) -> QuerySet[StepRun]:
    """Return the steps of which an ended execution may still call something for one click, and the iterations under them."""
    queued = execution.steps.filter(status__in=pausing.QUEUED).exclude(approval_id=None)
    asked = Request.objects.filter(pk__in=list(queued.values_list("approval_id", flat=True)), status__in=(Status.PENDING, Status.APPROVED))
    return execution.steps.filter(approval_id__in=list(asked.values_list("pk", flat=True)))


def withdraw_below(execution: Execution, *, reason: str, now: dt.datetime) -> None:
    """Let nobody run what ended executions below this one have queued, in the caller's transaction."""
    for child in Execution.objects.filter(parent_step__execution=execution):
        if child.status in FINAL_EXECUTION and sharing_queued_consent(child).exists():
            # Whoever is about to call what was clicked has to read it anew first; what is under way already goes on.
            leases.wake(child.pk, now=now)
            runs = list(sharing_queued_consent(child))
            close(runs, reason=reason, now=now)
            leave_open(child, (run for run in runs if run.status in OPEN), why=reason, now=now)
        withdraw_below(child, reason=reason, now=now)


def leave_open(execution: Execution, runs: Iterable[StepRun], *, why: str, now: dt.datetime) -> None:
    """Have those of these steps that are in doubt wait for a person who says what happened, in the caller's transaction."""
    for run in runs:
        if outcomes.is_in_doubt(run):
            outcomes.try_no_more(run, why)
            run.status = StepStatus.UNCERTAIN if run.status == StepStatus.UNCERTAIN else states.step(run.status, StepStatus.UNCERTAIN)
            run.save(update_fields=["status", "waiting_for", "retry_at", "error"])
            journaling.of_step(execution, run, Kind.STEP_WAITING, now=now, why=why)


def close(runs: Iterable[StepRun], *, reason: str, now: dt.datetime) -> None:
    """Close the requests of these steps, in the caller's transaction.

    One under which some items were really done is executed, with its receipt; one with a call that is under way or may have
    happened is uncertain until that is known; all others are withdrawn, and those that nobody has decided.
    """
    by_request: dict[uuid.UUID, list[StepRun]] = {}
    for run in runs:
        if run.approval_id:
            by_request.setdefault(uuid.UUID(str(run.approval_id)), []).append(run)
    requests.lock(by_request)
    for request_id, asked in by_request.items():
        call_ids = [run.call_id for run in asked if run.call_id]
        request = Request.objects.get(pk=request_id)
        made = list(Call.objects.filter(pk__in=call_ids, status=CallStatus.SUCCEEDED).order_by("id"))
        unknown = any(run.status == StepStatus.UNCERTAIN or outcomes.is_in_doubt(run) for run in asked)
        under_way = any(run.status == StepStatus.IN_PROGRESS and run.call_id for run in asked)
        if request.status != Status.PENDING and (made or unknown or under_way):
            receipt = documents.receipt(request, made, now) if made else None
            # Whoever made a call that is under way tells what came of it; where that worker dies, nobody may ever know.
            outcome = Outcome.UNCERTAIN if unknown or under_way else Outcome.EXECUTED
            requests.report(request_id=request_id, outcome=outcome, receipt=receipt, actor=journaling.ENGINE, now=now)
        else:
            requests.withdraw(request_id=request_id, reason=reason, actor=journaling.ENGINE, now=now)
