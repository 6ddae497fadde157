"""What people decide, and what keeps them from it."""

import dataclasses

import pytest

from accounts.models import Membership, User
from accounts.services import stops
from approvals.choices import Status
from approvals.models import Decision
from approvals.selectors import queue
from approvals.services import decisions, requests
from core import ids
from tests.approvals.worlds import ENGINE, TTL, decide, kinds, votes, world
from tests.factories import NOW


def test_one_approval_is_enough_where_one_is_asked_for(tenant):
    request = decide(tenant.ask(), tenant.ann)
    assert (request.status, request.decided_at) == (Status.APPROVED, NOW)


def test_a_decision_keeps_who_as_what_and_what_they_saw(tenant):
    request = decide(tenant.ask(), tenant.ann, reason="  Known bad.  ")
    row = Decision.objects.get(request=request)
    assert (row.username, row.role, row.reason, row.digest) == ("acme-ann", "analyst", "Known bad.", request.digest)


def test_a_vote_and_its_effect_are_both_journaled(tenant):
    assert kinds(decide(tenant.ask(), tenant.ann)) == ["approval:requested", "approval:voted", "approval:decided"]


def test_a_quorum_waits_for_the_last_person(tenant):
    request = tenant.ask(quorum=3)
    states = [decide(request, person).status for person in (tenant.ann, tenant.bob, tenant.cyd)]
    assert states == [Status.PENDING, Status.PENDING, Status.APPROVED]


def test_a_vote_short_of_the_quorum_decides_nothing(tenant):
    request = decide(tenant.ask(quorum=2), tenant.ann)
    assert (request.decided_at, kinds(request)) == (None, ["approval:requested", "approval:voted"])


def test_nobody_counts_twice(tenant):
    request = decide(tenant.ask(quorum=2), tenant.ann)
    with pytest.raises(requests.MayNotDecide, match="decided already"):
        decide(request, tenant.ann)


def test_one_rejection_rejects_whatever_the_quorum(tenant):
    request = tenant.ask(quorum=3)
    decide(request, tenant.ann)
    assert decide(request, tenant.bob, "reject").status == Status.REJECTED


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_rejection_needs_a_reason(tenant, reason):
    request = tenant.ask()
    with pytest.raises(decisions.ReasonNeeded):
        decide(request, tenant.ann, "reject", reason=reason)
    assert votes(request) == []


def test_an_approval_needs_none(tenant):
    assert decide(tenant.ask(), tenant.ann, reason="").status == Status.APPROVED


def test_what_was_not_shown_is_not_decided(tenant):
    request = tenant.ask()
    with pytest.raises(decisions.Stale) as refusal:
        decide(request, tenant.ann, digest="0" * 64)
    assert refusal.value.fields == {"digest": request.digest, "sent": "0" * 64}
    assert votes(request) == []


@pytest.mark.parametrize("first", ["approve", "reject"])
def test_what_is_decided_is_not_decided_again(tenant, first):
    request = decide(tenant.ask(), tenant.ann, first)
    with pytest.raises(requests.NotPending) as refusal:
        decide(request, tenant.bob)
    assert refusal.value.fields == {"status": request.status}


def test_what_was_withdrawn_is_not_decided(tenant):
    request = tenant.ask()
    requests.withdraw(request_id=request.pk, reason="Cancelled.", actor=ENGINE, now=NOW)
    with pytest.raises(requests.NotPending, match="withdrawn already"):
        decide(request, tenant.ann)


def test_what_has_run_out_is_not_decided_though_nobody_has_noticed_yet(tenant):
    with pytest.raises(requests.NotPending, match="run out"):
        decide(tenant.ask(), tenant.ann, now=NOW + TTL)


def test_a_request_that_is_none_is_not_decided(tenant):
    request = tenant.ask()
    with pytest.raises(requests.NoSuchRequest):
        decisions.decide(
            request_id=ids.new(), verdict="approve", digest=request.digest, reason="", actor=tenant.ann.actor(), now=NOW
        )


