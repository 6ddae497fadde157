"""Decisions of people on requests. Of two at the same moment, each counts once and none is lost."""

import datetime as dt
import uuid

from django.db import transaction

from accounts.models import User
from approvals.choices import Status, Verdict
from approvals.models import Decision, Request
from approvals.selectors import queue
from approvals.services import requests, waiting
from approvals.services.requests import MayNotDecide, NotPending
from audit.choices import Kind
from core.actors import Actor
from core.errors import Conflict, Invalid


class Stale(Conflict):
    """What you saw is no longer what would be done: reload and decide again."""

    code = "stale"


class ReasonNeeded(Invalid):
    """A rejection needs a reason."""

    code = "reason_needed"


def decide(*, request_id: uuid.UUID, verdict: Verdict, digest: str, reason: str, actor: Actor, now: dt.datetime) -> Request:
    """Record one person's verdict on the digest that they saw, and return the request.

    One rejection rejects; approvals take effect when the quorum is reached. Raises Stale, MayNotDecide, NotPending, ReasonNeeded.
    """
    if verdict == Verdict.REJECT and not reason.strip():
        raise ReasonNeeded
    with transaction.atomic():
        request = requests.locked(request_id)
        user = _decider(request, actor)
        _check(request, digest, now)
        Decision.objects.create(
            request=request,
            user=user,
            username=user.username,
            role=queue.role_of(request=request, user=user),
            verdict=verdict,
            digest=digest,
            reason=reason.strip()[:2000],
            at=now,
        )
        requests.record(request, Kind.APPROVAL_VOTED, actor, now, verdict=verdict, digest=digest)
        _settle(request, verdict, actor, now)
    return request


def _decider(request: Request, actor: Actor) -> User:
    user = User.objects.filter(pk=actor.user_id, is_active=True).first() if actor.is_person and actor.user_id else None
    if user is None:
        raise MayNotDecide("Only people decide.")
    user.token_scopes = actor.token_scopes
    if request.status == Status.PENDING:
        obstacle = queue.obstacle(request=request, user=user)
        if obstacle:
            raise MayNotDecide(obstacle)
    return user


def _check(request: Request, digest: str, now: dt.datetime) -> None:
    if request.status != Status.PENDING:
        why = queue.why_withdrawn(request=request)
        told = f"{request.get_status_display().lower()} already{f': {why}' if why else ''}"
        raise NotPending(f"This request is {told.rstrip('.')}.", fields={"status": request.status})
    # The clock may have been set since: its time is counted without one, once somebody has seen it.
    if request.expires_at <= now and (request.ends_after is None or request.ends_after <= waiting.seconds()):
        raise NotPending("The time to decide this request has run out.")
    if digest != request.digest:
        raise Stale(fields={"digest": request.digest, "sent": digest[:64]})


def _settle(request: Request, verdict: Verdict, actor: Actor, now: dt.datetime) -> None:
    votes = request.decisions.filter(verdict=Verdict.APPROVE, digest=request.digest, user__is_active=True).select_related("user")
    # Whoever has lost the role since then consents no more.
    given = sum(bool(queue.role_of(request=request, user=vote.user)) for vote in votes)
    if verdict == Verdict.REJECT:
        request.status = Status.REJECTED
    elif given >= request.quorum:
        request.status = Status.APPROVED
    else:
        return
    request.decided_at = now
    request.save(update_fields=["status", "decided_at"])
    requests.record(request, Kind.APPROVAL_DECIDED, actor, now, status=request.status, digest=request.digest)
