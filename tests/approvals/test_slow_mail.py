"""Mail that takes longer than a worker's claim on it."""

import datetime as dt

from accounts.choices import Channel
from accounts.models import NotificationPreference
from approvals.models import Notice
from approvals.services import notices
from tests.factories import NOW


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


def test_mail_that_failed_slowly_has_its_whole_pause_after_that(tenant, monkeypatch):
    request, clock = tenant.ask(), [NOW]
    NotificationPreference.objects.create(user=tenant.ann, channel=Channel.MAIL)
    notices.plan(request_id=request.pk, now=NOW)

    def mail(_notice, _preference):
        clock[0] += dt.timedelta(seconds=40)
        raise TimeoutError

    monkeypatch.setattr(notices, "_mail", mail)
    monkeypatch.setattr(notices.clock, "now", lambda: clock[0])
    assert notices.send_due(now=NOW) == 0
    assert Notice.objects.get().next_at == clock[0] + dt.timedelta(seconds=10)
