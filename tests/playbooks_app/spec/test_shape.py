import pytest

from tests.playbooks_app.spec import samples

MANUAL = "{id: a, kind: manual}"


def problem(*lines: str, more: str = "") -> str:
    [found] = samples.steps(*lines, more=more).problems
    return found.render().removeprefix("playbook.yaml:")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{id: a, kind: manual, instuctions: x}", "the key 'instuctions' is unknown (did you mean 'instructions'?)"),
        ("{id: a, kind: manual, nedes: []}", "the key 'nedes' is unknown (did you mean 'needs'?)"),
        ("{id: a, kind: manual, untill: x}", "the key 'untill' is unknown"),
        ("{id: a, kind: manual, zzz: 1}", "the key 'zzz' is unknown"),
        ("{id: a, kind: manual, level: L3}", '"L3" does not fit (expected L0, L1 or L2)'),
        (
            "{id: a, kind: manuel}",
            "\"manuel\" does not fit (expected action, manual, decision, wait or playbook; did you mean 'manual'?)",
        ),
        ("{id: a, kind: manual, timeout: 30}", "30 does not fit (expected a duration such as 30s, 5m, 4h or 1d)"),
        ("{id: a, kind: manual, timeout: soon}", '"soon" does not fit (expected a duration such as 30s, 5m, 4h or 1d)'),
        ("{id: a, kind: manual, needs: b}", '"b" does not fit (expected a list)'),
        ("{id: a, kind: manual, name: 5}", "5 does not fit (expected text; put it in quotes)"),
        ("{id: a, kind: manual, needs: {b: 1}}", "a mapping does not fit (expected a list)"),
        ("{id: a, kind: manual, name: null}", "nothing does not fit (expected text)"),
        ("{id: A b, kind: manual}", '"A b" does not fit (expected small letters, digits, - and _, starting with a letter)'),
        ("{kind: manual}", "'id' is missing"),
        ("just text", '"just text" does not fit (expected a mapping)'),
        ("{id: a}", "'action' is missing (expected 'action' in a step of kind action)"),
        ("{id: a, kind: decision}", "'branches' is missing (expected 'branches' in a step of kind decision)"),
        ("{id: a, kind: playbook}", "'playbook' is missing (expected 'playbook' in a step of kind playbook)"),
        ("{id: a, kind: wait}", "a step of kind wait needs duration or until"),
        ("{id: a, kind: manual, question: Why?}", "a step of kind manual has no 'question'"),
        ("{id: a, kind: decision, branches: {}}", "a decision has at least one branch"),
        ("{id: a, kind: playbook, playbook: b, for_each: 5}", "5 does not fit (expected a list or a template)"),
        ("{id: a, kind: manual, action: x}", '"x" does not fit (expected CAPABILITY.ACTION such as edr.isolate_host)'),
    ],
)
def test_a_mistake_in_a_step_is_explained(line: str, said: str) -> None:
    said_of = [found.render() for found in samples.steps(line).problems]
    assert any(sentence.endswith(said) for sentence in said_of), said_of


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("timout: 5m\n", "4:1 timout: the key 'timout' is unknown (did you mean 'timeout'?)"),
        ("approval_policy: {quorum: 0}\n", "4:27 approval_policy.quorum: 0 does not fit (expected at least 1)"),
        ("approval_policy: {quorum: 99}\n", "4:27 approval_policy.quorum: 99 does not fit (expected at most 20)"),
        ("approval_policy: {quorum: 1.5}\n", "4:27 approval_policy.quorum: 1.5 does not fit (expected a whole number)"),
        (
            "approval_policy: {four_eyes: no}\n",
            '4:30 approval_policy.four_eyes: "no" does not fit (expected true or false; write false)',
        ),
        ("approval_policy: {approvers: []}\n", "4:30 approval_policy.approvers: a list does not fit (expected at least 1 item)"),
        (
            "approval_policy: {approvers: [anlyst]}\n",
            "4:31 approval_policy.approvers[0]: \"anlyst\" does not fit (expected analyst, lead, compliance_officer or administrator; did you mean 'analyst'?)",
        ),
        ("approval_policy: {quorm: 2}\n", "4:19 approval_policy.quorm: the key 'quorm' is unknown (did you mean 'quorum'?)"),
        (
            "rollback: {on: [failur]}\n",
            "4:17 rollback.on[0]: \"failur\" does not fit (expected failure, cancel or timeout; did you mean 'failure'?)",
        ),
        (
            "enrich: [asset]\n",
            "4:10 enrich[0]: \"asset\" does not fit (expected geoip, assets, users or threat_intel; did you mean 'assets'?)",
        ),
        ("triggers: [{technique: 1047}]\n", "4:24 triggers[0].technique: 1047 does not fit (expected text; put it in quotes)"),
        (
            "triggers: [{technique: X1}]\n",
            '4:24 triggers[0].technique: "X1" does not fit (expected an ATT&CK technique such as T1047 or T1059.001)',
        ),
        ("inputs: {ticket: {typ: string}}\n", "4:19 inputs.ticket.typ: the key 'typ' is unknown (did you mean 'type'?)"),
        (
            "inputs: {a b: {}}\n",
            '4:10 inputs["a b"]: "a b" does not fit (expected letters, digits, - and _, starting with a letter)',
        ),
        ("inputs: {n: {type: integer, default: x}}\n", "4:38 inputs.n.default: the default does not fit (expected integer)"),
        ("inputs: {n: {type: integer, default: true}}\n", "4:38 inputs.n.default: the default does not fit (expected integer)"),
        ("tests: [{alert: {}}]\n", "4:9 tests[0].name: 'name' is missing"),
        ("outputs: []\n", "4:10 outputs: a list does not fit (expected a mapping)"),
    ],
)
def test_a_mistake_elsewhere_is_explained(more: str, said: str) -> None:
    assert problem(MANUAL, more=more) == said


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("{name: a, type: choice}", "the choice 'a' has no options"),
        ("{name: a, type: text, options: [x]}", "a field of type text has no options"),
        ("{name: a b}", '"a b" does not fit (expected letters, digits, - and _, starting with a letter)'),
    ],
)
def test_a_mistake_in_a_form_is_explained(field: str, said: str) -> None:
    assert problem(f"{{id: a, kind: manual, fields: [{field}]}}").endswith(said)


