"""The write services of approval requests, each as it is called when it has something to write."""

import datetime as dt

from approvals.models import Request
from approvals.services import requests
from tests.architecture.scenes import LATER, SCENES, Call, asked, by, of
from tests.factories import NOW, SETUP

__all__ = ["SCENES"]
LONG = 3650 * 86400.0
EARLIER = NOW - dt.timedelta(days=3650)


def counted() -> Request:
    _, request = asked()
    requests.begin_counting(asked=[request], actor=SETUP, now=NOW, waited=0.0)
    return request


@of(requests.ask)
def _() -> Call:
    world, request = asked()
    return by(
        requests.ask, tenant_id=world.tenant.pk, environment=world.environment, subject=("step", "other"), stream="execution:x",
        title="x", document=request.document, labels={}, policy=requests.Policy(roles=["lead"]), expires_at=LATER,
    )  # fmt: skip


@of(requests.claim)
def _() -> Call:
    world, request = asked()
    return by(requests.claim, request_id=request.pk, actor=world.analyst.actor())


@of(requests.unclaim)
def _() -> Call:
    world, request = asked()
    requests.claim(request_id=request.pk, actor=world.analyst.actor(), now=NOW)
    return by(requests.unclaim, request_id=request.pk, actor=world.analyst.actor())


@of(requests.unclaim_lapsed)
def _() -> Call:
    world, request = asked()
    requests.claim(request_id=request.pk, actor=world.analyst.actor(), now=NOW)
    return by(requests.unclaim_lapsed, now=LATER)


@of(requests.withdraw)
def _() -> Call:
    return by(requests.withdraw, request_id=asked()[1].pk, reason="changed")


@of(requests.expire)
def _() -> Call:
    return by(requests.expire, request_id=counted().pk, now=LATER, waited=LONG)


@of(requests.escalate)
def _() -> Call:
    return by(requests.escalate, request_id=asked()[1].pk, now=LATER)


@of(requests.escalate_due)
def _() -> Call:
    asked()
    return by(requests.escalate_due, now=LATER)


@of(requests.expire_due)
def _() -> Call:
    counted()
    return by(requests.expire_due, now=LATER, waited=LONG)


@of(requests.begin_counting)
def _() -> Call:
    return by(requests.begin_counting, asked=[asked()[1]], now=EARLIER, waited=0.0)


@of(requests.redate_all)
def _() -> Call:
    counted()
    return by(requests.redate_all, now=EARLIER, waited=0.0)
