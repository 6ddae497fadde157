"""Finding bundles."""

import datetime as dt
import uuid
from itertools import islice

from django.db.models import Count, Q, QuerySet

from approvals.choices import Status
from approvals.models import Request
from compliance.choices import BundleStatus
from compliance.models import EvidenceBundle


def awaiting_seal(*, limit: int) -> list[uuid.UUID]:
    """Return the executions whose open bundles wait for no queued simulation any more, oldest first."""
    queued = Request.objects.filter(status__in=[Status.PENDING, Status.APPROVED], simulated=True)
    waiting = set(queued.values_list("stream", flat=True))
    rows = EvidenceBundle.objects.filter(status=BundleStatus.OPEN).exclude(execution=None).order_by("id")
    ids = rows.values_list("execution_id", flat=True).iterator(chunk_size=500)
    return list(islice((execution_id for execution_id in ids if f"execution:{execution_id}" not in waiting), limit))


def shown(rows: "QuerySet[EvidenceBundle]") -> "QuerySet[EvidenceBundle]":
    """Return bundles with what a list shows of them, at no query per row."""
    loaded = rows.select_related("tenant", "environment", "execution__version__playbook", "superseded_by")
    return loaded.prefetch_related("evidence__control__framework").annotate(artifact_count=Count("artifacts", distinct=True))


def speaking_of(control_id: uuid.UUID) -> Q:
    """Return the condition that a bundle speaks of a control."""
    return Q(evidence__control_id=control_id)


def within(since: dt.datetime | None, until: dt.datetime | None) -> Q:
    """Return the condition that a bundle's period touches the time from `since` until `until`."""
    condition = Q(period_until__gte=since) if since else Q()
    return condition & Q(period_from__lt=until) if until else condition
