"""The page of an execution: where is it, why, and what people do with it."""

import pytest

from adapters.models import AdapterInstance, MockCall, MockScript
from approvals.choices import Verdict
from approvals.services import decisions
from core import clock
from playbooks_app.models import Execution, Playbook, StepRun
from playbooks_app.services import runner


def path(world):
    return f"now/executions/{world.execution().pk}"


def path_of(row):
    return f"now/executions/{row.pk}"


def act(world, name="analyst", **form):
    return world.act(name, f"{path(world)}/act", **form).content.decode()


def step(world, step_id):
    return world.execution().steps.get(step_id=step_id)


def isolated(world):
    """An execution that isolated a host with the consent of two people."""
    world.receive()
    row = world.pending()
    for name in ("analyst", "second"):
        decisions.decide(
            request_id=row.pk, verdict=Verdict.APPROVE, digest=row.digest, reason="", actor=world.people[name].actor(), now=clock.now()
        )
    return world.drive()


def test_it_says_where_it_is_and_who_it_waits_for(world):
    world.receive()
    text = world.page("analyst", path(world)).content.decode()
    assert "awaiting approval" in text
    assert "2 of analyst, lead" in text
    assert "capped by the playbook" in text


def test_a_step_can_be_looked_at_by_its_address(world):
    world.receive()
    assert "wmiprvse.exe" in world.page("analyst", f"{path(world)}?step=tree").content.decode()


def test_the_timeline_can_be_narrowed(world):
    world.receive()
    narrowed = world.page("analyst", f"{path(world)}?tab=timeline&show=approvals").content.decode()
    assert "requested approval" in narrowed
    assert "enriched and planned" not in narrowed


def test_a_step_by_hand_is_done_with_its_output(world):
    world.receive("T1003.001")
    act(world, act="done", step="tree", output="suspicious: true\ncount: 3\nnote: seen it", reason="looked")
    assert step(world, "tree").output == {"suspicious": True, "count": 3, "note": "seen it"}
    assert step(world, "tree").mode == "manual"


def test_an_output_that_is_no_list_of_names_and_values_is_explained(world):
    world.receive("T1003.001")
    assert "one `name: value` a line" in act(world, act="done", step="tree", output="nothing to see")
    assert step(world, "tree").status == "awaiting_input"


def test_a_decision_is_chosen(world):
    world.receive("T1003.001")
    act(world, act="done", step="tree")
    runner.advance(world.execution().pk)
    assert "Was the access to LSASS an attack?" in world.page("analyst", path(world)).content.decode()
    act(world, act="choose", step="malicious", branch="benign")
    assert step(world, "malicious").decision == "benign"


def test_rolling_back_says_exactly_what_would_be_undone(world):
    isolated(world)
    text = world.page("analyst", path(world)).content.decode().split('id="rollback"')[1]
    assert "edr.unisolate_host" in text
    assert "Tell the team" in text.split("It leaves")[1]


def test_rolling_back_undoes(world):
    isolated(world)
    assert "It is being rolled back." in act(world, act="rollback", reason="false alarm")
    world.drive()
    assert MockCall.objects.filter(action="edr.unisolate_host", target="ws-7").count() == 1


def test_pausing_and_resuming(world):
    world.receive()
    assert "It pauses" in act(world, act="pause", reason="change freeze")
    assert "change freeze" in world.page("viewer", path(world)).content.decode()
    assert "It goes on" in act(world, act="resume", reason="over")


def test_one_that_was_paused_with_the_execution_above_is_resumed_there(world):
    world.receive()
    row = world.execution()
    above = Execution.objects.create(
        tenant=row.tenant, environment=row.environment, version=row.version, title="Above", level="L1", started_at=clock.now(), created_at=clock.now()
    )
    starter = StepRun.objects.create(tenant=row.tenant, execution=above, step_id="sub", position=0, kind="playbook", created_at=clock.now())
    paused = {"by": "Ada", "reason": "freeze", "at": clock.iso(clock.now()), "above": True}
    Execution.objects.filter(pk=row.pk).update(parent_step=starter, control={"pause": paused})
    text = world.page("analyst", path_of(row)).content.decode()
    assert [name for name in ("pause", "resume", "cancel") if f'data-dialog="{name}"' in text] == ["cancel"]
    assert "goes on with <a" in text


