"""Two people decide the same requests in bulk, in other orders, each under a key of their own."""

import contextlib
import datetime as dt
import threading

import pytest
from django.db import connection
from django.test import Client

from approvals.models import Request
from approvals.services import requests
from core import clock
from tests import factories
from tests.approvals import worlds

pytestmark = [pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time, and no locks of rows"), pytest.mark.django_db(transaction=True)]


def test_two_bulks_do_not_lock_each_other_out(settings, monkeypatch, transactional_db):
    settings.TASK_BACKEND = "core.tasks.drop"
    world = worlds.world("acme")
    asked = [world.ask(quorum=2) for _ in range(2)]
    Request.objects.update(expires_at=clock.now() + dt.timedelta(hours=1))
    gate, seen, real, answers = threading.Barrier(2), threading.local(), requests.record, []

    def record(*args, **more):
        found = real(*args, **more)
        if not getattr(seen, "waited", False):
            seen.waited = True
            with contextlib.suppress(threading.BrokenBarrierError):
                gate.wait(3)
        return found

    monkeypatch.setattr(requests, "record", record)
    tokens = {name: factories.token(world.people[name]) for name in ("ann", "bob")}

    def side(name, order):
        body = {"verdict": "approve", "reason": "x", "items": [{"id": str(r.pk), "digest": r.digest} for r in order]}
        try:
            answer = Client(raise_request_exception=False).post(
                "/api/v1/approvals/bulk", body, content_type="application/json",
                headers={"Authorization": f"Token {tokens[name]}", "Idempotency-Key": name},
            )
            answers.append((answer.status_code, answer.json()))
        finally:
            connection.close()

    threads = [threading.Thread(target=side, args=a) for a in (("ann", asked), ("bob", asked[::-1]))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    assert [status for status, _ in answers] == [200, 200], answers
