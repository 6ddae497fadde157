"""The approvals queue and the page of one request."""

import functools
import re
import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from approvals.choices import Status, Verdict
from approvals.models import Request
from approvals.selectors import queue as queues
from approvals.services import decisions, requests
from audit.selectors import entries, signed
from core import clock
from core.errors import DomainError
from incidents.models import Alert
from playbooks_app.models import StepRun
from runbookpilot.console import approval_filters as filters
from runbookpilot.console import frame, places

PAGE = 25
RESULTS = "console_results"
#: Where the first part of a rule ends, which is all that a row has room for.
SHORT = re.compile(r"[;.]|: nothing| \(")
MOST_AT_ONCE = 100
TIMEOUT = {
    "halt": "the execution halts; nothing is sent",
    "skip": "the step is skipped and the execution goes on",
    "approve": "it counts as approved by nobody, and runs",
}


@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """Which first? The requests that wait, the most pressing on top."""
    base = frame.rows(request, Request.objects)
    text = request.GET.get("q", "").strip()[:200]
    base = base.filter(Q(title__icontains=text) | Q(target__icontains=text)) if text else base
    chosen = filters.chosen(request.GET)
    status = request.GET.get("status", "")
    status = status if status in Status.values else Status.PENDING.value
    counts = dict(base.order_by().values_list("status").annotate(count=Count("pk")))
    mine, now = frame.person(request).pk, clock.now()
    found = filters.groups(base.filter(status=status), mine, now)
    rows = filters.narrowed(base.filter(status=status), chosen, mine, now)
    pages = frame.Counted(shown(rows, status), PAGE, filters.total(found, chosen))
    page = pages.get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "items": with_rules(request, page.object_list),
        "status": status,
        "statuses": [(word, label, counts.get(word, 0)) for word, label in Status.choices],
        "facets": filters.facets(found, chosen, {"status": status, "q": text}),
        "chosen": chosen,
        "text": text,
        "filtered": any(chosen.values()) or text,
        "results": results(request),
        "pending_anywhere": counts.get(Status.PENDING.value, 0),
    }
    return frame.page(request, "approvals.html", context, title="Approvals", crumbs=["Now=index"])


def results(request: HttpRequest) -> list[dict[str, str]]:
    """Return what came of the requests that were just decided together; told once."""
    found: list[dict[str, str]] = [] if frame.is_live(request) else request.session.pop(RESULTS, [])
    return found


def shown(rows: QuerySet[Request], status: str = Status.PENDING.value) -> QuerySet[Request]:
    """Return requests with what a row of the queue shows, the most pressing first."""
    order = ("expires_at", "-risk", "id") if status == Status.PENDING else ("-id",)
    return rows.select_related("claimed_by").prefetch_related("decisions").order_by(*order)


def with_rules(request: HttpRequest, rows: Any) -> list[Request]:
    """Return the requests, each with the rule that keeps this user from deciding it and how many have approved."""
    user, place, found = frame.person(request), places.here(request), list(rows)
    for row in found:
        row.obstacle = queues.rule(
            request=row,
            user=user,
            holds=functools.partial(_holds, user, place, row.tenant_id),
            stopped=functools.partial(place.stopped_in, row.tenant_id),
        )
        row.obstacle_short = SHORT.split(row.obstacle)[0]
        row.given = sum(decision.verdict == Verdict.APPROVE for decision in row.decisions.all())
    return found


