"""Dead letters that are sent again, all at once."""

import datetime as dt

import pytest

from audit.models import Delivery
from audit.selectors import deliveries
from audit.services import dead_letters
from core import clock
from tests import factories

pytestmark = pytest.mark.django_db


def test_sending_all_dead_letters_is_not_ended_by_one_that_somebody_else_has_sent(monkeypatch):
    now = clock.now()
    for number in range(3):
        Delivery.objects.create(handler="audit.tasks.checkpoint", arguments={}, key=str(number), next_at=now, dead_at=now + dt.timedelta(seconds=number))
    real = dead_letters.send
    first = []

    def send(*, delivery_id, **more):
        if not first:
            first.append(delivery_id)
            # Somebody else sends the second at this moment.
            second = list(deliveries.dead_letters().order_by("dead_at").values_list("id", flat=True))[1]
            real(delivery_id=second, **more)
        return real(delivery_id=delivery_id, **more)

    monkeypatch.setattr(dead_letters, "send", send)
    dead_letters.send_all(actor=factories.SETUP, now=now)
    assert Delivery.objects.filter(dead_at__isnull=False).count() == 0
