import pytest

from playbooks_app.spec.catalogue import ActionInfo
from tests.playbooks_app.spec import samples

WIPE = "{id: wipe, action: edr.wipe_host, with: {host: h}"


def test_an_unknown_action_is_refused_with_a_suggestion() -> None:
    found = samples.only(samples.steps("{id: a, action: edr.isolate_hots, with: {host: h}}"), "unknown_action")
    assert found.path == "steps[0].action"
    assert found.hint == "did you mean 'edr.isolate_host'?"


def test_the_action_of_a_rollback_has_to_be_known_too() -> None:
    line = samples.ISOLATE.replace("edr.unisolate_host", "edr.undo")
    assert samples.only(samples.steps(line), "unknown_action").path == "steps[0].rollback.action"


def test_the_parameters_of_a_rollback_are_checked() -> None:
    line = "{id: a, action: edr.isolate_host, with: {host: h}, rollback: {action: edr.unisolate_host}}"
    assert samples.only(samples.steps(line), "missing_parameter").path == "steps[0].rollback.with.host"


def test_a_write_without_a_rollback_is_a_warning_that_names_its_undo() -> None:
    found = samples.only(samples.steps("{id: a, action: edr.isolate_host, with: {host: h}}"), "no_rollback")
    assert found.severity == "warning"
    assert found.hint == "its undo is edr.unisolate_host"


def test_a_write_without_a_known_undo_is_a_warning() -> None:
    found = samples.only(samples.steps("{id: a, action: edr.unisolate_host, with: {host: h}}"), "no_rollback")
    assert found.hint == ""


def test_a_write_that_cannot_be_undone_is_a_warning() -> None:
    assert samples.only(samples.steps(f"{WIPE}}}"), "no_rollback").message == "the step 'wipe' cannot be undone"


@pytest.mark.parametrize(
    "line",
    [
        samples.ISOLATE,
        "{id: a, action: asset.lookup, with: {host: h}}",
        "{id: a, action: notify.send_slack_message, with: {text: x}}",
        "{id: a, kind: manual}",
    ],
)
def test_reads_notifications_and_writes_with_a_rollback_are_fine(line: str) -> None:
    assert samples.steps(line).problems == ()


def test_what_declares_no_effect_counts_as_irreversible() -> None:
    info = ActionInfo("a.b")
    assert info.effect == "irreversible"
    assert info.is_write


@pytest.mark.parametrize(("policy", "reason"), [("four_eyes: true", "four eyes"), ("quorum: 2", "a quorum of 2")])
def test_the_policy_may_not_approve_by_itself_what_needs_people(policy: str, reason: str) -> None:
    loaded = samples.steps(samples.ISOLATE, more=f"approval_policy: {{on_timeout: approve, {policy}}}\n")
    found = samples.only(loaded, "unattended_approval")
    assert found.message == f"on_timeout: approve does not go with {reason}"
    assert found.path == "approval_policy.on_timeout"


@pytest.mark.parametrize(("policy", "reason"), [("four_eyes: true", "four eyes"), ("quorum: 2", "a quorum of 2")])
def test_a_step_may_not_add_such_a_demand_to_the_policy(policy: str, reason: str) -> None:
    line = f"{samples.ISOLATE[:-1]}, approval: {{{policy}}}}}"
    found = samples.only(samples.steps(line, more="approval_policy: {on_timeout: approve}\n"), "unattended_approval")
    assert found.path == "steps[0].approval"
    assert reason in found.message


def test_a_demand_of_the_policy_is_not_told_again_for_each_step() -> None:
    line = f"{samples.ISOLATE[:-1]}, approval: {{quorum: 2}}}}"
    loaded = samples.steps(line, more="approval_policy: {on_timeout: approve, four_eyes: true}\n")
    assert [problem.path for problem in loaded.errors] == ["approval_policy.on_timeout", "steps[0].approval"]


def test_a_step_may_not_lift_the_policys_demand_for_people() -> None:
    line = f"{samples.ISOLATE[:-1]}, approval: {{on_timeout: approve}}}}"
    found = samples.only(samples.steps(line, more="approval_policy: {four_eyes: true}\n"), "unattended_approval")
    assert found.path == "steps[0].approval.on_timeout"


def test_an_irreversible_write_is_never_approved_by_itself() -> None:
    found = samples.only(samples.steps(f"{WIPE}}}", more="approval_policy: {on_timeout: approve}\n"), "unattended_approval")
    assert found.path == "steps[0].action"
    assert "edr.wipe_host, which cannot be undone" in found.message


def test_a_step_may_ask_for_care_where_the_policy_does_not() -> None:
    loaded = samples.steps(f"{WIPE}, approval: {{on_timeout: halt}}}}", more="approval_policy: {on_timeout: approve}\n")
    assert samples.codes(loaded) == ["no_rollback"]


def test_a_reversible_write_may_be_approved_by_itself() -> None:
    assert samples.steps(samples.ISOLATE, more="approval_policy: {on_timeout: approve}\n").problems == ()


def test_only_actions_are_approved() -> None:
    assert samples.steps("{id: a, kind: manual}", more="approval_policy: {on_timeout: approve}\n").problems == ()
