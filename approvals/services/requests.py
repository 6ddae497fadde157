"""Requests for consent: asked, claimed, withdrawn, expired, and reported on."""

import dataclasses
import datetime as dt
import itertools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Environment, User
from accounts.selectors import stops
from approvals.choices import TRANSITIONS, OnTimeout, Outcome, Status
from approvals.models import Request
from approvals.selectors import queue
from approvals.services import waiting
from audit import journal
from audit.choices import Kind
from core import canonical, clock
from core.actors import Actor
from core.errors import Conflict, Forbidden, NotFound


class NoSuchRequest(NotFound):
    """There is no such approval request, or not for you."""


class NotPending(Conflict):
    """This request is no longer pending."""

    code = "not_pending"


class ClaimedByAnother(Conflict):
    """Somebody else claimed this request."""

    code = "claimed"


class MayNotDecide(Forbidden):
    """You may not decide this request."""

    code = "may_not_decide"


#: How long a claim lasts at most.
CLAIM = dt.timedelta(minutes=15)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who has to consent: roles, how many different people, whether the one who started it may; and what a time-out does."""

    roles: Sequence[str]
    quorum: int = 1
    four_eyes: bool = False
    on_timeout: OnTimeout = OnTimeout.HALT


def ask(
    *,
    tenant_id: uuid.UUID,
    environment: Environment,
    subject: tuple[str, object],
    stream: str,
    title: str,
    document: Mapping[str, Any],
    labels: Mapping[str, Any],
    policy: Policy,
    expires_at: dt.datetime,
    actor: Actor,
    now: dt.datetime,
    excluded_user_ids: Sequence[object] = (),
    simulated: bool = False,
    confidence: float | None = None,
    risk: int | None = None,
) -> Request:
    """Freeze the document, ask for consent to its digest, and return the request. Runs in the caller's transaction too."""
    frozen: Any = canonical.plain(document)
    with transaction.atomic():
        request = Request.objects.create(
            tenant_id=tenant_id,
            environment=environment,
            subject_kind=subject[0],
            subject_id=str(subject[1]),
            stream=stream,
            title=title[:300],
            document=frozen,
            digest=canonical.digest(frozen),
            call_digest=canonical.digest(frozen["call"]),
            labels=canonical.plain(labels),
            playbook=str(labels.get("playbook", ""))[:64],
            technique=str(labels.get("technique", ""))[:16],
            action=str(labels.get("action", ""))[:64],
            target=str(labels.get("target", ""))[:255],
            risk=risk,
            confidence=confidence,
            roles=list(policy.roles),
            quorum=policy.quorum,
            four_eyes=policy.four_eyes,
            excluded_user_ids=[str(user_id) for user_id in excluded_user_ids],
            simulated=simulated,
            on_timeout=policy.on_timeout,
            expires_at=expires_at,
            escalates_at=now + (expires_at - now) / 2,
            created_at=now,
        )
        record(request, Kind.APPROVAL_REQUESTED, actor, now, digest=request.digest, quorum=request.quorum, roles=request.roles)
    return request


def claim(*, request_id: uuid.UUID, actor: Actor, now: dt.datetime) -> Request:
    """Say that one is working on a request; raises MayNotDecide or ClaimedByAnother.

    It ends by itself after half of the time that is left, so that others still have the rest, or after `CLAIM`.
    """
    with transaction.atomic():
        request = locked(request_id)
        must_decide(request, _person(actor))
        _must_be_pending(request)
        if request.claimed_by_id not in (None, actor.user_id):
            raise ClaimedByAnother(f"{request.claimed_by} claimed this request.")
        if request.claimed_by_id is None:
            request.claimed_by_id, request.claimed_at = actor.user_id, now
            request.claimed_until = now + min(CLAIM, (request.expires_at - now) / 2)
            request.save(update_fields=["claimed_by", "claimed_at", "claimed_until"])
            record(request, Kind.APPROVAL_CLAIMED, actor, now, until=clock.iso(request.claimed_until))
    return request


def unclaim(*, request_id: uuid.UUID, actor: Actor, now: dt.datetime) -> Request:
    """Give a claimed request back to all; raises MayNotDecide or ClaimedByAnother."""
    with transaction.atomic():
        request = locked(request_id)
        must_decide(request, _person(actor))
        if request.claimed_by_id not in (None, actor.user_id):
            raise ClaimedByAnother(f"{request.claimed_by} claimed this request.")
        if request.claimed_by_id is not None:
            _release(request)
            record(request, Kind.APPROVAL_RELEASED, actor, now)
    return request