def test_cancelling(world):
    world.receive()
    act(world, act="cancel", reason="no")
    assert world.drive().status == "cancelled"


def test_a_note_stays(world):
    world.receive()
    assert "called the owner" in act(world, act="note", reason="called the owner")


@pytest.mark.parametrize("name", ["cancel", "rollback", "done", "note", "pause"])
def test_a_viewer_may_look_and_not_act(world, name):
    world.receive()
    assert "You may not do this" in act(world, "viewer", act=name, reason="x", step="tree")


def test_an_act_that_is_none_is_refused(world):
    world.receive()
    assert "There is no such action" in act(world, act="destroy")


def test_the_parts_of_the_page_have_addresses(world):
    isolated(world)
    pages = {tab: world.page("analyst", f"{path(world)}?tab={tab}").content.decode() for tab in ("flow", "timeline", "evidence", "notes")}
    assert "<svg" in pages["flow"]
    assert "enriched and planned" in pages["timeline"]
    assert "the journal agrees" in pages["evidence"]
    assert "No note yet" in pages["notes"]


def test_the_evidence_of_a_run_that_asked_nothing_says_so(world):
    world.receive("T1003.001")
    text = world.page("analyst", f"{path(world)}?tab=evidence").content.decode()
    assert "Nothing in it needed a decision" in text


def test_simulated_steps_are_hatched_and_say_so(world):
    world.receive("T1071.001")
    text = world.page("analyst", f"{path(world)}?step=block").content.decode()
    assert "rp-hatched" in text
    assert "Predicted by a dry run: nothing was sent." in text


def test_an_error_says_what_to_do(world):
    edr = AdapterInstance.objects.get(tenant=world.tenant, name="mock-edr")
    MockScript.objects.create(instance=edr, action="edr.get_process_tree", error="auth")
    world.receive()
    text = world.page("analyst", f"{path(world)}?step=tree").content.decode()
    assert "What to do:" in text


def test_a_drill_says_so_in_the_frame(world):
    world.receive()
    world.act("analyst", "now/executions/start", playbook=world.execution().version.playbook_id, drill="1")
    assert "rp-writes-drill" in world.page("analyst", path(world)).content.decode()


def test_a_playbook_is_started_on_an_alert(world):
    alert = world.receive("T1083")
    playbook = Playbook.objects.get(tenant=world.tenant, slug="wmi-lateral-movement")
    world.act("analyst", "now/executions/start", playbook=playbook.pk, alert=alert.pk)
    assert world.execution().alert == alert
    assert world.execution().started_by == "acme-analyst"


@pytest.fixture
def given_up(world):
    world.receive()
    Execution.objects.filter(pk=world.execution().pk).update(given_up_at=clock.now(), losses=5, status="awaiting_input")
    return world


def test_of_one_that_was_given_up_only_what_is_not_refused_is_offered(given_up):
    text = given_up.page("analyst", path(given_up)).content.decode()
    assert [name for name in ("pause", "resume", "cancel", "rollback", "abandon", "note") if f'data-dialog="{name}"' in text] == ["abandon", "note"]


def test_one_that_was_given_up_is_abandoned(given_up):
    assert "It was abandoned." in act(given_up, act="abandon", reason="nobody needs it")
    assert given_up.execution().status == "abandoned"


@pytest.mark.parametrize(("name", "offered"), [("viewer", False), ("analyst", False), ("administrator", True)])
def test_dead_letters_are_offered_to_those_who_may_see_them(given_up, name, offered):
    text = given_up.page(name, path(given_up)).content.decode()
    assert ('system/dead-letters">send its dead letter again' in text) is offered
    assert ("an administrator sends its dead letter again" in text) is not offered