def test_two_fields_may_not_share_a_name() -> None:
    assert problem("{id: a, kind: manual, fields: [{name: x}, {name: x}]}").endswith("the field 'x' stands twice")


@pytest.mark.parametrize("version", ["1.2", "1", "v1.2.0", "1.2.0.0", "01.2.0"])
def test_a_version_is_semantic(version: str) -> None:
    [found] = samples.load(samples.FULL.replace("1.2.0", version)).problems
    assert found.expected == "a semantic version such as 1.2.0"
    assert found.path == "metadata.version"


def test_a_long_value_is_cut_where_it_is_shown() -> None:
    [found] = samples.steps(f"{{id: a, kind: manual, level: {'x' * 500}}}").problems
    assert "…" in found.message
    assert len(found.message) < 100


@pytest.mark.parametrize("missing", ["apiVersion", "metadata", "steps"])
def test_what_every_playbook_needs_is_asked_for(missing: str) -> None:
    parts = {"apiVersion": "runbookpilot/v1", "metadata": "{id: a, name: A, version: 1.0.0}", "steps": f"[{MANUAL}]"}
    text = "".join(f"{key}: {value}\n" for key, value in parts.items() if key != missing)
    [found] = samples.load(text).problems
    assert (found.code, found.path, found.message) == ("missing", missing, f"{missing!r} is missing")


def test_another_version_of_the_format_is_refused() -> None:
    [found] = samples.load(samples.FULL.replace("runbookpilot/v1", "runbookpilot/v2")).problems
    assert found.expected == "runbookpilot/v1"


def test_a_playbook_has_a_step() -> None:
    [found] = samples.load(f"{samples.HEAD}steps: []\n").problems
    assert found.expected == "at least 1 item"


def test_a_list_of_broken_steps_is_not_called_too_short() -> None:
    loaded = samples.load(f"{samples.HEAD}steps: [1, 2]\n")
    assert [found.path for found in loaded.problems] == ["steps[0]", "steps[1]"]


def test_steps_that_are_no_list_are_refused() -> None:
    [found] = samples.load(f"{samples.HEAD}steps: {{a: 1}}\n").problems
    assert (found.path, found.expected) == ("steps", "a list")


def test_the_rest_of_a_broken_playbook_is_checked_too() -> None:
    loaded = samples.steps("{id: a, kind: manual, levl: L0}", "{id: b, kind: manual, needs: [c]}", more="timeout: 5\n")
    assert samples.codes(loaded) == ["value", "unknown_key", "unknown_step"]


def test_a_step_with_a_broken_id_is_not_called_unknown_as_well() -> None:
    loaded = samples.steps("{id: Bad Id, kind: manual}", "{id: b, kind: manual, needs: [Bad Id]}")
    assert samples.codes(loaded) == ["value"]


def test_a_broken_step_does_not_move_the_others() -> None:
    loaded = samples.steps("5", "{id: b, kind: manual, needs: [c]}")
    assert [found.path for found in loaded.problems] == ["steps[0]", "steps[1].needs[0]"]


def test_a_kind_that_is_no_text_is_refused_once() -> None:
    assert samples.codes(samples.steps("{id: a, kind: [x]}")) == ["value"]


def test_two_broken_items_of_one_list_are_both_told() -> None:
    loaded = samples.steps(MANUAL, more="enrich: [x, y]\ntriggers: [{source: x}, 5]\n")
    assert [found.path for found in loaded.problems] == ["enrich[0]", "enrich[1]", "triggers[0].source", "triggers[1]"]


def test_a_rollback_names_an_action() -> None:
    loaded = samples.steps("{id: a, action: edr.isolate_host, with: {host: h}, rollback: {with: {}}}")
    assert "steps[0].rollback.action" in [found.path for found in loaded.errors]