@require_safe
def item(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """May this happen? One request, what it would do, and why."""
    rows = Request.objects.visible_to(frame.person(request)).select_related("tenant", "environment", "claimed_by")
    row: Request = frame.visible_in(rows, request_id)
    step = StepRun.objects.select_related("execution__version__playbook").filter(pk=row.subject_id).first()
    alert_id = row.labels.get("alert")
    votes = list(row.decisions.order_by("at"))
    shown_document = row.document.get("shown", {})
    context: dict[str, Any] = {
        "item": row,
        "call": row.document.get("call", {}),
        "shown": shown_document,
        "impact": shown_document.get("impact") or {},
        "decisions": votes,
        "seats": _seats(row, votes),
        "stand": f"{row.status}:{len(votes)}:{row.claimed_by_id}:{row.digest[:12]}",
        "news": _news(row, votes),
        "on_timeout": "the rehearsed action lapses; nothing is sent" if row.simulated else TIMEOUT.get(row.on_timeout, ""),
        "obstacle": queues.obstacle(request=row, user=frame.person(request)),
        "step": step,
        "written": _written(step),
        "alert": Alert.objects.filter(pk=alert_id, tenant=row.tenant_id).defer("original").first() if alert_id else None,
        "before_steps": step.execution.steps.filter(position__lt=step.position, undo_of=None).order_by("position") if step else [],
        "similar": Request.objects.filter(tenant=row.tenant_id, action=row.action)
        .exclude(pk=row.pk)
        .exclude(status=Status.PENDING)
        .prefetch_related("decisions")
        .order_by("-id")[:5],
        "recorded": next(iter(signed.of_receipts([row.receipt]).values()), None) if row.receipt else None,
        "entries": entries.about([("approval", row.pk)]),
    }
    return frame.page(request, "approval.html", context, title=row.title, crumbs=["Now=index", "Approvals=approvals"])


@require_POST
def decide(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Approve or reject the digest that the page showed."""
    row: Request = frame.visible(request, Request.objects, request_id)
    try:
        decided = decisions.decide(
            request_id=row.pk,
            verdict=_verdict(request),
            digest=request.POST.get("digest", ""),
            reason=request.POST.get("reason", ""),
            actor=frame.person(request).actor(),
            now=clock.now(),
        )
    except DomainError as error:
        frame.tell(request, error)
        return redirect("admin:approval", request_id)
    messages.success(request, f"{row.title}: {_outcome(decided)}.")
    return redirect("admin:execution", row.labels["execution"]) if row.labels.get("execution") else redirect("admin:approvals")


@require_POST
def decide_many(request: HttpRequest) -> HttpResponse:
    """Decide the selected requests one by one, with a result for each."""
    wanted = [pair.partition(":") for pair in request.POST.getlist("item")[:MOST_AT_ONCE]]
    ids = [request_id for request_id, _, _ in wanted if _is_id(request_id)]
    known = {str(row.pk): row for row in frame.rows(request, Request.objects, environment="").filter(pk__in=ids)}
    results = [_one(request, known.get(request_id), digest) for request_id, _, digest in wanted]
    request.session[RESULTS] = results
    return frame.back(request, "admin:approvals")


@require_POST
def claim(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Say that one is looking at it, or no longer."""
    row: Request = frame.visible(request, Request.objects, request_id)
    service = requests.unclaim if request.POST.get("release") else requests.claim
    try:
        service(request_id=row.pk, actor=frame.person(request).actor(), now=clock.now())
    except DomainError as error:
        frame.tell(request, error)
    return redirect("admin:approval", request_id)


def _one(request: HttpRequest, row: Request | None, digest: str) -> dict[str, str]:
    if row is None:
        return {"title": "A request", "url": "", "state": "failed", "words": "is not there, or not for you."}
    result = {"title": row.title, "id": str(row.pk)}
    try:
        decided = decisions.decide(
            request_id=row.pk,
            verdict=_verdict(request),
            digest=digest,
            reason=request.POST.get("reason", ""),
            actor=frame.person(request).actor(),
            now=clock.now(),
        )
    except DomainError as error:
        return {**result, "state": "failed", "words": error.sentence}
    return {**result, "state": decided.status, "words": _outcome(decided)}


def _holds(user: User, place: places.Place, tenant_id: uuid.UUID, permission: str) -> bool:
    return user.is_superuser or place.may(permission, tenant_id)


def _outcome(row: Request) -> str:
    if row.status == Status.PENDING:
        missing = row.quorum - row.decisions.filter(verdict=Verdict.APPROVE, digest=row.digest).count()
        return f"your approval counts; it needs {missing} more {'person' if missing == 1 else 'people'}"
    return "approved; it runs now" if row.status in (Status.APPROVED, Status.EXECUTED) else row.get_status_display().lower()


def _verdict(request: HttpRequest) -> Verdict:
    return Verdict.APPROVE if request.POST.get("verdict") == Verdict.APPROVE else Verdict.REJECT


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _seats(row: Request, votes: list[Any]) -> list[dict[str, Any]]:
    """Return the places of the quorum, each with the vote that takes it or empty."""
    taken = [{"vote": vote, "against": vote.verdict == Verdict.REJECT} for vote in votes]
    given = sum(vote.verdict == Verdict.APPROVE for vote in votes)
    return taken + [{"vote": None}] * (max(0, row.quorum - given) if row.status == Status.PENDING else 0)


def _news(row: Request, votes: list[Any]) -> str:
    """Return what happened last, for a page that was drawn before."""
    if row.status == Status.WITHDRAWN:
        why = queues.why_withdrawn(request=row) or "it is no longer needed, or what would be sent has changed"
        return f"This request was withdrawn: {why.rstrip('.')}."
    if row.status == Status.EXPIRED:
        return "The time to decide has run out."
    if votes:
        last = votes[-1]
        return f"{last.username} {'approved' if last.verdict == Verdict.APPROVE else 'rejected'} it at {last.at:%H:%M:%S} UTC."
    return f"{row.claimed_by} claimed it." if row.claimed_by else "Something about this request changed."


def _written(step: StepRun | None) -> dict[str, Any] | None:
    """Return the step as its playbook version has it."""
    if step is None:
        return None
    steps = step.execution.version.document.get("steps", [])
    return next((written for written in steps if written.get("id") == step.step_id.split("[")[0]), None)
