"""Who may decide a request, in words where they may not."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from accounts.choices import DECIDES_AS
from accounts.models import User
from accounts.selectors import access, stops
from approvals.choices import Status
from approvals.models import Request
from audit.choices import Kind
from audit.selectors import entries
from core.literals import Literal


def obstacle(*, request: Request, user: User) -> str:
    """Return the rule that keeps `user` from deciding `request`; empty where none does."""
    return rule(
        request=request,
        user=user,
        holds=lambda permission: access.may(user, permission, request.tenant_id),
        stopped=lambda: stops.standing(request.tenant_id) is not None,
    )


def rule(*, request: Request, user: User, holds: Callable[[str], bool], stopped: Callable[[], bool]) -> str:
    """The same for a caller that knows already what the user holds in the tenant, and whether a stop stands there."""
    if user.is_service:
        return "Only people decide: this is a service account."
    if str(user.pk) in request.excluded_user_ids and request.four_eyes:
        return "You started this, and it needs somebody else (four eyes)."
    if not any(holds(DECIDES_AS[role]) for role in request.roles if role in DECIDES_AS):
        return f"This is asked of: {', '.join(request.roles)}. You are none of these in this tenant."
    if any(decision.user_id == user.pk for decision in request.decisions.all()):
        return "You have decided already; it needs other people."
    if stopped():
        return "An emergency stop stands: nothing can be approved until it is lifted."
    return ""


def role_of(*, request: Request, user: User) -> str:
    """Return the role as which `user` may decide; empty where there is none."""
    for role in request.roles:
        permission = DECIDES_AS.get(role)
        if permission and access.may(user, permission, request.tenant_id):
            return str(role)
    return ""


def due(*, waited: float, limit: int = 100) -> QuerySet[Request]:
    """Return pending requests whose time has run out."""
    rows: QuerySet[Request] = Request.objects.filter(status=Literal(Status.PENDING), ends_after__lte=waited)
    return rows.order_by("ends_after")[:limit]


def uncounted(*, limit: int = 500) -> QuerySet[Request]:
    """Return pending requests whose time is not counted yet."""
    rows: QuerySet[Request] = Request.objects.filter(status=Literal(Status.PENDING), ends_after=None)[:limit]
    return rows


def counted() -> QuerySet[Request]:
    """Return pending requests whose time is counted."""
    rows: QuerySet[Request] = Request.objects.filter(status=Literal(Status.PENDING), ends_after__isnull=False)
    return rows


def lapsed(*, now: dt.datetime) -> QuerySet[Request]:
    """Return pending requests whose claim is over."""
    rows: QuerySet[Request] = Request.objects.filter(status=Literal(Status.PENDING), claimed_until__lte=now).order_by("claimed_until")
    return rows


def unattended(*, now: dt.datetime, limit: int = 100) -> QuerySet[Request]:
    """Return pending requests that nobody has taken up in half of their time, and of which nobody was told again."""
    rows: QuerySet[Request] = Request.objects.filter(
        status=Literal(Status.PENDING), escalated_at=None, claimed_by=None, escalates_at__lte=now
    ).order_by("escalates_at")[:limit]
    return rows


def shape(request: Request) -> dict[str, Any]:
    """Return a request as programs get it."""
    call, shown = request.document.get("call", {}), request.document.get("shown", {})
    impact = shown.get("impact") or {}
    return {
        "id": str(request.pk),
        "status": request.status,
        "title": request.title,
        "execution": request.labels.get("execution"),
        "step": request.labels.get("step"),
        "playbook": request.playbook,
        "action": request.action,
        "adapter": call.get("adapter", ""),
        "effect": request.labels.get("effect", ""),
        "params": call.get("params", {}),
        "digest": request.digest,
        "impact": {
            "summary": impact.get("summary", ""),
            "risk": request.risk,
            "terms": impact.get("terms", []),
            "targets": impact.get("targets", []),
        },
        "confidence": request.confidence,
        "rule": request.labels.get("rule", ""),
        "undo": call.get("undo"),
        "simulated": request.simulated,
        "requested_at": request.created_at,
        "expires_at": request.expires_at,
        "escalated_at": request.escalated_at,
        "quorum": request.quorum,
        "roles": request.roles,
        "four_eyes": request.four_eyes,
        "claimed_by": request.claimed_by.username if request.claimed_by else None,
        "claimed_until": request.claimed_until,
        "outcome": request.outcome,
        "receipt": request.receipt,
        "decisions": [
            {"by": decision.username, "verdict": decision.verdict, "reason": decision.reason, "at": decision.at}
            for decision in request.decisions.all()
        ],
    }


def why_withdrawn(*, request: Request) -> str:
    """Return why a request was withdrawn, as the journal has it; empty where it was not."""
    if request.status != Status.WITHDRAWN:
        return ""
    told = entries.queryset().filter(subject_kind="approval", subject_id=str(request.pk), kind=Kind.APPROVAL_WITHDRAWN)
    data = told.order_by("-id").values_list("data", flat=True).first() or {}
    return str(data.get("reason", ""))
