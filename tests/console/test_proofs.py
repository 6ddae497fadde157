"""Checkpoints on the pages: which one signs an entry or a receipt, and the path that proves it."""

import json

import pytest

from approvals.choices import Verdict
from approvals.models import Request
from approvals.services import decisions
from audit.selectors import entries, signed
from audit.services import checkpoints, proofs
from core import clock, signing
from runbookpilot.console import audit_entries
from tests.console import worlds


@pytest.fixture(autouse=True)
def own_keys(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def entry(world):
    return entries.of_stream(f"execution:{world.execution().pk}")[2]


def page(world, query=""):
    return world.page("auditor", f"system/audit/entries/{entry(world).id}{query}").content.decode()


def test_an_entry_that_no_checkpoint_covers_says_when_one_will(world):
    world.receive()
    assert "The next one does, within a minute" in page(world)


def test_an_entry_shows_its_path_to_a_signed_root_that_holds(world):
    world.receive()
    made = checkpoints.make(now=clock.now())
    text = page(world)
    assert made.root in text
    assert "gives that root, and the signature over the root is ours" in text
    assert f"checkpoint {made.number}" in text


def test_a_signature_by_another_key_does_not_hold(world, settings, tmp_path):
    world.receive()
    checkpoints.make(now=clock.now())
    settings.DATA_DIR = tmp_path / "other"
    assert "does not hold" in page(world)


def test_over_many_entries_the_path_is_computed_only_for_who_asks(world, monkeypatch):
    world.receive()
    made = checkpoints.make(now=clock.now())
    monkeypatch.setattr(audit_entries, "AT_ONCE", 0)
    assert made.root not in page(world)
    assert made.root in page(world, "?proof=1")


def test_the_proof_is_downloaded_and_that_is_recorded(world):
    world.receive()
    checkpoints.make(now=clock.now())
    response = world.as_("auditor").post(f"/admin/system/audit/entries/{entry(world).id}/proof")
    assert proofs.holds(json.loads(response.content), signing.public_keys())
    assert entries.last_of(f"tenant:{world.tenant.pk}").data == {"proof": entry(world).hash}


def test_the_chain_to_an_entry_is_downloaded_in_its_order(world):
    world.receive()
    wanted = entry(world)
    response = world.as_("auditor").post(f"/admin/system/audit/entries/{wanted.id}/chain")
    found = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]
    assert [row["seq"] for row in found] == list(range(1, wanted.seq + 1))
    assert found[-1]["hash"] == wanted.hash


def test_a_proof_of_another_tenants_entry_is_no_page(world):
    world.receive()
    checkpoints.make(now=clock.now())
    stranger = worlds.world("other").as_("auditor")
    assert stranger.post(f"/admin/system/audit/entries/{entry(world).id}/proof").status_code == 404


def isolated(world):
    """The request of a host that was isolated, with its receipt."""
    world.receive()
    row = world.pending()
    for name in ("analyst", "second"):
        decisions.decide(
            request_id=row.pk, verdict=Verdict.APPROVE, digest=row.digest, reason="", actor=world.people[name].actor(), now=clock.now()
        )
    world.drive()
    row.refresh_from_db()
    return row


def test_a_receipt_names_the_checkpoint_that_signs_it(world):
    row = isolated(world)
    assert "the next checkpoint, within a minute" in world.page("lead", f"now/approvals/{row.pk}").content.decode()
    made = checkpoints.make(now=clock.now())
    text = world.page("lead", f"now/approvals/{row.pk}").content.decode()
    assert f"checkpoint {made.number} " in text
    assert "the journal agrees" in text


def test_a_receipt_that_the_journal_does_not_bear_out_says_so(world):
    row = isolated(world)
    receipt = {**row.receipt, "journal": {**row.receipt["journal"], "hash": "0" * 64}}
    Request.objects.filter(pk=row.pk).update(receipt=receipt)
    assert "the journal has another hash" in world.page("lead", f"now/approvals/{row.pk}").content.decode()


def test_what_many_receipts_cost_does_not_grow(world, django_assert_num_queries):
    receipts = [isolated(world).receipt for _ in range(3)]
    checkpoints.make(now=clock.now())
    with django_assert_num_queries(3):
        assert len(signed.of_receipts(receipts)) == 3