def test_a_viewer_is_told_who_is_asked(tenant):
    with pytest.raises(requests.MayNotDecide, match="asked of: analyst"):
        decide(tenant.ask(), tenant.vic)


def test_what_is_asked_of_leads_is_not_for_analysts(tenant):
    with pytest.raises(requests.MayNotDecide, match="asked of: lead"):
        decide(tenant.ask("lead"), tenant.ann)


def test_a_lead_decides_as_the_first_role_that_they_have(tenant):
    request = decide(tenant.ask("lead", "analyst"), tenant.lea)
    assert Decision.objects.get(request=request).role == "lead"


def test_a_role_that_is_none_lets_nobody_in(tenant):
    with pytest.raises(requests.MayNotDecide, match="asked of: emperor"):
        decide(tenant.ask("emperor"), tenant.lea)


def test_who_started_it_needs_somebody_else(tenant):
    request = tenant.ask(four_eyes=True, excluded_user_ids=[tenant.ann.pk])
    with pytest.raises(requests.MayNotDecide, match="four eyes"):
        decide(request, tenant.ann)
    assert decide(request, tenant.bob).status == Status.APPROVED


def test_who_started_it_may_where_four_eyes_are_not_asked_for(tenant):
    assert decide(tenant.ask(excluded_user_ids=[tenant.ann.pk]), tenant.ann).status == Status.APPROVED


def test_a_service_account_decides_nothing(tenant):
    request = tenant.ask()
    assert queue.obstacle(request=request, user=tenant.bot).startswith("Only people decide")
    with pytest.raises(requests.MayNotDecide, match="Only people"):
        decide(request, tenant.bot)


def test_a_service_account_does_not_pass_as_a_person(tenant):
    actor = dataclasses.replace(tenant.bot.actor(), kind="user")
    with pytest.raises(requests.MayNotDecide, match="service account"):
        decide(tenant.ask(), tenant.bot, actor=actor)


def test_the_system_decides_nothing(tenant):
    with pytest.raises(requests.MayNotDecide, match="Only people"):
        decide(tenant.ask(), tenant.ann, actor=ENGINE)


def test_who_left_decides_nothing(tenant):
    actor = tenant.ann.actor()
    tenant.ann.is_active = False
    tenant.ann.save()
    with pytest.raises(requests.MayNotDecide, match="Only people"):
        decide(tenant.ask(), tenant.ann, actor=actor)


def test_another_tenant_s_analyst_decides_nothing_here(tenant):
    with pytest.raises(requests.MayNotDecide):
        decide(tenant.ask(), world("other").ann)


def test_a_token_without_the_scope_decides_nothing(tenant):
    actor = dataclasses.replace(tenant.ann.actor(), token_scopes=("view_records",))
    with pytest.raises(requests.MayNotDecide):
        decide(tenant.ask(), tenant.ann, actor=actor)


def test_a_token_with_the_scope_decides(tenant):
    actor = dataclasses.replace(tenant.ann.actor(), token_scopes=("decide_as_analyst",))
    assert decide(tenant.ask(), tenant.ann, actor=actor).status == Status.APPROVED


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_while_a_stop_stands_nothing_is_decided(tenant, verdict):
    stops.engage(tenant=tenant.tenant, reason="Look first.", actor=tenant.lea.actor(), now=NOW)
    with pytest.raises(requests.MayNotDecide, match="emergency stop"):
        decide(tenant.ask(), tenant.ann, verdict)


def test_the_vote_of_somebody_who_was_let_go_meanwhile_does_not_count(tenant):
    request = tenant.ask(quorum=2)
    decide(request, tenant.ann)
    User.objects.filter(pk=tenant.ann.pk).update(is_active=False)
    Membership.objects.filter(user=tenant.ann).delete()
    assert decide(request, tenant.bob).status == "pending"
