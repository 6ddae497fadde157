"""Telling those who may decide: by mail or signed webhook, each once, with a link that leads to the console.

The link alone approves nothing: whoever follows it logs in and decides there.
"""

import datetime as dt
import hashlib
import hmac
import smtplib
import uuid
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q, QuerySet

from accounts.choices import Channel, Role
from accounts.models import NotificationPreference
from accounts.selectors import people
from adapters import client, errors, guard
from approvals.choices import ATTEMPTS, Occasion, Status
from approvals.models import Notice, Request
from approvals.services import requests
from audit.choices import Kind
from core import canonical, clock
from core.actors import system
from core.literals import Literal

log = structlog.get_logger(__name__)

HOLD = dt.timedelta(seconds=60)
#: No pause is this long.
FARTHEST = dt.timedelta(minutes=10)
TIMEOUT = 10.0
SENDER = system("notifier")


def plan(*, request_id: uuid.UUID, now: dt.datetime, occasion: Occasion = Occasion.REQUESTED) -> int:
    """Note whom to tell of a request; return how many. A second time notes nobody twice for the same occasion."""
    request = Request.objects.filter(pk=request_id, status=Status.PENDING).first()
    if request is None:
        return 0
    above = [Role.LEAD] if occasion == Occasion.ESCALATED else []
    told = people.deciders(request.tenant_id, [*request.roles, *above])
    if request.four_eyes:
        told = told.exclude(pk__in=request.excluded_user_ids)
    rows = NotificationPreference.objects.filter(user__in=told).exclude(channel=Channel.NONE)
    notices = [Notice(request=request, user_id=row.user_id, occasion=occasion, channel=row.channel, next_at=now) for row in rows]
    Notice.objects.bulk_create(notices, ignore_conflicts=True)
    return len(notices)


def send_due(*, now: dt.datetime, limit: int = 50) -> int:
    """Send what is due, each claimed by one worker; return how many were sent."""
    began = clock.now()
    # Each may take long: what is claimed is held from then on.
    return sum(_sent(pk, now + _since(began)) for pk in list(due(now=now).values_list("pk", flat=True)[:limit]))


def due(*, now: dt.datetime) -> QuerySet[Notice]:
    """Return the notices that are to be sent, longest overdue first."""
    rows: QuerySet[Notice] = Notice.objects.filter(_due_at(now), sent_at=None, attempts__lt=Literal(ATTEMPTS)).order_by("next_at")
    return rows


def _since(began: dt.datetime) -> dt.timedelta:
    return max(clock.now() - began, dt.timedelta(0))


def _due_at(now: dt.datetime) -> Q:
    """Return the condition that a notice is due; one that stands further ahead than any pause was noted before a clock was set back."""
    return Q(next_at__lte=now) | Q(next_at__gt=now + FARTHEST)


def _sent(notice_id: uuid.UUID, now: dt.datetime) -> bool:
    claimed = Notice.objects.filter(_due_at(now), pk=notice_id, sent_at=None)
    if not claimed.update(next_at=now + HOLD, attempts=F("attempts") + 1):
        return False
    began = clock.now()
    notice = Notice.objects.select_related("request__environment", "request__tenant", "user").get(pk=notice_id)
    if notice.request.status != Status.PENDING:
        Notice.objects.filter(pk=notice_id).update(attempts=ATTEMPTS, error="It was decided before.")
        return False
    preference = NotificationPreference.objects.filter(user=notice.user, channel=notice.channel).first()
    try:
        if preference is None:
            raise errors.InvalidRequest("The person chose another channel.")
        {Channel.MAIL: _mail, Channel.WEBHOOK: _webhook}[Channel(notice.channel)](notice, preference)
    except (errors.AdapterError, smtplib.SMTPException, OSError) as error:
        log.warning("notice_not_sent", notice=str(notice_id), error=type(error).__name__)
        pause = dt.timedelta(seconds=5 * 2**notice.attempts)
        Notice.objects.filter(pk=notice_id).update(error=str(error)[:500], next_at=now + _since(began) + pause)
        return False
    with transaction.atomic():
        Notice.objects.filter(pk=notice_id).update(sent_at=clock.now(), error="")
        requests.record(
            notice.request, Kind.APPROVAL_NOTIFIED, SENDER, clock.now(), user=str(notice.user_id), channel=notice.channel,
            occasion=notice.occasion,
        )  # fmt: skip
    return True


def _mail(notice: Notice, _preference: NotificationPreference) -> None:
    said = content(notice.request)
    wanted = "Approval wanted" if notice.occasion == Occasion.REQUESTED else "Approval still wanted"
    lines = [
        said["title"], "", f"Playbook {said['playbook']}, step {said['step']}; risk {said['risk']} of 10.",
        f"It can be decided until {said['expires_at']}.", "", said["url"], "", "This link alone approves nothing: you decide after you log in.",
    ]  # fmt: skip
    subject = f"{wanted}: {said['title']}".replace("\r", " ").replace("\n", " ")[:200]
    EmailMessage(subject, "\n".join(lines), to=[notice.user.email], headers={"X-Entity-Ref-ID": str(notice.pk)}).send()


def _webhook(notice: Notice, preference: NotificationPreference) -> None:
    body = canonical.dumps({"event": f"approval:{notice.occasion}", "data": content(notice.request)})
    moment = str(int(clock.now().timestamp()))
    digest = hmac.new(str(preference.secret).encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": str(notice.pk),
        "X-RunbookPilot-Timestamp": moment,
        "X-RunbookPilot-Signature": f"v1={digest}",
    }
    with guard.permitted():
        client.request("POST", preference.url, headers=headers, content=body, timeout=TIMEOUT, allow_private=settings.NOTIFY_PRIVATE)


def content(request: Request) -> dict[str, Any]:
    """Return what is said of a request: words of ours and names, never parameters, alerts or secrets.

    Where the tenant wants no targets named outside, the title is the action alone.
    """
    return {
        "id": str(request.pk),
        "title": request.title if request.tenant.notices_name_targets else request.action,
        "playbook": request.playbook,
        "step": request.labels.get("step", ""),
        "action": request.action,
        "risk": request.risk,
        "simulated": request.simulated,
        "needs": {"quorum": request.quorum, "roles": request.roles},
        "requested_at": clock.iso(request.created_at),
        "expires_at": clock.iso(request.expires_at),
        "url": settings.APPROVAL_URL.format(id=request.pk),
    }
