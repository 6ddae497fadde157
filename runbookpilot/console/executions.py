"""The list of executions and the page of one."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.choices import Permission
from accounts.selectors import access
from approvals.choices import Status
from approvals.models import Request
from audit.selectors import entries
from core import clock
from core.errors import DomainError
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepStatus
from playbooks_app.models import Execution, Playbook
from playbooks_app.services import executions as service
from runbookpilot.console import frame

PAGE = 25
ENDED = [
    StepStatus.COMPLETED,
    StepStatus.SKIPPED,
    StepStatus.SIMULATED,
    StepStatus.FAILED,
    StepStatus.CANCELLED,
    StepStatus.ROLLED_BACK,
]


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Active and recent executions, newest first."""
    rows = Execution.objects.visible_to(frame.person(request)).select_related("version__playbook", "incident", "environment")
    status = request.GET.get("status", "")
    if status == "active":
        rows = rows.exclude(status__in=FINAL_EXECUTION)
    elif status in set(ExecutionStatus):
        rows = rows.filter(status=status)
    plain = Q(steps__undo_of=None)
    rows = rows.annotate(total=Count("steps", filter=plain), ended=Count("steps", filter=plain & Q(steps__status__in=ENDED)))
    context = {
        "page_obj": Paginator(rows.order_by("-id"), PAGE).get_page(request.GET.get("page")),
        "status": status,
        "statuses": ["active", "awaiting_approval", "awaiting_input", "completed", "failed", "rolled_back", "cancelled"],
        "query": f"status={status}",
    }
    return frame.page(request, "executions.html", context, title="Executions")


@require_safe
def item(request: HttpRequest, execution_id: uuid.UUID) -> HttpResponse:
    """Where is it, and why? One execution with its steps and timeline."""
    rows = Execution.objects.visible_to(frame.person(request)).select_related(
        "version__playbook", "incident", "alert", "environment", "tenant"
    )
    row: Execution = frame.visible_in(rows, execution_id)
    steps = list(row.steps.select_related("assignee").order_by("position", "id"))
    chosen = next((step for step in steps if step.step_id == request.GET.get("step")), None) or _pressing(steps)
    plain = [step for step in steps if step.undo_of_id is None]
    context: dict[str, Any] = {
        "execution": row,
        "steps": steps,
        "chosen": chosen,
        "branches": _branches(row, chosen),
        "ended": sum(step.status in ENDED for step in plain),
        "total": len(plain),
        "queued": Request.objects.filter(tenant=row.tenant_id, labels__execution=str(row.pk), status=Status.PENDING).order_by(
            "id"
        ),
        "undoable": [
            step for step in plain if step.status == StepStatus.COMPLETED and step.effect in ("reversible", "irreversible")
        ],
        "final": row.status in FINAL_EXECUTION,
        "works": access.may(frame.person(request), Permission.WORK_EXECUTIONS, row.tenant_id),
        "entries": entries.of_stream(f"execution:{row.pk}"),
        "notes": row.notes.order_by("at"),
        "tenant": row.tenant,
        "environment": row.environment,
    }
    return frame.page(request, "execution.html", context, title=row.title)


@require_POST
def act(request: HttpRequest, execution_id: uuid.UUID) -> HttpResponse:
    """Cancel, roll back, complete or abandon it; complete, decide or resolve one of its steps."""
    row: Execution = frame.visible(request, Execution.objects, execution_id)
    name = request.POST.get("act", "")
    try:
        access.require(frame.person(request), Permission.WORK_EXECUTIONS, row.tenant_id)
        _perform(request, row, name)
    except DomainError as error:
        messages.error(request, error.sentence)
    return redirect("admin:execution", execution_id)


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Start a playbook by hand."""
    playbook: Playbook = frame.visible(request, Playbook.objects, request.POST.get("playbook"))
    user, tenant = frame.person(request), playbook.tenant
    try:
        access.require(user, Permission.WORK_EXECUTIONS, tenant.pk)
        row = service.start(
            tenant=tenant,
            environment=tenant.environments.get(is_default=True),
            version=playbook.active_version,
            drill=bool(request.POST.get("drill")),
            title=request.POST.get("title", "")[:300],
            actor=user.actor(),
            now=clock.now(),
        )
    except DomainError as error:
        messages.error(request, error.sentence)
        return redirect("admin:playbook", playbook.pk)
    return redirect("admin:execution", row.pk)


def _perform(request: HttpRequest, row: Execution, name: str) -> None:
    user, now, reason = frame.person(request), clock.now(), request.POST.get("reason", "")[:2000]
    common: dict[str, Any] = {"execution_id": row.pk, "actor": user.actor(), "now": now}
    step = request.POST.get("step", "")
    if name in ("cancel", "abandon"):
        {"cancel": service.cancel, "abandon": service.abandon}[name](reason=reason, **common)
    elif name == "rollback":
        service.rollback(reason=reason, **common)
    elif name == "note":
        service.note(text=reason, step_id=step, **common)
    elif name == "done":
        service.update_step(step_id=step, status=StepStatus.COMPLETED, **common)
    elif name == "skip":
        service.update_step(step_id=step, status=StepStatus.SKIPPED, note=reason, **common)
    elif name == "choose":
        service.update_step(step_id=step, decision=request.POST.get("branch", ""), **common)
    elif name in ("look", "happened", "not_happened"):
        service.answer_uncertain(step_id=step, answer=name, reason=reason, **common)


def _pressing(steps: list[Any]) -> Any:
    """The step that somebody most likely wants to see: what waits, else what failed, else the last that moved."""
    urgent = (
        StepStatus.UNCERTAIN,
        StepStatus.AWAITING_INPUT,
        StepStatus.AWAITING_APPROVAL,
        StepStatus.FAILED,
        StepStatus.IN_PROGRESS,
    )
    for status in urgent:
        for step in steps:
            if step.status == status:
                return step
    moved = [step for step in steps if step.started_at]
    return moved[-1] if moved else (steps[0] if steps else None)


def _branches(row: Execution, step: Any) -> list[str]:
    if step is None or step.kind != "decision":
        return []
    written: dict[str, Any] = next((item for item in row.version.document.get("steps", []) if item.get("id") == step.step_id), {})
    return list(written.get("branches", {}))
