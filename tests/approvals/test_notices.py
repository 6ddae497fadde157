"""Telling those who may decide, over real HTTP and real mail."""

import datetime as dt
import hashlib
import hmac
import json
import socketserver
import threading

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from accounts.choices import Channel, Role
from accounts.models import NotificationPreference
from accounts.services import preferences
from approvals import tasks
from approvals.choices import Occasion
from approvals.models import Notice, Request
from approvals.selectors import queue
from approvals.services import notices, requests
from audit.selectors import entries
from core import clock
from tests import factories
from tests.playbooks_app.executions import worlds
from tests.playbooks_app.executions.worlds import WRITE, driven


@pytest.fixture
def world(db, settings, monkeypatch):
    settings.TASK_BACKEND = "core.tasks.drop"
    settings.NOTIFY_PRIVATE = True
    settings.MAIL_ENABLED = True
    monkeypatch.setattr(connection, "_allow_calls_in_tests", True, raising=False)
    return worlds.world()


@pytest.fixture
def request_(world):
    driven(world.begin({**WRITE, "approval": {"approvers": ["analyst"], "timeout": "1h"}}))
    return Request.objects.get()


def choose(user, channel, url=""):
    return preferences.choose(user=user, channel=channel, url=url, actor=user.actor(), now=clock.now())


def told(request):
    planned = notices.plan(request_id=request.pk, now=clock.now())
    return planned, notices.send_due(now=clock.now())


def test_nobody_is_told_who_did_not_ask_for_it(world, request_):
    assert told(request_) == (0, 0)


def test_a_webhook_is_signed_and_leads_to_the_console(world, request_, httpserver):
    httpserver.expect_request("/hook").respond_with_data("")
    _, secret = choose(world.analyst, Channel.WEBHOOK, httpserver.url_for("/hook"))
    assert told(request_) == (1, 1)
    sent, _ = httpserver.log[0]
    moment, body = sent.headers["X-RunbookPilot-Timestamp"], sent.get_data()
    expected = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert sent.headers["X-RunbookPilot-Signature"] == f"v1={expected}"
    assert json.loads(body)["data"]["url"].endswith(f"/admin/now/approvals/{request_.pk}")


def test_what_is_said_holds_no_parameters(world, request_):
    said = json.dumps(notices.content(request_))
    assert "params" not in said
    assert "document" not in said


def test_nobody_is_told_twice(world, request_, httpserver):
    httpserver.expect_request("/hook").respond_with_data("")
    choose(world.analyst, Channel.WEBHOOK, httpserver.url_for("/hook"))
    told(request_)
    told(request_)
    assert len(httpserver.log) == 1


def test_a_webhook_that_fails_is_tried_again_later(world, request_, httpserver):
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    choose(world.analyst, Channel.WEBHOOK, httpserver.url_for("/hook"))
    assert told(request_) == (1, 0)
    notice = Notice.objects.get()
    assert (notice.sent_at, notice.attempts) == (None, 1)
    assert notice.next_at > clock.now()


def test_what_was_decided_meanwhile_is_not_told(world, request_, httpserver):
    choose(world.analyst, Channel.WEBHOOK, httpserver.url_for("/hook"))
    notices.plan(request_id=request_.pk, now=clock.now())
    world.decide()
    assert notices.send_due(now=clock.now()) == 0
    assert httpserver.log == []


def test_a_private_address_is_refused_unless_the_operator_allows_it(world, request_, httpserver, settings):
    settings.NOTIFY_PRIVATE = False
    choose(world.analyst, Channel.WEBHOOK, httpserver.url_for("/hook"))
    assert told(request_) == (1, 0)
    assert httpserver.log == []


def test_mail_names_what_is_asked_and_where_it_is_decided(world, request_):
    world.analyst.email = "analyst@example.org"
    world.analyst.save()
    choose(world.analyst, Channel.MAIL)
    assert told(request_) == (1, 1)
    (message,) = mail.outbox
    assert message.to == ["analyst@example.org"]
    assert str(request_.pk) in message.body
    assert "\n" not in message.subject


def test_those_who_may_not_decide_are_not_told(world, request_, httpserver):
    viewer = factories.user(Role.VIEWER, world.tenant)
    choose(viewer, Channel.WEBHOOK, httpserver.url_for("/hook"))
    assert told(request_) == (0, 0)


def test_sending_is_journaled(world, request_, httpserver):
    httpserver.expect_request("/hook").respond_with_data("")
    choose(world.analyst, Channel.WEBHOOK, httpserver.url_for("/hook"))
    told(request_)
    assert entries.last_of(request_.stream).kind == "approval:notified"


class _Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP as a sender needs."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        receiving = False
        for line in self.rfile:
            if receiving:
                self.server.lines.append(line.decode())
                receiving = line != b".\r\n"
                if receiving:
                    continue
                self.wfile.write(b"250 kept\r\n")
            elif line.upper().startswith(b"DATA"):
                receiving = True
                self.wfile.write(b"354 go on\r\n")
            elif line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


def test_mail_leaves_over_smtp(world, request_, settings):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mailbox) as server:
        server.lines = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        world.analyst.email = "analyst@example.org"
        world.analyst.save()
        choose(world.analyst, Channel.MAIL)
        assert told(request_) == (1, 1)
        server.shutdown()
    assert any("Approval wanted" in line for line in server.lines)


def test_mail_needs_a_server_and_an_address(world, settings):
    with pytest.raises(preferences.WrongChannel, match="no mail address"):
        choose(world.analyst, Channel.MAIL)
    settings.MAIL_ENABLED = False
    with pytest.raises(preferences.WrongChannel, match="No mail server"):
        choose(world.analyst, Channel.MAIL)


