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


def act(verb, request, user=None, **given):
    return getattr(requests, verb)(request_id=request.pk, actor=user.actor() if user else ENGINE, now=NOW, **given)


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
    act("claim", tenant.ask(), tenant.ann)
    back = NOW - dt.timedelta(hours=5)
    requests.redate_all(actor=CLOCK, now=back)
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
    request = tenant.ask(on_timeout=rule)
    assert requests.expire(request_id=request.pk, actor=CLOCK, now=LATE)
    request.refresh_from_db()
    assert (request.status, request.decided_by_timeout, kinds(request)[-1]) == (status, True, kind)
    assert Entry.objects.filter(stream=request.stream).latest("seq").data["on_timeout"] == rule


def test_a_time_out_is_nobody_s_decision(tenant):
    request = tenant.ask(on_timeout=OnTimeout.APPROVE)
    requests.expire(request_id=request.pk, actor=CLOCK, now=LATE)
    assert not request.decisions.exists()


def test_what_was_only_rehearsed_is_never_approved_by_time_out(tenant):
    request = tenant.ask(on_timeout=OnTimeout.APPROVE, simulated=True)
    requests.expire(request_id=request.pk, actor=CLOCK, now=LATE)
    request.refresh_from_db()
    assert request.status == Status.EXPIRED


def test_nothing_expires_before_its_time(tenant):
    request = tenant.ask()
    assert not requests.expire(request_id=request.pk, actor=CLOCK, now=LATE - dt.timedelta(microseconds=1))
    assert kinds(request) == ["approval:requested"]


def test_what_is_decided_does_not_expire(tenant):
    request = decide(tenant.ask(), tenant.ann)
    assert not requests.expire(request_id=request.pk, actor=CLOCK, now=LATE)


def test_everything_due_expires_and_nothing_else(tenant):
    due = [tenant.ask(), tenant.ask()]
    decided, later = decide(tenant.ask(), tenant.ann), tenant.ask()
    Request.objects.filter(pk=later.pk).update(expires_at=LATE + TTL)
    assert requests.expire_due(actor=CLOCK, now=LATE) == 2
    assert set(Request.objects.filter(status=Status.EXPIRED)) == set(due)
    assert Request.objects.get(pk=decided.pk).status == Status.APPROVED


def test_expiring_again_expires_nothing(tenant):
    tenant.ask()
    requests.expire_due(actor=CLOCK, now=LATE)
    assert requests.expire_due(actor=CLOCK, now=LATE) == 0


def test_a_clock_that_is_set_back_gives_a_request_its_whole_time_once_more_and_no_more(tenant):
    request, back = tenant.ask(), NOW - 5 * TTL
    assert requests.redate_all(actor=CLOCK, now=back) == 1
    assert requests.redate_all(actor=CLOCK, now=back) == 0
    request.refresh_from_db()
    assert (request.expires_at, request.escalates_at) == (back + TTL, back + TTL / 2)
    assert kinds(request) == ["approval:requested", "approval:redated"]
    assert requests.expire_due(actor=CLOCK, now=back + TTL) == 1


def test_the_time_of_a_request_is_left_alone_where_no_clock_was_set_back(tenant):
    request = tenant.ask()
    assert requests.redate_all(actor=CLOCK, now=NOW) == 0
    assert Request.objects.get(pk=request.pk).expires_at == request.expires_at


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
    request = tenant.ask(on_timeout="approve")
    stops.engage(tenant=tenant.tenant, reason="r", actor=factories.SETUP, now=NOW)
    requests.expire(request_id=request.pk, actor=ENGINE, now=NOW + TTL)
    request.refresh_from_db()
    assert request.status == Status.EXPIRED
