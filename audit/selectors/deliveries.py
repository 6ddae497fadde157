"""What has still to be delivered."""

from collections.abc import Sequence
from typing import Any

from audit.models import Delivery


def counts() -> dict[str, int]:
    """Return how many deliveries are under way and how many gave up."""
    return {
        "due": Delivery.objects.filter(dead_at=None).count(),
        "dead": Delivery.objects.filter(dead_at__isnull=False).count(),
    }


def dead_letters(limit: int = 200) -> Sequence[dict[str, Any]]:
    """Return the deliveries that gave up, newest first."""
    rows = Delivery.objects.filter(dead_at__isnull=False).order_by("-dead_at")[:limit]
    return [dict(row) for row in rows.values("id", "handler", "attempts", "error", "dead_at", "entry__kind", "entry__stream")]