@pytest.mark.parametrize("url", ["", "nonsense", "file:///etc/passwd", "javascript:alert(1)"])
def test_a_webhook_needs_an_address(world, url):
    with pytest.raises(preferences.WrongChannel):
        choose(world.analyst, Channel.WEBHOOK, url)


def test_people_choose_over_rest_and_see_the_secret_once(world):
    headers = {"Authorization": f"Token {factories.token(world.analyst)}"}
    path = "/api/v1/me/notifications"
    body = {"channel": "webhook", "url": "https://chat.example.org/hook"}
    first = Client().put(path, body, content_type="application/json", headers=headers).json()
    again = Client().put(path, body, content_type="application/json", headers=headers).json()
    assert (len(first["secret"]) > 30, "secret" in again) == (True, False)
    assert Client().get(path, headers=headers).json() == {"channel": "webhook", "url": "https://chat.example.org/hook"}


def test_choosing_none_forgets_the_secret(world):
    choose(world.analyst, Channel.WEBHOOK, "https://chat.example.org/hook")
    choose(world.analyst, Channel.NONE)
    assert NotificationPreference.objects.get().secret is None


def test_nobody_is_told_of_what_is_decided_already(world, request_, httpserver):
    choose(world.analyst, Channel.WEBHOOK, httpserver.url_for("/hook"))
    world.decide()
    assert told(request_) == (0, 0)


def test_who_started_it_is_not_told_where_four_eyes_are_asked_for(world, request_, httpserver):
    choose(world.analyst, Channel.WEBHOOK, httpserver.url_for("/hook"))
    Request.objects.filter(pk=request_.pk).update(four_eyes=True, excluded_user_ids=[str(world.analyst.pk)])
    assert told(request_) == (0, 0)


def test_who_chose_another_channel_meanwhile_is_not_told_by_the_first(world, request_, httpserver):
    choose(world.analyst, Channel.WEBHOOK, httpserver.url_for("/hook"))
    notices.plan(request_id=request_.pk, now=clock.now())
    choose(world.analyst, Channel.NONE)
    assert notices.send_due(now=clock.now()) == 0
    assert Notice.objects.get().error == "The person chose another channel."


def test_a_notice_that_another_worker_took_is_left_to_it(world, request_, httpserver):
    choose(world.analyst, Channel.WEBHOOK, httpserver.url_for("/hook"))
    notices.plan(request_id=request_.pk, now=clock.now())
    due = clock.now()
    Notice.objects.update(next_at=due + notices.HOLD)
    assert not notices._sent(Notice.objects.get().pk, due)
    assert httpserver.log == []


HALF = dt.timedelta(minutes=31)


def escalated(request):
    """Let half of the hour pass; return whether it was escalated, and how many are told."""
    now = clock.now() + HALF
    found = requests.escalate_due(actor=factories.SETUP, now=now)
    return found, notices.plan(request_id=request.pk, now=now, occasion=Occasion.ESCALATED) if found else 0


def test_who_was_told_is_told_again_with_the_leads_when_half_of_the_time_is_over(world, request_, httpserver):
    httpserver.expect_request("/hook").respond_with_data("")
    lead = factories.user(Role.LEAD, world.tenant)
    for person in (world.analyst, lead):
        choose(person, Channel.WEBHOOK, httpserver.url_for("/hook"))
    told(request_)
    assert escalated(request_) == (1, 2)
    notices.send_due(now=clock.now() + HALF)
    assert [json.loads(sent.get_data())["event"] for sent, _ in httpserver.log][-2:] == ["approval:escalated"] * 2


def test_a_request_is_escalated_once(world, request_):
    escalated(request_)
    assert escalated(request_) == (0, 0)
    assert [entry.kind for entry in entries.of_stream(request_.stream)].count("approval:escalated") == 1


def test_nothing_is_escalated_in_the_first_half_of_its_time(request_):
    assert requests.escalate_due(actor=factories.SETUP, now=clock.now()) == 0


def test_what_somebody_works_on_is_not_escalated(world, request_):
    requests.claim(request_id=request_.pk, actor=world.analyst.actor(), now=clock.now())
    assert escalated(request_) == (0, 0)


def test_what_somebody_claimed_and_left_is_escalated(world, request_, monkeypatch):
    requests.claim(request_id=request_.pk, actor=world.analyst.actor(), now=clock.now())
    half = clock.now() + HALF
    monkeypatch.setattr(tasks.clock, "now", lambda: half)
    assert tasks.escalate_due() == 1


def test_what_was_decided_is_not_escalated(world, request_):
    world.decide()
    assert escalated(request_) == (0, 0)


def test_escalating_lets_nobody_decide_who_could_not_before(world, request_):
    escalated(request_)
    request_.refresh_from_db()
    assert request_.roles == ["analyst"]


def test_one_that_was_taken_up_since_it_was_found_is_not_escalated(world, request_):
    (found,) = queue.unattended(now=clock.now() + HALF)
    requests.claim(request_id=request_.pk, actor=world.analyst.actor(), now=clock.now())
    assert not requests.escalate(request_id=found.pk, actor=factories.SETUP, now=clock.now() + HALF)
    assert entries.last_of(request_.stream).kind == "approval:claimed"


def test_half_of_its_time_has_to_be_over(request_):
    assert not requests.escalate(request_id=request_.pk, actor=factories.SETUP, now=clock.now())


def test_a_notice_is_sent_though_the_clock_was_set_back_since_it_was_noted(world, request_):
    world.analyst.email = "analyst@example.org"
    world.analyst.save()
    choose(world.analyst, Channel.MAIL)
    notices.plan(request_id=request_.pk, now=clock.now())
    assert notices.send_due(now=clock.now() - dt.timedelta(hours=2)) == 1
