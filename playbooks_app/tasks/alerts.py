"""Matching alerts, and telling those who may decide."""

import uuid

import structlog

from accounts.selectors import people
from approvals.models import Request
from audit.selectors.entries import EntryView
from core import clock
from playbooks_app.services import triggers

log = structlog.get_logger(__name__)


def match_alert(*, entry: EntryView) -> None:
    """Decide what an alert starts."""
    triggers.match(alert_id=uuid.UUID(entry.subject_id), now=clock.now())


def notify_deciders(*, entry: EntryView) -> None:
    """Note in the log who may decide a new request; the console's badge counts it for each of them."""
    request = Request.objects.filter(pk=entry.subject_id).first()
    if request is not None:
        names = list(people.deciders(request.tenant_id, request.roles).values_list("username", flat=True)[:50])
        log.info("approval_requested", request=str(request.pk), deciders=names)
