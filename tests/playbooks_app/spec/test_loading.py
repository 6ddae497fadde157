import datetime as dt
import hashlib

import pytest

from core import canonical
from playbooks_app.spec import limits, loader
from playbooks_app.spec.schema import ErrorMode, Level, OnTimeout, Role, StepKind
from tests.playbooks_app.spec import samples

MINIMAL = f"{samples.HEAD}steps:\n  - {{id: a, kind: manual}}\n"


def test_the_full_format_loads_without_a_problem() -> None:
    loaded = samples.load(samples.FULL)
    assert loaded.problems == ()
    assert loaded.is_valid


def test_a_playbook_is_there_exactly_if_there_is_no_error() -> None:
    assert samples.load(samples.FULL.replace("quorum: 2", "quorum: two")).playbook is None


def test_warnings_leave_the_playbook_there() -> None:
    loaded = samples.steps("{id: a, action: edr.isolate_host, with: {host: h}}")
    assert [problem.severity for problem in loaded.problems] == ["warning"]
    assert loaded.playbook is not None
    assert loaded.warnings == loaded.problems
    assert loaded.errors == ()


def test_the_source_is_kept_as_written() -> None:
    assert samples.load(samples.FULL).source == samples.FULL


def test_the_digest_is_over_the_meaning_and_not_the_layout() -> None:
    other = MINIMAL.replace("{id: a, kind: manual}", "{kind: manual,   id: 'a'}  # the same")
    assert samples.load(other).digest == samples.load(MINIMAL).digest


def test_the_digest_changes_with_the_meaning() -> None:
    assert samples.load(MINIMAL.replace("id: a,", "id: b,")).digest != samples.load(MINIMAL).digest


def test_the_digest_is_the_sha256_of_the_canonical_form() -> None:
    assert loader.digest_of({"b": 1.0, "a": "é"}) == hashlib.sha256('{"a":"é","b":1}'.encode()).hexdigest()


def test_the_digest_is_the_one_that_the_journal_would_give() -> None:
    loaded = samples.load(samples.FULL)
    assert loaded.digest == canonical.digest(loaded.document)


@pytest.mark.parametrize("source", ["", "- a", "text", "5", "null"])
def test_what_is_no_mapping_is_no_playbook(source: str) -> None:
    loaded = samples.load(source)
    assert samples.codes(loaded) == ["type"]
    assert loaded.document == {}


def test_bytes_load_like_text() -> None:
    assert loader.load(MINIMAL.encode()).digest == loader.load(MINIMAL).digest


def test_the_file_is_named_in_problems() -> None:
    [problem] = loader.load("", filename="library/wmi.yaml").problems
    assert problem.render().startswith("library/wmi.yaml:1:1: ")


def test_without_a_catalogue_nothing_is_said_about_actions() -> None:
    text = f"{samples.HEAD}steps:\n  - {{id: a, action: no.such_thing, with: {{b: 1}}}}\n"
    assert loader.load(text).problems == ()


def test_needs_left_out_are_the_step_before() -> None:
    playbook = samples.steps("{id: a, kind: manual}", "{id: b, kind: manual}", "{id: c, kind: manual, needs: []}").playbook
    assert playbook is not None
    assert [step.needs for step in playbook.steps] == [(), ("a",), ()]


def test_a_step_in_a_branch_needs_its_decision() -> None:
    playbook = samples.steps("{id: d, kind: decision, branches: {yes: [a]}}", "{id: a, kind: manual, needs: []}").playbook
    assert playbook is not None
    assert playbook.step("a").needs == ("d",)


def test_a_step_without_a_level_takes_the_playbooks() -> None:
    playbook = samples.steps("{id: a, kind: manual}", "{id: b, kind: manual, level: L0}").playbook
    assert playbook is not None
    assert [step.level for step in playbook.steps] == [Level.L1, Level.L0]


def test_levels_are_ordered() -> None:
    assert min(Level.L2, Level.L0, Level.L1) == Level.L0
    assert Level.L2 > Level.L1


def test_the_defaults_are_careful() -> None:
    playbook = samples.load(MINIMAL.replace("level: L1\n", "")).playbook
    assert playbook is not None
    policy = playbook.approval_policy
    assert playbook.level == Level.L0
    assert policy.timeout == dt.timedelta(minutes=5)
    assert policy.on_timeout == OnTimeout.HALT
    assert policy.quorum == 1
    assert policy.approvers == (Role.ANALYST,)
    assert playbook.steps[0].on_error == ErrorMode.HALT


def test_a_step_is_an_action_unless_it_says_otherwise() -> None:
    playbook = samples.load(samples.FULL).playbook
    assert playbook is not None
    assert playbook.step("tree").kind == StepKind.ACTION


def test_durations_are_timedeltas() -> None:
    playbook = samples.load(samples.FULL).playbook
    assert playbook is not None
    assert playbook.timeout == dt.timedelta(minutes=30)
    assert playbook.approval_policy.ttl == dt.timedelta(days=1)


def test_a_step_overrides_the_policy_field_by_field() -> None:
    playbook = samples.load(samples.FULL).playbook
    assert playbook is not None
    policy = playbook.policy_for(playbook.step("isolate"))
    assert (policy.quorum, policy.approvers) == (2, (Role.LEAD,))
    assert (policy.four_eyes, policy.timeout) == (True, dt.timedelta(hours=4))


