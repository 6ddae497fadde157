"""Requests: asked, claimed, given back, withdrawn, expired, reported on."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from accounts.services import stops
from approvals.choices import TRANSITIONS, OnTimeout, Outcome, Status
from approvals.models import Request
from approvals.services import requests
from approvals.services.requests import Policy
from audit.models import Entry
from core import ids
from tests import factories
from tests.approvals.worlds import DOCUMENT, ENGINE, TTL, decide, kinds
from tests.factories import NOW

CLOCK = ENGINE
LATE = NOW + TTL
WHOLE = TTL.total_seconds()


def act(verb, request, user=None, **given):
    return getattr(requests, verb)(request_id=request.pk, actor=user.actor() if user else ENGINE, now=NOW, **given)


def counted(request):
    requests.begin_counting(asked=[request], actor=CLOCK, now=NOW, waited=0.0)
    return request


def expire(request, waited=WHOLE):
    """Look at a request when so much was waited since it was asked."""
    return requests.expire(request_id=request.pk, actor=CLOCK, now=LATE, waited=waited)


def test_what_is_asked_is_frozen_with_its_digest(tenant):
    first, second = tenant.ask(), tenant.ask()
    assert (first.status, first.document, first.digest) == (Status.PENDING, DOCUMENT, second.digest)


def test_another_document_has_another_digest(tenant):
    call = {**DOCUMENT["call"], "params": {"host": "ws-8"}}
    other = requests.ask(
        tenant_id=tenant.tenant.pk, environment=factories.environment(tenant.tenant), subject=("step", ids.new()), stream="execution:x",
        title="x" * 400, document={**DOCUMENT, "call": call}, labels={}, policy=Policy(roles=["analyst"]), expires_at=LATE,
        actor=ENGINE, now=NOW,
    )  # fmt: skip
    assert other.digest != tenant.ask().digest
    assert len(other.title) == 300


def test_a_subject_has_one_open_request(tenant):
    request = tenant.ask()
    with pytest.raises(IntegrityError), transaction.atomic():
        Request.objects.filter(pk=tenant.ask().pk).update(subject_id=request.subject_id)


def test_asking_is_journaled_with_what_belongs_to_it(tenant):
    request = tenant.ask()
    entry = Entry.objects.get(stream=request.stream)
    assert (entry.kind, entry.data["digest"]) == ("approval:requested", request.digest)
    assert ["execution", request.labels["execution"]] in entry.refs


@pytest.mark.parametrize("simulated", [True, False])
def test_the_entry_says_whether_it_was_rehearsed(tenant, simulated):
    request = tenant.ask(simulated=simulated)
    assert Entry.objects.get(stream=request.stream).simulated is simulated


def test_a_claim_says_who_works_on_it(tenant):
    request = act("claim", tenant.ask(), tenant.ann)
    assert (request.claimed_by, request.claimed_at) == (tenant.ann, NOW)


def test_claiming_again_changes_nothing(tenant):
    request = tenant.ask()
    act("claim", request, tenant.ann)
    act("claim", request, tenant.ann)
    assert kinds(request) == ["approval:requested", "approval:claimed"]


@pytest.mark.parametrize("verb", ["claim", "unclaim"])
def test_what_another_claimed_is_theirs(tenant, verb):
    request = tenant.ask()
    act("claim", request, tenant.ann)
    with pytest.raises(requests.ClaimedByAnother, match="acme-ann"):
        act(verb, request, tenant.bob)


@pytest.mark.parametrize("verb", ["claim", "unclaim"])
def test_who_may_not_decide_claims_nothing(tenant, verb):
    with pytest.raises(requests.MayNotDecide, match="asked of: analyst"):
        act(verb, tenant.ask(), tenant.vic)


@pytest.mark.parametrize("verb", ["claim", "unclaim"])
def test_the_system_claims_nothing(tenant, verb):
    with pytest.raises(requests.MayNotDecide):
        act(verb, tenant.ask())


def test_what_is_decided_is_not_claimed(tenant):
    request = decide(tenant.ask(), tenant.ann)
    with pytest.raises(requests.NotPending, match="approved and can no longer be decided"):
        act("claim", request, tenant.bob)


def test_giving_back_lets_another_claim_it(tenant):
    request = tenant.ask()
    act("claim", request, tenant.ann)
    act("unclaim", request, tenant.ann)
    assert act("claim", request, tenant.bob).claimed_by == tenant.bob


def test_giving_back_what_nobody_claimed_changes_nothing(tenant):
    request = tenant.ask()
    act("unclaim", request, tenant.ann)
    assert kinds(request) == ["approval:requested"]


def test_a_claim_keeps_nobody_from_deciding(tenant):
    request = tenant.ask()
    act("claim", request, tenant.ann)
    assert decide(request, tenant.bob).status == Status.APPROVED


def lapse(now):
    return requests.unclaim_lapsed(actor=CLOCK, now=now)


def test_a_claim_that_was_left_is_given_back_and_says_so(tenant):
    request = act("claim", tenant.ask(), tenant.ann)
    assert [lapse(NOW + requests.CLAIM - dt.timedelta(seconds=1)), lapse(NOW + requests.CLAIM)] == [0, 1]
    assert act("claim", request, tenant.bob).claimed_by == tenant.bob
    assert Entry.objects.get(stream=request.stream, kind="approval:released").data["claimed_by"] == "acme-ann"


def test_a_claim_leaves_others_half_of_the_time_that_was_left(tenant):
    request, late = tenant.ask(), LATE - dt.timedelta(minutes=10)
    requests.claim(request_id=request.pk, actor=tenant.ann.actor(), now=late)
    assert [lapse(late + dt.timedelta(minutes=minutes)) for minutes in (4, 5)] == [0, 1]


def test_a_claim_ends_though_a_clock_is_set_back(tenant):
    act("claim", counted(tenant.ask()), tenant.ann)
    back = NOW - dt.timedelta(hours=5)
    requests.redate_all(actor=CLOCK, now=back, waited=0.0)
    assert [lapse(back + requests.CLAIM / 2), lapse(back + requests.CLAIM)] == [0, 1]


def test_what_was_decided_keeps_who_had_claimed_it(tenant):
    request = act("claim", tenant.ask(), tenant.ann)
    decide(request, tenant.ann)
    assert lapse(LATE) == 0


@pytest.mark.parametrize("approved", [True, False])
def test_what_is_open_can_be_withdrawn(tenant, approved):
    request = tenant.ask()
    if approved:
        decide(request, tenant.ann)
    assert act("withdraw", request, reason="Cancelled.")
    request.refresh_from_db()
    assert (request.status, kinds(request)[-1]) == (Status.WITHDRAWN, "approval:withdrawn")


def test_what_is_closed_is_not_withdrawn(tenant):
    request = decide(tenant.ask(), tenant.ann, "reject")
    assert not act("withdraw", request, reason="Cancelled.")
    assert kinds(request)[-1] == "approval:decided"


@pytest.mark.parametrize(
    ("rule", "status", "kind"),
    [
        (OnTimeout.HALT, Status.EXPIRED, "approval:expired"),
        (OnTimeout.SKIP, Status.EXPIRED, "approval:expired"),
        (OnTimeout.APPROVE, Status.APPROVED, "approval:decided"),
    ],
)
def test_a_time_out_follows_its_rule(tenant, rule, status, kind):
    request = counted(tenant.ask(on_timeout=rule))
    assert expire(request)
    request.refresh_from_db()
    assert (request.status, request.decided_by_timeout, kinds(request)[-1]) == (status, True, kind)
    assert Entry.objects.filter(stream=request.stream).latest("seq").data["on_timeout"] == rule


def test_a_time_out_is_nobody_s_decision(tenant):
    request = counted(tenant.ask(on_timeout=OnTimeout.APPROVE))
    assert expire(request)
    assert not request.decisions.exists()


def test_what_was_only_rehearsed_is_never_approved_by_time_out(tenant):
    request = counted(tenant.ask(on_timeout=OnTimeout.APPROVE, simulated=True))
    expire(request)
    request.refresh_from_db()
    assert request.status == Status.EXPIRED


def test_nothing_expires_before_its_time(tenant):
    request = counted(tenant.ask())
    assert not expire(request, WHOLE - 0.001)
    assert kinds(request) == ["approval:requested"]


def test_what_is_decided_does_not_expire(tenant):
    request = decide(counted(tenant.ask()), tenant.ann)
    assert not expire(request)


def test_what_nobody_has_begun_to_count_does_not_expire(tenant):
    assert not expire(tenant.ask(), 10 * WHOLE)


def expire_due(waited=WHOLE):
    return requests.expire_due(actor=CLOCK, now=LATE, waited=waited)


def test_everything_due_expires_and_nothing_else(tenant):
    due = [counted(tenant.ask()), counted(tenant.ask())]
    decided, later = decide(counted(tenant.ask()), tenant.ann), counted(tenant.ask())
    Request.objects.filter(pk=later.pk).update(ends_after=2 * WHOLE)
    assert expire_due() == 2
    assert set(Request.objects.filter(status=Status.EXPIRED)) == set(due)
    assert Request.objects.get(pk=decided.pk).status == Status.APPROVED


def test_expiring_again_expires_nothing(tenant):
    counted(tenant.ask())
    assert [expire_due(), expire_due()] == [1, 0]


@pytest.mark.parametrize("by", [dt.timedelta(hours=-5), dt.timedelta(hours=5)])
def test_a_clock_that_is_set_has_people_shown_anew_how_long_they_have(tenant, by):
    request = counted(tenant.ask())
    assert [requests.redate_all(actor=CLOCK, now=NOW + by, waited=0.0) for _ in range(2)] == [1, 0]
    request.refresh_from_db()
    assert (request.expires_at, request.escalates_at) == (LATE + by, NOW + by + TTL / 2)
    assert kinds(request) == ["approval:requested", "approval:redated"]


def test_one_that_was_asked_by_a_clock_that_is_wrong_has_its_whole_time(tenant):
    request, right = tenant.ask(), NOW + dt.timedelta(hours=5)
    assert requests.begin_counting(asked=[request], actor=CLOCK, now=right, waited=7.0) == 1
    request.refresh_from_db()
    assert (request.ends_after, request.expires_at) == (7.0 + WHOLE, right + TTL)


def test_what_people_are_shown_is_left_alone_where_no_clock_was_set(tenant):
    counted(tenant.ask())
    assert requests.redate_all(actor=CLOCK, now=NOW + TTL / 2, waited=WHOLE / 2) == 0


def report(request, outcome, receipt=None):
    requests.report(request_id=request.pk, outcome=outcome, receipt=receipt, actor=ENGINE, now=NOW)
    request.refresh_from_db()
    return request


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_became_of_the_call_is_kept_with_its_receipt(tenant, outcome):
    request = report(decide(tenant.ask(), tenant.ann), outcome, {"job": 7})
    assert (request.status, request.outcome, request.receipt) == (Status.EXECUTED, outcome, {"job": 7})


def test_a_later_report_without_a_receipt_keeps_the_first(tenant):
    request = report(decide(tenant.ask(), tenant.ann), Outcome.EXECUTED, {"job": 7})
    report(request, Outcome.UNDONE)
    assert (request.status, request.outcome, request.receipt) == (Status.EXECUTED, Outcome.UNDONE, {"job": 7})
    assert kinds(request).count("approval:executed") == 2


def test_a_request_that_is_none_is_said(tenant):
    with pytest.raises(requests.NoSuchRequest):
        requests.withdraw(request_id=ids.new(), reason="", actor=ENGINE, now=NOW)


def test_no_status_leads_back_to_pending():
    assert all(Status.PENDING not in ways for ways in TRANSITIONS.values())
    assert set(TRANSITIONS) == set(Status)


def test_during_a_stop_nothing_is_approved_by_time_out(tenant):
    request = counted(tenant.ask(on_timeout="approve"))
    stops.engage(tenant=tenant.tenant, reason="r", actor=factories.SETUP, now=NOW)
    assert expire(request)
    request.refresh_from_db()
    assert request.status == Status.EXPIRED
