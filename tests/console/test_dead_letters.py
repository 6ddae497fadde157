"""Dead letters as an administrator sees them: what, why, and what can be done about it."""

import pytest

from audit.models import Delivery
from audit.selectors import entries
from tests.console import worlds
from tests.factories import NOW


def letter(world, **more):
    """Something that gave up over an entry of the world's tenant."""
    entry = entries.of_stream(f"tenant:{world.tenant.pk}")[-1]
    handler = "compliance.tasks.capture_evidence"
    return Delivery.objects.create(**{"entry_id": entry.id, "handler": handler, "attempts": 12, "error": "ValueError: <b>no</b>", "dead_at": NOW, **more})


def text(world, name="administrator"):
    return world.page(name, "system/dead-letters").content.decode()


def act(world, name="administrator", **form):
    return world.act(name, "system/dead-letters/act", **form).content.decode()


def test_an_empty_page_says_what_would_stand_there(world):
    assert "Nothing gave up" in text(world)


def test_one_says_what_was_to_be_done_and_why_it_was_not(world):
    letter(world)
    shown = text(world)
    assert "capture evidence, after somebody" in shown
    assert "ValueError: &lt;b&gt;no&lt;/b&gt;" in shown


def test_one_is_sent_again(world):
    row = letter(world)
    assert "Sent again" in act(world, act="send", letter=row.pk)
    row.refresh_from_db()
    assert (row.dead_at, row.attempts) == (None, 0)


def test_all_are_sent_again(world):
    letter(world), letter(world, handler="approvals.tasks.tell_deciders")
    assert "Sent again: 2" in act(world, act="send-all")


def test_one_is_dropped_with_a_reason(world):
    row = letter(world)
    assert "Dropped" in act(world, act="drop", letter=row.pk, reason="a test alert")
    assert not Delivery.objects.filter(pk=row.pk).exists()


def test_nothing_is_dropped_without_one(world):
    row = letter(world)
    assert "needs a reason" in act(world, act="drop", letter=row.pk, reason="")
    assert Delivery.objects.filter(pk=row.pk).exists()


def test_that_of_another_tenant_is_neither_shown_nor_touched(world):
    row, other = letter(world), worlds.world("other")
    assert "Nothing gave up" in text(other)
    assert "no such dead letter" in act(other, act="drop", letter=row.pk, reason="mine")
    assert Delivery.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("role", ["viewer", "analyst", "lead", "compliance_officer", "auditor"])
def test_nobody_else_touches_one(world, role):
    row = letter(world)
    assert world.act(role, "system/dead-letters/act", act="drop", letter=row.pk, reason="x").status_code == 403
    assert Delivery.objects.filter(pk=row.pk).exists()


def test_what_belongs_to_no_tenant_is_for_a_superuser(world):
    Delivery.objects.create(handler="nobody.knows", arguments={}, key="k", attempts=1, error="unknown", dead_at=NOW)
    assert "Nothing gave up" in text(world)
    person = world.people["administrator"]
    type(person).objects.filter(pk=person.pk).update(is_superuser=True)
    assert "knows, by itself" in text(world)
