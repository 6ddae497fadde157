"""What has still to be delivered, and what gave up."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Collection, Iterable

from django.db.models import Count, QuerySet

from audit.choices import Kind
from audit.models import Delivery


@dataclasses.dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that gave up: which task, woken by which entry (none: a task that failed by itself), and its last error."""

    id: uuid.UUID
    task: str
    arguments: dict[str, object] | None
    attempts: int
    error: str
    dead_at: dt.datetime
    tenant_id: uuid.UUID | None
    entry_id: uuid.UUID | None
    kind: str
    stream: str
    at: dt.datetime | None

    @property
    def sentence(self) -> str:
        """What was to be done, in words."""
        name = self.task.rpartition(".")[2].replace("_", " ")
        if not self.kind:
            return f"{name}, by itself"
        verb = str(Kind(self.kind).label) if self.kind in Kind.values else self.kind
        return f"{name}, after somebody or something {verb}"


def view(row: Delivery) -> DeadLetter:
    """Return a row of `dead_letters` as other apps may hold it."""
    entry, found = row.entry, row.dead_at or row.next_at
    return DeadLetter(
        id=row.id, task=row.handler, arguments=row.arguments, attempts=row.attempts, error=row.error, dead_at=found,
        tenant_id=entry.tenant_id if entry else None, entry_id=entry.id if entry else None, kind=entry.kind if entry else "",
        stream=entry.stream if entry else "", at=entry.at if entry else None,
    )  # fmt: skip


def counts() -> dict[str, int]:
    """Return how many deliveries are under way and how many gave up."""
    return {
        "due": Delivery.objects.filter(dead_at=None).count(),
        "dead": Delivery.objects.filter(dead_at__isnull=False).count(),
    }


def oldest_seconds(*, now: dt.datetime) -> float:
    """Return for how many seconds the longest overdue delivery has been due."""
    first = Delivery.objects.filter(dead_at=None, next_at__lte=now).order_by("next_at").values_list("next_at", flat=True).first()
    return (now - first).total_seconds() if first else 0.0


def dead_letters(tenant_ids: Collection[uuid.UUID] | None = None) -> "QuerySet[Delivery]":
    """Return the deliveries that gave up, of entries of some tenants; of all, and the tasks of nobody's, where none are named."""
    rows = Delivery.objects.filter(dead_at__isnull=False).select_related("entry")
    return rows if tenant_ids is None else rows.filter(entry__tenant_id__in=tenant_ids)


def dead_by_task() -> Iterable[tuple[str, int]]:
    """Return how many deliveries of each task gave up."""
    return list(Delivery.objects.filter(dead_at__isnull=False).order_by().values_list("handler").annotate(Count("pk")))
