"""The dialog that rolls an execution back: all that it would undo, here and below, and what has to be answered first."""

import pytest

from approvals.choices import Verdict
from approvals.services import decisions
from core import clock
from playbooks_app.models import Execution, Playbook, PlaybookVersion, StepRun
from playbooks_app.services import executions
from playbooks_app.spec import loader
from tests import factories


def dialog(world, row):
    text = world.page("analyst", f"now/executions/{row.pk}").content.decode()
    return text.split('id="rollback"')[1].split("</dialog>")[0] if 'data-dialog="rollback"' in text else ""


@pytest.fixture
def isolated(world):
    """An execution that isolated a host with the consent of two people."""
    world.receive()
    row = world.pending()
    for name in ("analyst", "second"):
        decisions.decide(
            request_id=row.pk, verdict=Verdict.APPROVE, digest=row.digest, reason="", actor=world.people[name].actor(), now=clock.now()
        )
    return world.drive()


@pytest.fixture
def above(world, isolated):
    """An execution whose one step has started that one, and completed with it."""
    document = {
        "apiVersion": "runbookpilot/v1", "metadata": {"id": "above", "name": "Above", "version": "1.0.0"}, "level": "L1",
        "steps": [{"id": "sub", "name": "Contain it", "kind": "playbook", "playbook": isolated.version.playbook.slug}],
    }  # fmt: skip
    playbook = Playbook.objects.create(tenant=world.tenant, slug="above", name="Above")
    version = PlaybookVersion.objects.create(
        tenant=world.tenant, playbook=playbook, number="1.0.0", source="", document=document, digest=loader.digest_of(document),
        level="L1", status="active",
    )  # fmt: skip
    row = executions.start(
        tenant=world.tenant, environment=factories.environment(world.tenant), version=version, actor=factories.SETUP, now=clock.now()
    )
    StepRun.objects.filter(execution=row).update(status="completed", mode="real", completed_at=clock.now())
    Execution.objects.filter(pk=row.pk).update(status="completed")
    Execution.objects.filter(pk=isolated.pk).update(status="completed", parent_step=row.steps.get(), depth=1)
    return row


def test_it_names_what_an_execution_below_did(world, above, isolated):
    text = dialog(world, above)
    assert f'what <a href="/admin/now/executions/{isolated.pk}">' in text
    assert "Contain it" in text


def test_what_was_undone_below_is_not_offered_again(world, above, isolated):
    Execution.objects.filter(pk=isolated.pk).update(status="rolled_back")
    assert dialog(world, above) == ""


def test_what_is_in_doubt_is_to_be_answered_first(world, isolated):
    StepRun.objects.filter(execution=isolated, action="edr.isolate_host").update(status="uncertain")
    text = dialog(world, isolated)
    assert "Before anything is undone, somebody says what happened to" in text
    assert "edr.unisolate_host" not in text


def test_one_that_is_rolled_back_can_be_abandoned_and_neither_paused_nor_cancelled(world, isolated):
    Execution.objects.filter(pk=isolated.pk).update(status="rolling_back")
    text = world.page("analyst", f"now/executions/{isolated.pk}").content.decode()
    offered = [name for name in ("pause", "resume", "cancel", "rollback", "abandon", "note") if f'data-dialog="{name}"' in text]
    assert offered == ["abandon", "note"]