def unclaim_lapsed(*, actor: Actor, now: dt.datetime) -> int:
    """Give every request back to all that somebody claimed and did not decide in the time of a claim; return how many."""
    return sum(_lapsed(request.pk, actor, now) for request in queue.lapsed(now=now))


def _lapsed(request_id: uuid.UUID, actor: Actor, now: dt.datetime) -> bool:
    with transaction.atomic():
        request = locked(request_id)
        if not queue.lapsed(now=now).filter(pk=request_id).exists():
            return False
        claimed_by = request.claimed_by.username if request.claimed_by else ""
        _release(request)
        record(request, Kind.APPROVAL_RELEASED, actor, now, claimed_by=claimed_by, why="the time of the claim has run out")
    return True


def _release(request: Request) -> None:
    request.claimed_by_id, request.claimed_at, request.claimed_until = None, None, None
    request.save(update_fields=["claimed_by", "claimed_at", "claimed_until"])


def _person(actor: Actor) -> User | None:
    user = User.objects.filter(pk=actor.user_id, is_active=True).first() if actor.is_person and actor.user_id else None
    if user is not None:
        user.token_scopes = actor.token_scopes
    return user


def must_decide(request: Request, user: User | None) -> None:
    """Raise MayNotDecide where `user` has none of the roles that the request is asked of."""
    if user is None or queue.role_of(request=request, user=user) == "":
        raise MayNotDecide(f"This is asked of: {', '.join(request.roles)}. You are none of these in this tenant.")


def withdraw(*, request_id: uuid.UUID, reason: str, actor: Actor, now: dt.datetime) -> bool:
    """Take an open request back; return whether it was open."""
    with transaction.atomic():
        request = locked(request_id)
        if Status.WITHDRAWN not in TRANSITIONS[request.status]:
            return False
        request.status = Status.WITHDRAWN
        request.save(update_fields=["status"])
        record(request, Kind.APPROVAL_WITHDRAWN, actor, now, reason=reason)
    return True


def begin_counting(*, asked: Sequence[Request], actor: Actor, now: dt.datetime, waited: float) -> int:
    """Count the whole time of requests that were asked before so many seconds had been `waited`; return how many were redated.

    That are those that somebody asked whose clock was wrong.
    """
    for request in asked:
        whole = (request.expires_at - request.created_at).total_seconds()
        Request.objects.filter(pk=request.pk, ends_after=None).update(ends_after=waited + whole)
    return _redated(queue.counted().filter(pk__in=[request.pk for request in asked]), actor, now, waited)


def redate_all(*, actor: Actor, now: dt.datetime, waited: float, limit: int = 500) -> int:
    """Show people anew how long they have, where a clock was set since they were shown it; return of how many requests."""
    return _redated(queue.counted(), actor, now, waited, limit)


def _redated(rows: QuerySet[Request], actor: Actor, now: dt.datetime, waited: float, limit: int | None = None) -> int:
    wrong = (row.pk for row in rows.only("expires_at", "ends_after") if abs(_shown_wrongly_by(row, now, waited)) > waiting.OFF)
    return sum(_redate(request_id, actor, now, waited) for request_id in itertools.islice(wrong, limit))


def _shown_wrongly_by(request: Request, now: dt.datetime, waited: float) -> dt.timedelta:
    left = dt.timedelta(seconds=(request.ends_after or 0.0) - waited)
    return now + left - request.expires_at


def _redate(request_id: uuid.UUID, actor: Actor, now: dt.datetime, waited: float) -> bool:
    with transaction.atomic():
        request = locked(request_id)
        if request.status != Status.PENDING:
            return False
        by = _shown_wrongly_by(request, now, waited)
        request.expires_at += by
        request.escalates_at = request.escalates_at + by if request.escalates_at else None
        request.claimed_until = request.claimed_until + by if request.claimed_until else None
        request.save(update_fields=["expires_at", "escalates_at", "claimed_until"])
        record(request, Kind.APPROVAL_REDATED, actor, now, expires_at=clock.iso(request.expires_at), why="a clock was set")
    return True


