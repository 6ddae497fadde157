"""Deliveries: at least once, in their own time, never silently given up."""

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from audit import journal, pump, tasks
from audit.choices import Kind
from audit.models import Delivery
from audit.selectors import deliveries
from core import clock
from core.actors import system

pytestmark = pytest.mark.django_db
SEEN: list[str] = []


def seen(*, entry: Any) -> None:
    SEEN.append(entry.kind)


def broken(*, entry: Any) -> None:
    raise RuntimeError("token=abcdefgh1234 was refused")


@pytest.fixture
def delivery(settings: Any) -> Delivery:
    SEEN.clear()
    settings.TASK_BACKEND = "core.tasks.drop"
    with transaction.atomic():
        journal.append(stream="s", kind=Kind.ALERT_RECEIVED, actor=system("test"), now=clock.now(), subject=("alert", "1"))
    Delivery.objects.update(handler="tests.audit.test_pump.seen")
    return Delivery.objects.get()


def fail(delivery: Delivery, times: int = 1) -> Delivery:
    Delivery.objects.update(handler="tests.audit.test_pump.broken")
    for _ in range(times):
        Delivery.objects.update(next_at=clock.now())
        pump.deliver(delivery_id=delivery.pk, now=clock.now())
    delivery.refresh_from_db()
    return delivery


def test_a_delivery_that_succeeds_is_forgotten(delivery: Delivery) -> None:
    assert pump.deliver(delivery_id=delivery.pk, now=clock.now())
    assert (SEEN, Delivery.objects.count()) == (["alert:received"], 0)


def test_one_that_another_worker_claimed_is_left_alone(delivery: Delivery) -> None:
    Delivery.objects.update(next_at=clock.now() + pump.HOLD)
    assert not pump.deliver(delivery_id=delivery.pk, now=clock.now())
    assert SEEN == []


def test_one_whose_worker_was_killed_is_due_again_within_half_a_minute(delivery: Delivery) -> None:
    Delivery.objects.update(next_at=clock.now() + pump.HOLD)
    assert pump.due(now=clock.now()) == {}
    assert list(pump.due(now=clock.now() + dt.timedelta(seconds=30)).values()) == [[delivery.pk]]


def test_one_that_fails_is_tried_again_later_without_its_secret(delivery: Delivery) -> None:
    row = fail(delivery)
    assert (row.attempts, row.dead_at, row.next_at > clock.now()) == (1, None, True)
    assert "abcdefgh1234" not in row.error


def test_one_that_gave_up_is_kept_as_a_dead_letter(delivery: Delivery) -> None:
    fail(delivery, times=pump.ATTEMPTS)
    assert deliveries.counts() == {"due": 0, "dead": 1}
    assert [row["handler"] for row in deliveries.dead_letters()] == ["tests.audit.test_pump.broken"]


def test_a_dead_letter_can_be_sent_again(delivery: Delivery) -> None:
    fail(delivery, times=pump.ATTEMPTS)
    assert pump.resend(delivery_id=delivery.pk, now=clock.now())
    assert not pump.resend(delivery_id=delivery.pk, now=clock.now())
    assert deliveries.counts() == {"due": 1, "dead": 0}


def test_the_sweep_delivers_what_was_lost(delivery: Delivery) -> None:
    Delivery.objects.update(next_at=clock.now() - dt.timedelta(minutes=1))
    assert tasks.sweep() == 1
    assert (SEEN, tasks.sweep()) == (["alert:received"], 0)
