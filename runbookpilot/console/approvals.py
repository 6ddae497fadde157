"""The approvals queue and the page of one request."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from approvals.choices import Status, Verdict
from approvals.models import Request
from approvals.selectors import queue as queues
from approvals.services import decisions, requests
from audit.selectors import entries
from core import clock
from core.errors import DomainError
from incidents.models import Alert
from playbooks_app.models import StepRun
from runbookpilot.console import frame

PAGE = 25


@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """Which first? The requests that wait, the most pressing on top."""
    user = frame.person(request)
    status = request.GET.get("status", Status.PENDING)
    rows = Request.objects.visible_to(user).filter(status=status).select_related("claimed_by", "environment")
    playbook = request.GET.get("playbook", "")[:64]
    if playbook:
        rows = rows.filter(playbook=playbook)
    pages = Paginator(rows.order_by("expires_at", "-risk", "id"), PAGE)
    context = {
        "page_obj": pages.get_page(request.GET.get("page")),
        "status": status,
        "statuses": Status.values,
        "playbooks": Request.objects.visible_to(user)
        .filter(status=status)
        .order_by()
        .values_list("playbook", flat=True)
        .distinct()[:30],
        "playbook": playbook,
        "query": f"status={status}",
    }
    return frame.page(request, "approvals.html", context, title="Approvals")


@require_safe
def item(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """May this happen? One request, what it would do, and why."""
    row: Request = frame.visible(request, Request.objects, request_id)
    step = StepRun.objects.select_related("execution__version__playbook").filter(pk=row.subject_id).first()
    alert_id = row.labels.get("alert")
    alert = Alert.objects.filter(pk=alert_id, tenant=row.tenant_id).first() if alert_id else None
    shown = row.document.get("shown", {})
    context: dict[str, Any] = {
        "item": row,
        "call": row.document.get("call", {}),
        "shown": shown,
        "impact": shown.get("impact") or {},
        "decisions": row.decisions.order_by("at"),
        "obstacle": queues.obstacle(request=row, user=frame.person(request)),
        "step": step,
        "alert": alert,
        "before_steps": step.execution.steps.filter(position__lt=step.position).order_by("position") if step else [],
        "similar": Request.objects.filter(tenant=row.tenant_id, action=row.action)
        .exclude(pk=row.pk)
        .exclude(status=Status.PENDING)
        .order_by("-id")[:5],
        "entries": entries.about([("approval", row.pk)]),
        "tenant": row.tenant,
        "environment": row.environment,
    }
    return frame.page(request, "approval.html", context, title=row.title)


@require_POST
def decide(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Approve or reject the digest that the page showed."""
    row: Request = frame.visible(request, Request.objects, request_id)
    verdict = Verdict.APPROVE if request.POST.get("verdict") == Verdict.APPROVE else Verdict.REJECT
    try:
        decisions.decide(
            request_id=row.pk,
            verdict=verdict,
            digest=request.POST.get("digest", ""),
            reason=request.POST.get("reason", ""),
            actor=frame.person(request).actor(),
            now=clock.now(),
        )
    except DomainError as error:
        messages.error(request, error.sentence)
        return redirect("admin:approval", request_id)
    messages.success(request, f"{row.title}: {'approved' if verdict == Verdict.APPROVE else 'rejected'}.")
    return redirect("admin:execution", row.labels["execution"]) if row.labels.get("execution") else redirect("admin:approvals")


@require_POST
def decide_many(request: HttpRequest) -> HttpResponse:
    """Decide the selected requests one by one, with a result for each."""
    verdict = Verdict.APPROVE if request.POST.get("verdict") == Verdict.APPROVE else Verdict.REJECT
    for pair in request.POST.getlist("item")[:100]:
        request_id, _, digest = pair.partition(":")
        try:
            row = decisions.decide(
                request_id=uuid.UUID(request_id),
                verdict=verdict,
                digest=digest,
                reason=request.POST.get("reason", ""),
                actor=frame.person(request).actor(),
                now=clock.now(),
            )
            messages.success(request, f"{row.title}: {row.get_status_display().lower()}.")
        except (DomainError, ValueError) as error:
            messages.error(request, f"{request_id[-8:]}: {getattr(error, 'sentence', 'this is no request')}")
    return redirect("admin:approvals")


@require_POST
def claim(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Say that one is looking at it, or no longer."""
    row: Request = frame.visible(request, Request.objects, request_id)
    service = requests.unclaim if request.POST.get("release") else requests.claim
    try:
        service(request_id=row.pk, actor=frame.person(request).actor(), now=clock.now())
    except DomainError as error:
        messages.error(request, error.sentence)
    return redirect("admin:approval", request_id)
