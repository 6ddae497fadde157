"""What no clock decides, and that nobody is told twice."""

import datetime as dt

from accounts.choices import Channel
from accounts.models import NotificationPreference
from accounts.services import stops
from approvals.models import Notice
from approvals.services import notices, requests
from core.actors import system
from tests.approvals.worlds import ENGINE, TTL
from tests.factories import NOW


def test_during_a_stop_nothing_is_approved_by_time_out(tenant):
    request = tenant.ask(on_timeout="approve")
    stops.engage(tenant=tenant.tenant, reason="r", actor=system("admin"), now=NOW)
    requests.expire(request_id=request.pk, actor=ENGINE, now=NOW + TTL)
    request.refresh_from_db()
    assert request.status != "approved"


def test_nobody_is_told_twice_by_two_workers_where_mail_is_slow(tenant, monkeypatch):
    request = tenant.ask()
    for name in ("ann", "bob", "cyd"):
        NotificationPreference.objects.create(user=tenant.people[name], channel=Channel.MAIL)
    notices.plan(request_id=request.pk, now=NOW)
    sent, clock = [], [NOW]

    def mail(notice, _preference):
        sent.append(notice.user.username)
        clock[0] += dt.timedelta(seconds=40)
        if len(sent) == 3:
            # A second worker, five seconds after the third mail was begun; its clock is right.
            clock[0] -= dt.timedelta(seconds=35)
            notices.send_due(now=clock[0])

    monkeypatch.setattr(notices, "_mail", mail)
    monkeypatch.setattr(notices.clock, "now", lambda: clock[0])
    notices.send_due(now=NOW)
    assert len(sent) == len(set(sent)) == 3, sent
    assert Notice.objects.filter(attempts__gt=1).count() == 0
