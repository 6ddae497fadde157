"""Approvals over REST: what is shown, decided, refused; several at once."""

import threading

import pytest
from django.db import connections
from django.test import Client

from approvals.choices import Status
from approvals.models import Decision, Request
from audit.services import verify
from core import ids
from tests import factories
from tests.approvals import worlds
from tests.approvals.worlds import votes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_time(monkeypatch):
    monkeypatch.setattr("accounts.api.views.clock.now", lambda: factories.NOW)


def ask(method, path, user, body=None, **headers):
    given = {"Authorization": f"Token {factories.token(user)}", **headers}
    client = Client(raise_request_exception=False)
    if method == "get":
        return client.get(f"/api/v1/approvals{path}", headers=given)
    return client.post(f"/api/v1/approvals{path}", body or {}, content_type="application/json", headers=given)


def send(request, verb, user, digest="", **more):
    return ask("post", f"/{request.pk}/{verb}", user, {"digest": digest or request.digest, "reason": "Seen.", **more})


def test_what_is_pending_is_listed_with_what_is_asked(tenant):
    request = tenant.ask()
    (row,) = ask("get", "?status=pending", tenant.vic).json()["results"]
    assert (row["id"], row["digest"], row["params"]) == (str(request.pk), request.digest, {"host": "ws-7"})
    assert row["impact"]["summary"] == "One host goes offline."


@pytest.mark.parametrize(("verb", "status"), [("approve", "approved"), ("reject", "rejected")])
def test_a_decision_is_answered_with_the_item(tenant, verb, status):
    answer = send(tenant.ask(), verb, tenant.ann)
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    (decision,) = answer.json()["decisions"]
    assert (decision["by"], decision["verdict"], decision["reason"]) == ("acme-ann", verb, "Seen.")


def test_another_digest_is_answered_with_the_present_one(tenant):
    request = tenant.ask()
    answer = send(request, "approve", tenant.ann, digest="0" * 64)
    assert (answer.status_code, answer.json()["code"], answer.json()["fields"]["digest"]) == (409, "stale", request.digest)


@pytest.mark.parametrize("digest", ["", "x", "0" * 65, None, 7])
def test_a_digest_that_is_none_is_said(tenant, digest):
    answer = ask("post", f"/{tenant.ask().pk}/approve", tenant.ann, {"digest": digest})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["digest"])


def test_who_may_not_decide_is_told_the_rule(tenant):
    answer = send(tenant.ask("lead"), "approve", tenant.ann)
    assert (answer.status_code, "asked of: lead" in answer.json()["detail"]) == (403, True)


def test_who_started_it_is_told_of_four_eyes(tenant):
    answer = send(tenant.ask(four_eyes=True, excluded_user_ids=[tenant.ann.pk]), "approve", tenant.ann)
    assert (answer.status_code, "four eyes" in answer.json()["detail"]) == (403, True)


def test_what_is_decided_is_a_conflict(tenant):
    request = tenant.ask()
    send(request, "approve", tenant.ann)
    answer = send(request, "reject", tenant.bob)
    assert (answer.status_code, answer.json()["code"], answer.json()["fields"]) == (409, "not_pending", {"status": "approved"})


def test_a_rejection_without_a_reason_is_refused(tenant):
    answer = send(tenant.ask(), "reject", tenant.ann, reason=" ")
    assert (answer.status_code, answer.json()["code"]) == (400, "reason_needed")


def test_a_claim_and_giving_it_back_show_who(tenant):
    request = tenant.ask()
    names = [ask("post", f"/{request.pk}/{verb}", tenant.ann).json()["claimed_by"] for verb in ("claim", "release")]
    assert names == ["acme-ann", None]