def expire(*, request_id: uuid.UUID, actor: Actor, now: dt.datetime, waited: float) -> bool:
    """Let a request whose time has run out follow its time-out rule; return whether it was still pending.

    Its time is what was `waited`, whatever a clock says. Approving by time-out counts as no person.
    """
    with transaction.atomic():
        request = locked(request_id)
        if request.status != Status.PENDING or request.ends_after is None or request.ends_after > waited:
            return False
        # While an emergency stop stands nobody can approve, and no clock does.
        stopped = stops.standing(request.tenant_id) is not None
        approves = request.on_timeout == OnTimeout.APPROVE and not request.simulated and not stopped
        request.status = Status.APPROVED if approves else Status.EXPIRED
        request.decided_at, request.decided_by_timeout = now, True
        request.save(update_fields=["status", "decided_at", "decided_by_timeout"])
        kind = Kind.APPROVAL_DECIDED if approves else Kind.APPROVAL_EXPIRED
        record(request, kind, actor, now, status=request.status, on_timeout=request.on_timeout, by_timeout=True)
    return True


def expire_due(*, actor: Actor, now: dt.datetime, waited: float) -> int:
    """Expire every request whose time has run out; return how many."""
    return sum(expire(request_id=request.pk, actor=actor, now=now, waited=waited) for request in queue.due(waited=waited))


def escalate(*, request_id: uuid.UUID, actor: Actor, now: dt.datetime) -> bool:
    """Note that half of a request's time is over and nobody has taken it up; return whether that is so.

    Those who may decide are told again, and leads with them. Nobody may decide who could not before.
    """
    with transaction.atomic():
        request = locked(request_id)
        waits = request.status == Status.PENDING and request.escalated_at is None and request.claimed_by_id is None
        if not waits or request.escalates_at is None or request.escalates_at > now:
            return False
        request.escalated_at = now
        request.save(update_fields=["escalated_at"])
        record(request, Kind.APPROVAL_ESCALATED, actor, now, roles=request.roles)
    return True


def escalate_due(*, actor: Actor, now: dt.datetime) -> int:
    """Escalate every request that nobody has taken up in half of its time; return how many."""
    return sum(escalate(request_id=request.pk, actor=actor, now=now) for request in queue.unattended(now=now))


def report(*, request_id: uuid.UUID, outcome: Outcome, receipt: Mapping[str, Any] | None, actor: Actor, now: dt.datetime) -> None:
    """Record what became of an approved call, and its receipt; nothing, where nobody approved it."""
    with transaction.atomic():
        request = locked(request_id)
        if request.status not in (Status.APPROVED, Status.EXECUTED):
            return
        request.status = Status.EXECUTED
        request.outcome = outcome
        request.receipt = canonical.plain(receipt) if receipt else request.receipt
        request.save(update_fields=["status", "outcome", "receipt"])
        record(request, Kind.APPROVAL_EXECUTED, actor, now, outcome=outcome)


def lock(request_ids: Iterable[object]) -> None:
    """Lock requests until the transaction ends, before anything is written to their streams: in the order of who decides them."""
    list(Request.objects.select_for_update(of=("self",)).filter(pk__in=list(request_ids)).order_by("pk").values_list("pk"))


def locked(request_id: uuid.UUID) -> Request:
    """Return the request, locked until the transaction ends; raises NoSuchRequest."""
    request: Request | None = (
        Request.objects.select_for_update(of=("self",)).select_related("environment").filter(pk=request_id).first()
    )
    if request is None:
        raise NoSuchRequest
    return request


def record(request: Request, kind: Kind, actor: Actor, now: dt.datetime, **data: object) -> None:
    """Journal something about a request, findable from all that it belongs to."""
    refs = [(kind_, request.labels[kind_]) for kind_ in ("execution", "alert", "incident") if request.labels.get(kind_)]
    journal.append(
        stream=request.stream,
        kind=kind,
        actor=actor,
        now=now,
        subject=("approval", request.pk),
        tenant_id=request.tenant_id,
        environment=request.environment.slug,
        refs=[("approval", request.pk), *refs],
        data={"step": request.labels.get("step", ""), "action": request.action, **data},
        simulated=request.simulated and kind == Kind.APPROVAL_REQUESTED,
    )


def _must_be_pending(request: Request) -> None:
    if request.status != Status.PENDING:
        raise NotPending(f"This request is {request.get_status_display().lower()} and can no longer be decided.")