def test_a_step_without_overrides_has_the_playbooks_policy() -> None:
    playbook = samples.load(samples.FULL).playbook
    assert playbook is not None
    assert playbook.policy_for(playbook.step("tree")) == playbook.approval_policy


def test_an_unknown_step_is_no_step() -> None:
    playbook = samples.load(MINIMAL).playbook
    assert playbook is not None
    with pytest.raises(KeyError):
        playbook.step("b")


def test_a_step_is_called_by_its_name_or_its_id() -> None:
    playbook = samples.load(samples.FULL).playbook
    assert playbook is not None
    assert playbook.step("tree").title == "Process tree around the event"
    assert playbook.step("isolate").title == "isolate"


def test_every_part_of_the_format_is_parsed() -> None:
    playbook = samples.load(samples.FULL).playbook
    assert playbook is not None
    sweep, isolate, verdict = playbook.step("sweep"), playbook.step("isolate"), playbook.step("verdict")
    assert (sweep.for_each, sweep.loop_variable, sweep.max_parallel) == ("{{ steps.tree.output.remote_hosts }}", "host", 10)
    assert isolate.condition == "enrichment.asset.criticality != 'crown-jewel'"
    assert isolate.rollback is not None
    assert isolate.rollback.action == "edr.unisolate_host"
    assert verdict.branches == {"malicious": ("isolate", "notify"), "benign": ("notify",)}
    assert playbook.tests[0].expect == {"isolate": "skipped", "notify": "completed"}


def test_a_manual_step_has_a_form() -> None:
    playbook = samples.steps(
        "{id: a, kind: manual, instructions: Call, fields: [{name: reached, type: choice, options: [yes, no]}]}"
    ).playbook
    assert playbook is not None
    assert playbook.steps[0].fields[0].options == ("yes", "no")


def test_a_wait_and_a_child_playbook_are_parsed() -> None:
    playbook = samples.steps(
        "{id: a, kind: wait, duration: 10m}",
        "{id: b, kind: wait, until: steps.a.status == 'completed', every: 1m}",
        "{id: c, kind: playbook, playbook: other-one, with: {host: h}}",
    ).playbook
    assert playbook is not None
    assert playbook.step("a").duration == dt.timedelta(minutes=10)
    assert playbook.step("c").playbook == "other-one"


def test_an_input_with_a_default_need_not_be_given() -> None:
    playbook = samples.steps("{id: a, kind: manual}", more="inputs: {x: {default: 5, type: integer}, y: {}}\n").playbook
    assert playbook is not None
    assert [spec.must_be_given for spec in playbook.inputs.values()] == [False, True]


def test_a_stored_document_becomes_the_same_playbook() -> None:
    loaded = samples.load(samples.FULL)
    assert loader.parse_canonical(loaded.document) == loaded.playbook


def test_a_stored_document_is_parsed_once() -> None:
    loaded = samples.load(samples.FULL)
    first = loader.parse_canonical(loaded.document)
    assert loader.parse_canonical(dict(loaded.document), digest=loaded.digest) is first


@pytest.mark.parametrize("document", [{}, {"apiVersion": "runbookpilot/v1"}, {"a": float("nan")}, {"a": 2**60}, {"a": "\ud800"}])
def test_a_stored_document_that_is_no_playbook_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(loader.InvalidPlaybook):
        loader.parse_canonical(document)


def test_every_problem_is_reported_at_once() -> None:
    text = samples.FULL.replace("version: 1.2.0", "version: 1.2")
    text = text.replace("approval_policy:", "aproval_policy:").replace("edr.isolate_host", "edr.isolate_hots")
    text = text.replace("needs: []", "needs: [sweep]").replace("alert.process.pid", "alrt.process.pid")
    loaded = samples.load(text, allow_unavailable=False)
    assert samples.codes(loaded) == [
        "value", "unknown_key", "unknown_name", "cycle", "unknown_action", "not_available_yet",
    ]  # fmt: skip


def test_problems_stand_in_the_order_of_the_file() -> None:
    loaded = samples.steps("{id: a, kind: manul}", "{id: a, needs: [c]}")
    places = [(problem.line, problem.column) for problem in loaded.problems]
    assert places == sorted(places)


def test_only_so_many_problems_are_reported_and_errors_go_first() -> None:
    keys = "".join(f"x{number}: 1\n" for number in range(limits.PROBLEMS * 2))
    loaded = samples.steps("{id: a, action: edr.isolate_host, with: {host: h}}", more=keys)
    assert len(loaded.problems) == limits.PROBLEMS
    assert not loaded.warnings


def test_a_problem_is_data_too() -> None:
    [problem] = samples.load(f"{MINIMAL}levl: L0\n").problems
    assert problem.to_dict() == {
        "severity": "error",
        "code": "unknown_key",
        "file": "playbook.yaml",
        "line": 6,
        "column": 1,
        "path": "levl",
        "message": "the key 'levl' is unknown",
        "expected": "",
        "hint": "did you mean 'level'?",
    }
