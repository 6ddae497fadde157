"""Idempotency keys: how long the answer to a POST is given again."""

import datetime as dt

from django.db.models import QuerySet

from accounts.models import IdempotencyKey

KEPT = dt.timedelta(days=30)
AT_ONCE = 1_000


def forget(*, now: dt.datetime) -> int:
    """Delete the keys that were used more than KEPT ago, with the answers kept under them; return how many."""
    gone = 0
    while ids := list(old(now=now).values_list("pk", flat=True)[:AT_ONCE]):
        gone += IdempotencyKey.objects.filter(pk__in=ids).delete()[0]
    return gone


def old(*, now: dt.datetime) -> QuerySet[IdempotencyKey]:
    """Return the keys whose time is over, the oldest first."""
    return IdempotencyKey.objects.filter(created_at__lt=now - KEPT).order_by("created_at")
