"""The queue and the page of one request: deciding, bulk, claim, filters, what one may not and why."""

import pytest

from accounts.services import stops
from approvals.models import Request
from core import clock
from playbooks_app.services import executions
from tests.console import worlds
from tests.factories import SETUP


def item(row):
    return f"{row.pk}:{row.digest}"


def decide(world, name, verdict, row=None, **more):
    row = row or world.pending()
    return world.act(name, f"now/approvals/{row.pk}/decide", verdict=verdict, digest=row.digest, **more)


def test_one_of_two_approvals_counts_and_says_who_is_missing(world):
    world.receive()
    text = decide(world, "analyst", "approve").content.decode()
    assert "it needs 1 more person" in text
    assert world.pending().decisions.count() == 1


def test_the_second_approval_approves(world):
    world.receive()
    row = world.pending()
    decide(world, "analyst", "approve")
    decide(world, "lead", "approve", row)
    row.refresh_from_db()
    assert row.status == "approved"


def test_a_rejection_without_a_reason_is_refused_in_words(world):
    world.receive()
    assert "A rejection needs a reason" in decide(world, "analyst", "reject").content.decode()
    assert world.pending().status == "pending"


def test_a_stale_digest_decides_nothing(world):
    world.receive()
    row = world.pending()
    text = world.act("analyst", f"now/approvals/{row.pk}/decide", verdict="approve", digest="0" * 64).content.decode()
    assert "no longer what would be done" in text
    assert row.decisions.count() == 0


def test_a_late_click_is_told_why_the_request_was_withdrawn(world):
    world.receive()
    row, lead = world.pending(), world.people["lead"].actor()
    executions.cancel(execution_id=world.execution().pk, reason="false alarm", actor=lead, now=clock.now())
    world.drive()
    text = decide(world, "analyst", "approve", row).content.decode()
    assert "This request is withdrawn already: a person cancelled it." in text


def test_a_viewer_reads_why_they_may_not_decide(world):
    world.receive()
    text = world.page("viewer", f"now/approvals/{world.pending().pk}").content.decode()
    assert "This is asked of: analyst, lead." in text
    assert 'id="approve"' not in text


def test_the_queue_says_which_rows_are_not_for_the_reader(world):
    world.receive()
    assert 'rp-why" title="This is asked of: analyst, lead.' in world.page("viewer", "now/approvals").content.decode()
    assert "rp-why" not in world.page("analyst", "now/approvals").content.decode()


def test_under_an_emergency_stop_nothing_can_be_approved_and_the_pages_say_so(world):
    world.receive()
    stops.engage(tenant=world.tenant, reason="drill", actor=SETUP, now=clock.now())
    text = world.page("analyst", "now/approvals").content.decode()
    assert "An emergency stop stands" in text
    assert "rp-writes-stopped" in text


def test_the_page_shows_before_and_after_risk_undo_and_time_out(world):
    world.receive()
    text = world.page("analyst", f"now/approvals/{world.pending().pk}").content.decode()
    for words in ("← changes", "reversibility", "edr.unisolate_host", "the execution halts; nothing is sent", "one more", "wmiprvse.exe"):
        assert words in text


def test_similar_decisions_name_who_decided_and_why(world):
    world.receive()
    decide(world, "lead", "reject", reason="it is the build farm")
    world.receive()
    assert "it is the build farm" in world.page("analyst", f"now/approvals/{world.pending().pk}").content.decode()


def test_deciding_several_gives_a_result_for_each(world):
    world.receive()
    world.receive("T1071.001", destination={"ip": "203.0.113.7"})
    rows = list(Request.objects.filter(tenant=world.tenant, status="pending"))
    response = world.act("analyst", "now/approvals/decide", verdict="approve", item=[*map(item, rows), "nonsense:0"])
    text = response.content.decode()
    assert text.count("approved; it runs now") == 2
    assert "it needs 1 more person" in text
    assert "is not there, or not for you" in text


def test_results_are_told_once(world):
    world.receive()
    client = world.as_("analyst")
    client.post("/admin/now/approvals/decide", {"verdict": "approve", "item": item(world.pending())})
    assert b"<h2>Results" in client.get("/admin/now/approvals").content
    assert b"<h2>Results" not in client.get("/admin/now/approvals").content


def test_a_page_that_refreshes_itself_does_not_swallow_the_results(world):
    world.receive()
    client = world.as_("analyst")
    client.post("/admin/now/approvals/decide", {"verdict": "approve", "item": item(world.pending())})
    client.get("/admin/now/approvals", headers={"X-Part": "live"})
    assert b"<h2>Results" in client.get("/admin/now/approvals").content


def test_another_tenants_request_is_not_decided_in_bulk(world):
    world.receive()
    row = world.pending()
    other = worlds.world("other")
    assert "not for you" in other.act("analyst", "now/approvals/decide", verdict="approve", item=item(row)).content.decode()
    assert row.decisions.count() == 0


def test_claiming_names_who_looks_at_it_and_releasing_lets_go(world):
    world.receive()
    path = f"now/approvals/{world.pending().pk}/claim"
    told = world.act("analyst", path).content.decode()
    assert ("Claimed by" in told, "given back to all in 15 min" in told) == (True, True)
    assert "acme-analyst claimed this request" in world.act("lead", path).content.decode()
    world.act("analyst", path, release="1")
    assert world.pending().claimed_by is None


def test_filters_narrow_and_count(world):
    world.receive()
    world.receive("T1071.001", destination={"ip": "203.0.113.7"})
    text = world.page("analyst", "now/approvals?kind=real").content.decode()
    assert "Isolate host ws-7" in text
    assert "Block 203.0.113.7" not in text


@pytest.mark.parametrize("query", ["technique=T1071.001", "confidence=low", "q=203.0.113.7", "risk=low", "age=new&kind=simulated"])
def test_each_filter_leaves_what_fits(world, query):
    world.receive()
    world.receive("T1071.001", destination={"ip": "203.0.113.7"}, **{"x-detectforge": {"confidence": 0.2}})
    Request.objects.filter(action="firewall.block_ip").update(risk=2)
    text = world.page("analyst", f"now/approvals?{query}").content.decode()
    assert "Block 203.0.113.7" in text
    assert "Isolate host ws-7" not in text


def test_a_filter_counts_what_it_would_leave_beside_the_others(world):
    world.receive()
    world.receive("T1071.001", destination={"ip": "203.0.113.7"})
    text = world.page("analyst", "now/approvals?kind=simulated").content.decode().split("Playbook</h2>")[1].split("</div>")[0]
    assert "cobalt-strike-c2" in text
    assert "wmi-lateral-movement" not in text


def test_filters_that_fit_nothing_offer_to_clear_them(world):
    world.receive()
    assert "Clear the filters" in world.page("analyst", "now/approvals?playbook=none").content.decode()


def test_a_page_drawn_before_a_vote_is_told_what_happened(world):
    world.receive()
    row = world.pending()
    before = world.page("lead", f"now/approvals/{row.pk}").content.decode()
    decide(world, "analyst", "approve")
    after = world.page("lead", f"now/approvals/{row.pk}").content.decode()
    assert before.split('data-stand="')[1][:40] != after.split('data-stand="')[1][:40]
    assert "acme-analyst approved it at" in after
