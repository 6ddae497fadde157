"""What has still to be delivered."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from audit.models import Delivery


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


def dead_letters(limit: int = 200) -> Sequence[dict[str, Any]]:
    """Return the deliveries that gave up, newest first."""
    rows = Delivery.objects.filter(dead_at__isnull=False).order_by("-dead_at")[:limit]
    return [dict(row) for row in rows.values("id", "handler", "attempts", "error", "dead_at", "entry__kind", "entry__stream")]
