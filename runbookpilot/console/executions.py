"""The list of executions and the page of one."""

import uuid
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.choices import Permission
from accounts.selectors import access
from adapters.models import Call
from approvals.choices import Status
from approvals.models import Request
from audit.selectors import entries, signed
from compliance.models import EvidenceBundle
from core import clock
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepStatus
from playbooks_app.models import Execution, StepRun
from playbooks_app.selectors import versions
from runbookpilot.console import flow, frame, places, questions, undone

PAGE = 25
NEWEST = 300
MOST_EVIDENCE = 200
ENDED = [
    StepStatus.COMPLETED,
    StepStatus.SKIPPED,
    StepStatus.SIMULATED,
    StepStatus.FAILED,
    StepStatus.CANCELLED,
    StepStatus.ROLLED_BACK,
]
#: Words over the list -> the statuses that they mean.
FILTERS: dict[str, frozenset[ExecutionStatus]] = {
    "active": frozenset(ExecutionStatus) - FINAL_EXECUTION,
    "waits for people": frozenset(
        {ExecutionStatus.AWAITING_APPROVAL, ExecutionStatus.AWAITING_INPUT, ExecutionStatus.PAUSED}
    ),
    "failed": frozenset({ExecutionStatus.FAILED}),
    "completed": frozenset({ExecutionStatus.COMPLETED}),
    "rolled back": frozenset({ExecutionStatus.ROLLING_BACK, ExecutionStatus.ROLLED_BACK}),
    "cancelled": frozenset({ExecutionStatus.CANCELLED, ExecutionStatus.ABANDONED}),
}
TABS = ("steps", "flow", "timeline", "evidence", "notes")
#: What the timeline can be narrowed to, by the first word of the kinds.
SHOWN = {"steps": ("step:", "undo:", "policy:"), "approvals": ("approval:",), "execution": ("execution:",)}


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Active and recent executions, newest first."""
    base = frame.rows(request, Execution.objects)
    counts = dict(base.order_by().values_list("status").annotate(count=Count("pk")))
    status = request.GET.get("status", "")
    wanted = FILTERS.get(status)
    rows = base.filter(status__in=wanted) if wanted else base
    text = request.GET.get("q", "").strip()[:200]
    rows = rows.filter(title__icontains=text) if text else rows
    total = rows.count() if text else sum(count for word, count in counts.items() if wanted is None or word in wanted)
    page = frame.Counted(with_progress(rows).order_by("-id"), PAGE, total).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "status": status,
        "text": text,
        "total": sum(counts.values()),
        "statuses": [(word, sum(counts.get(item.value, 0) for item in found)) for word, found in FILTERS.items()],
    }
    return frame.page(request, "executions.html", context, title="Executions", crumbs=["Now=index"])


def with_progress(rows: QuerySet[Execution]) -> QuerySet[Execution]:
    """Return executions with what a list shows of them, and how many of their steps have ended."""
    plain = Q(steps__undo_of=None, steps__iteration_of=None)
    rows = rows.select_related("version__playbook", "incident", "environment").defer("event", "enrichment", "version__source", "version__document")
    return rows.annotate(total=Count("steps", filter=plain), ended=Count("steps", filter=plain & Q(steps__status__in=ENDED)))


@require_safe
def item(request: HttpRequest, execution_id: uuid.UUID) -> HttpResponse:
    """Where is it, and why? One execution with its steps and timeline."""
    found = Execution.objects.visible_to(frame.person(request)).select_related(
        "version__playbook", "incident", "alert", "environment", "tenant", "parent_step__execution"
    )
    row: Execution = frame.visible_in(found, execution_id)
    steps = list(row.steps.select_related("assignee", "iteration_of").order_by("position", "id"))
    chosen = next((step for step in steps if step.step_id == request.GET.get("step")), None) or _pressing(steps)
    plain = [step for step in steps if step.undo_of_id is None and step.iteration_of_id is None]
    written = {step.get("id"): step for step in row.version.document.get("steps", [])}
    stream = entries.of_stream(f"execution:{row.pk}")
    context: dict[str, Any] = {
        "execution": row,
        "steps": steps,
        "chosen": chosen,
        "written": written.get(chosen.step_id.split("[")[0].removeprefix("undo:"), {}) if chosen else {},
        "question": questions.of(chosen if chosen and chosen.status == StepStatus.UNCERTAIN else _first_uncertain(steps)),
        "call": Call.objects.filter(pk=chosen.call_id).first() if chosen and chosen.call_id else None,
        "ended": sum(step.status in ENDED for step in plain),
        "total": len(plain),
        "queued": Request.objects.filter(tenant=row.tenant_id, stream=f"execution:{row.pk}", status=Status.PENDING).order_by("id"),
        "undo": undone.planned(steps, written),
        "final": row.status in FINAL_EXECUTION,
        "paused": bool(row.control.get("pause")),
        "works": access.may(frame.person(request), Permission.WORK_EXECUTIONS, row.tenant_id),
        "administers": access.may(frame.person(request), Permission.MANAGE_TENANT, row.tenant_id),
        **_tab(request, row, steps, stream),
        "writes": "drill" if row.drill and not places.here(request).stopped_in(row.tenant_id) else places.here(request).writes,
        "now": clock.now(),
    }
    return frame.page(request, "execution.html", context, title=row.title, crumbs=["Now=index", "Executions=executions"])


def _tab(request: HttpRequest, row: Execution, steps: list[StepRun], stream: list[Any]) -> dict[str, Any]:
    """Return the part of the page that is asked for."""
    asked = request.GET.get("tab", "")
    tab = asked if asked in TABS else TABS[0]
    notes = list(row.notes.select_related("step").order_by("at"))
    context: dict[str, Any] = {"tab": tab, "tabs": [(name, {"timeline": len(stream), "notes": len(notes)}.get(name)) for name in TABS]}
    if tab == "flow":
        return {**context, "flow": flow.picture(versions.playbook_of(row), flow.runs_by_step(steps))}
    if tab == "timeline":
        return {**context, **_narrowed(stream, request.GET.get("show", ""), request.GET.get("who", ""))}
    if tab == "evidence":
        return {**context, **_evidence(row, steps)}
    return {**context, "notes": notes}


def _evidence(row: Execution, steps: list[StepRun]) -> dict[str, Any]:
    """Return what was asked, decided and sent, with the receipts, and the bundle that keeps it."""
    asked = Request.objects.filter(tenant=row.tenant_id, stream=f"execution:{row.pk}").prefetch_related("decisions").order_by("id")
    requests = list(asked[:MOST_EVIDENCE])
    recorded = signed.of_receipts([request.receipt for request in requests if request.receipt])
    owned = Q(owner_kind="execution", owner_id=str(row.pk)) | Q(owner_id__in=[str(step.pk) for step in steps])
    calls = Call.objects.filter(owned, tenant=row.tenant_id).select_related("instance").defer("params", "output").order_by("id")
    return {
        "asked": [(request, recorded.get(_journal_hash(request))) for request in requests],
        "calls": calls[:MOST_EVIDENCE],
        "bundle": EvidenceBundle.objects.filter(execution=row).defer("files", "envelope").first(),
    }


def _journal_hash(request: Request) -> str:
    return str(request.receipt["journal"]["hash"]) if request.receipt and request.receipt.get("journal") else ""


def _first_uncertain(steps: list[StepRun]) -> StepRun | None:
    return next((step for step in steps if step.status == StepStatus.UNCERTAIN), None)


def _narrowed(stream: list[Any], show: str, who: str) -> dict[str, Any]:
    """Return the newest of the events that are asked for, and what else can be asked for."""
    found = [entry for entry in stream if entry.kind.startswith(SHOWN.get(show, ("",))) and (not who or entry.actor_name == who)]
    return {
        "entries": found[-NEWEST:],
        "hidden": len(found) - len(found[-NEWEST:]),
        "show": show if show in SHOWN else "",
        "shown_words": list(SHOWN),
        "who": who,
        "people": sorted({entry.actor_name for entry in stream}),
    }


def _pressing(steps: list[StepRun]) -> StepRun | None:
    """The step that somebody most likely wants to see: what waits, else what failed, else the last that moved."""
    urgent = (
        StepStatus.UNCERTAIN,
        StepStatus.AWAITING_INPUT,
        StepStatus.AWAITING_APPROVAL,
        StepStatus.BLOCKED,
        StepStatus.FAILED,
        StepStatus.IN_PROGRESS,
    )
    for status in urgent:
        for step in steps:
            if step.status == status:
                return step
    moved = [step for step in steps if step.started_at]
    return moved[-1] if moved else (steps[0] if steps else None)