def test_several_are_decided_each_with_its_result(tenant):
    good, stale, decided, foreign = tenant.ask(), tenant.ask(), tenant.ask(), worlds.world("other").ask()
    send(decided, "reject", tenant.bob)
    items = [
        {"id": str(good.pk), "digest": good.digest},
        {"id": str(stale.pk), "digest": "0" * 64},
        {"id": str(decided.pk), "digest": decided.digest},
        {"id": str(foreign.pk), "digest": foreign.digest},
        {"id": str(ids.new()), "digest": good.digest},
        {"id": str(good.pk), "digest": good.digest},
    ]
    answer = ask("post", "/bulk", tenant.ann, {"verdict": "approve", "items": items})
    found = [row.get("status") or row["error"]["code"] for row in answer.json()["results"]]
    assert found == ["approved", "stale", "not_pending", "not_found", "not_found", "not_pending"]
    assert [row["id"] for row in answer.json()["results"]] == [item["id"] for item in items]
    assert (votes(good), votes(stale), votes(foreign)) == ([("acme-ann", "approve")], [], [])


@pytest.mark.parametrize("items", [[], [{"id": "x", "digest": "0" * 64}], [{"id": str(ids.new()), "digest": "0" * 64}] * 101, 7])
def test_a_bulk_that_is_none_is_said(tenant, items):
    answer = ask("post", "/bulk", tenant.ann, {"verdict": "approve", "items": items})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["items"])


def together(*calls):
    """Make these calls at the same moment, each in a thread with its own connection; return the statuses, sorted."""
    gate, answers = threading.Barrier(len(calls)), []

    def side(call):
        try:
            gate.wait(20)
            answers.append(call().status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=side, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return sorted(answers)


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    @pytest.fixture
    def tenant(self, settings):
        settings.TASK_BACKEND = "core.tasks.drop"
        return worlds.world("acme")

    def test_one_of_two_approvals_takes_effect(self, tenant):
        request = tenant.ask()
        answers = together(*[lambda who=who: send(request, "approve", who) for who in (tenant.ann, tenant.bob, tenant.cyd)])
        assert (answers, len(votes(request))) == ([200, 409, 409], 1)
        assert verify.run().ok

    def test_an_approval_and_a_rejection_do_not_both_take_effect(self, tenant):
        request = tenant.ask()
        answers = together(lambda: send(request, "approve", tenant.ann), lambda: send(request, "reject", tenant.bob))
        assert answers == [200, 409]
        ((_, verdict),) = votes(request)
        assert Request.objects.get().status == {"approve": Status.APPROVED, "reject": Status.REJECTED}[verdict]

    def test_a_quorum_is_reached_once(self, tenant):
        request = tenant.ask(quorum=2)
        answers = together(*[lambda who=who: send(request, "approve", who) for who in (tenant.ann, tenant.bob, tenant.cyd)])
        assert (answers, len(votes(request))) == ([200, 200, 409], 2)
        assert worlds.kinds(request).count("approval:decided") == 1

    def test_one_person_s_two_windows_count_once(self, tenant):
        request = tenant.ask(quorum=2)
        answers = together(*[lambda: send(request, "approve", tenant.ann)] * 4)
        assert answers == [200, 403, 403, 403]
        assert Decision.objects.count() == 1

    def test_several_in_bulk_are_each_decided_once(self, tenant):
        rows = [tenant.ask() for _ in range(5)]
        items = [{"id": str(row.pk), "digest": row.digest} for row in rows]
        turned = {"verdict": "approve", "items": items[::-1]}
        calls = [
            lambda: ask("post", "/bulk", tenant.ann, {"verdict": "approve", "items": items}),
            lambda: ask("post", "/bulk", tenant.bob, turned),
        ]
        assert together(*calls) == [200, 200]
        assert [len(votes(row)) for row in rows] == [1] * 5

    def test_one_claim_holds(self, tenant):
        request = tenant.ask()
        answers = together(*[lambda who=who: ask("post", f"/{request.pk}/claim", who) for who in (tenant.ann, tenant.bob)])
        assert answers == [200, 409]
