import datetime as dt

import pytest
from django.db import transaction

from audit import journal, pump
from audit.choices import Kind
from core import clock
from core.actors import system

pytestmark = pytest.mark.django_db


def test_a_flood_of_alerts_keeps_no_decision_from_being_delivered(settings):
    settings.TASK_BACKEND = "core.tasks.drop"
    now = clock.now()
    with transaction.atomic():
        journal.append_all([
            journal.Fact(stream=f"alert:{n}", kind=Kind.ALERT_RECEIVED, actor=system("t"), now=now - dt.timedelta(seconds=60), subject=("alert", n))
            for n in range(300)
        ])
        journal.append(stream="execution:1", kind=Kind.APPROVAL_DECIDED, actor=system("t"), now=now - dt.timedelta(seconds=40), subject=("approval", "1"))
    assert "playbooks_app.tasks.apply_decision" in pump.due(now=now)
