import pytest

from playbooks_app.spec import limits
from playbooks_app.spec.loader import Loaded
from playbooks_app.spec.problems import Problem
from tests.playbooks_app.spec import samples


def told(text: str, *before: str, more: str = "") -> Loaded:
    """Load a playbook whose last step tells somebody `text`."""
    return samples.steps(*before, f"{{id: tell, action: notify.send_slack_message, with: {{text: {text!r}}}}}", more=more)


def refused(text: str, *before: str, more: str = "") -> Problem:
    [problem] = told(text, *before, more=more).errors
    return problem


FIRST = "{id: first, kind: manual}"


@pytest.mark.parametrize(
    "text",
    [
        "{{ alert.host.name }}",
        "{{ steps.first.output.anything.at.all }}",
        "{{ steps.first.status }} {{ steps.first.simulated }}",
        "{{ execution.id }} {{ tenant.name }} {{ environment.name }} {{ now }}",
        "{{ inputs.ticket }}",
        "{{ enrichment.asset.owner }}",
        "{{ enrichment | to_json }}",
        "no expression",
    ],
)
def test_what_a_step_knows_is_accepted(text: str) -> None:
    assert told(text, FIRST, more="inputs: {ticket: {}}\nenrich: [assets]\n").problems == ()


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{{ alrt.host }}", "the name 'alrt' is unknown", "did you mean 'alert'?"),
        ("{{ True }}", "the name 'True' is unknown", "write true"),
        ("{{ inputs.tickt }}", "there is no input 'tickt'", "did you mean 'ticket'?"),
        ("{{ enrichment.assets.x }}", "there is no enrichment 'assets'", "did you mean 'asset'?"),
        ("{{ steps.frist.output.x }}", "there is no step 'frist'", "did you mean 'first'?"),
        ("{{ steps.first.outputs.x }}", "first has no 'outputs'", "did you mean 'output'?"),
        ("{{ steps.first.chosen }}", "first has no 'chosen'", "output status simulated"),
        ("{{ steps.first }}", "a step is read as steps.ID.output", ""),
        ("{{ steps.tell.output.x }}", "the step 'tell' may not have ended", "add it to needs"),
        ("{{ item }}", "the name 'item' is unknown", ""),
        ("{{ a. }}", "the expression ends too early", ""),
        ("{{ 'x' | uper }}", "there is no filter 'uper'", "did you mean 'upper'?"),
    ],
)
def test_what_a_step_does_not_know_is_refused(text: str, message: str, hint: str) -> None:
    problem = refused(text, FIRST, more="inputs: {ticket: {}}\n")
    assert (problem.message, problem.hint) == (message, hint)
    assert problem.path == "steps[1].with.text"


def test_a_problem_stands_at_the_name_and_not_at_the_text() -> None:
    text = f"{samples.HEAD}steps:\n  - id: a\n    kind: manual\n    instructions: |\n      Look at\n      {{{{ alert.x }}}} and {{{{ alrt.y }}}}\n"
    [problem] = samples.load(text).problems
    assert (problem.line, problem.column) == (9, 28)


def test_every_mistake_in_one_text_is_reported() -> None:
    assert len(told("{{ x }} {{ y. }} {{ alert.z | nope }} {{ w }}").errors) == 4


def test_a_step_beside_is_not_upstream() -> None:
    loaded = samples.steps(FIRST, "{id: b, kind: manual, needs: [], instructions: '{{ steps.first.output.x }}'}")
    assert samples.only(loaded, "unknown_step").message == "the step 'first' may not have ended"


def test_upstream_goes_through_other_steps() -> None:
    assert told("{{ steps.first.output.x }}", FIRST, "{id: second, kind: manual}").problems == ()


def test_a_decision_is_upstream_of_its_branches() -> None:
    loaded = samples.steps(
        "{id: d, kind: decision, branches: {yes: [a]}}", "{id: a, kind: manual, needs: [], instructions: '{{ steps.d.chosen }}'}"
    )
    assert loaded.problems == ()


def test_a_rollback_may_read_its_own_step() -> None:
    line = samples.ISOLATE.replace(
        "{action: edr.unisolate_host, with: {host: h1}}",
        "{action: edr.unisolate_host, with: {host: '{{ steps.isolate.output.host }}'}}",
    )
    assert samples.steps(line).problems == ()


def test_outputs_may_read_every_step() -> None:
    assert samples.steps(FIRST, more="outputs: {x: '{{ steps.first.output.y }}'}\n").problems == ()


@pytest.mark.parametrize("key", ["if", "choose", "until"])
def test_conditions_are_checked(key: str) -> None:
    kinds = {"if": "kind: manual", "choose": "kind: decision, branches: {yes: [first]}", "until": "kind: wait"}
    loaded = samples.steps(f"{{id: a, {kinds[key]}, {key}: alert.x = 5}}", "{id: first, kind: manual, needs: []}")
    problem = samples.only(loaded, "expression")
    assert problem.path == f"steps[0].{key}"
    assert problem.hint == "write == to compare"


def test_a_condition_stands_without_braces() -> None:
    problem = samples.only(samples.steps("{id: a, kind: manual, if: '{{ alert.x }}'}"), "expression")
    assert problem.hint == "a condition stands without {{ }}"


def test_a_pattern_that_is_wrong_is_found_when_the_playbook_is_loaded() -> None:
    problem = samples.only(samples.steps("{id: a, kind: manual, if: 'alert.x matches \"(\"'}"), "expression")
    assert problem.message.startswith("the pattern is not valid")
    assert (problem.line, problem.column) == (5, 48)


def test_a_trigger_knows_the_alert() -> None:
    assert samples.steps(FIRST, more="triggers: [{when: alert.x == tenant.name}]\n").problems == ()


@pytest.mark.parametrize("name", ["enrichment.asset.owner", "steps.first.output.x", "inputs.x", "execution.id"])
def test_a_trigger_knows_nothing_that_comes_later(name: str) -> None:
    problem = samples.only(samples.steps(FIRST, more=f"triggers: [{{when: {name} == 1}}]\n"), "unknown_name")
    assert problem.path == "triggers[0].when"
    assert problem.hint == "a trigger knows alert, environment, now, tenant"


def test_the_loop_variable_is_known_in_the_parameters() -> None:
    line = "{id: a, action: asset.lookup, for_each: [h1], as: host, with: {host: '{{ host.name }}'}}"
    assert samples.steps(line).problems == ()


def test_the_loop_variable_is_called_item_unless_it_has_a_name() -> None:
    assert samples.steps("{id: a, action: asset.lookup, for_each: [h1], with: {host: '{{ item }}'}}").problems == ()


def test_the_loop_variable_is_not_known_in_the_condition() -> None:
    line = "{id: a, action: asset.lookup, for_each: [h1], if: item == 1, with: {host: h}}"
    assert samples.only(samples.steps(line), "unknown_name").path == "steps[0].if"


def test_what_is_not_looked_up_is_a_warning() -> None:
    problem = samples.only(told("{{ enrichment.user.name }}", more="enrich: [assets]\n"), "not_enriched")
    assert problem.severity == "warning"
    assert problem.message == "enrichment.user.name stays missing, since enrich does not list users"


SKIPPED = "{id: first, kind: manual, if: alert.x == 1}"


def test_reading_a_step_that_may_be_skipped_is_a_warning() -> None:
    problem = samples.only(told("{{ steps.first.output.x }}", SKIPPED), "may_be_skipped")
    assert problem.message == "steps.first.output.x is missing where 'first' is skipped"


@pytest.mark.parametrize(
    "text",
    [
        "{{ steps.first.output.x | default('none') }}",
        "{{ steps.first.status }}",
        "{{ if steps.first.output.x }}yes{{ end }}",
        "{{ 'a' if steps.first.output.x else 'b' }}",
    ],
)
def test_a_step_that_may_be_skipped_is_read_with_a_default_or_in_a_condition(text: str) -> None:
    assert told(text, SKIPPED).problems == ()


DECISION = "{id: d, kind: decision, branches: {yes: [a, b], no: [c]}}"
A = "{id: a, kind: manual}"


def test_a_step_of_the_same_branch_is_never_skipped_alone() -> None:
    loaded = samples.steps(DECISION, A, "{id: b, kind: manual, instructions: '{{ steps.a.output.x }}'}", "{id: c, kind: manual}")
    assert loaded.problems == ()


def test_a_step_after_the_branches_may_find_one_skipped() -> None:
    loaded = samples.steps(
        DECISION,
        A,
        "{id: b, kind: manual}",
        "{id: c, kind: manual}",
        "{id: e, kind: manual, instructions: '{{ steps.a.output.x }}'}",
    )
    assert samples.only(loaded, "may_be_skipped").path == "steps[4].instructions"


def test_a_step_of_another_branch_may_find_one_skipped() -> None:
    loaded = samples.steps(DECISION, A, "{id: b, kind: manual}", "{id: c, kind: manual, instructions: '{{ steps.a.output.x }}'}")
    assert samples.codes(loaded) == ["may_be_skipped"]


def test_a_form_may_suggest_an_answer() -> None:
    loaded = samples.steps("{id: a, kind: manual, fields: [{name: x, default: '{{ alrt.y }}'}]}")
    assert samples.only(loaded, "unknown_name").path == "steps[0].fields[0].default"


def test_a_playbook_holds_only_so_many_expressions() -> None:
    half = "{{ alert.x }} " * (limits.TEMPLATE_PARTS - 1)
    outputs = "".join(f"  o{number}: '{half}'\n" for number in range(limits.EXPRESSIONS // limits.TEMPLATE_PARTS + 2))
    problem = samples.only(samples.steps(FIRST, more=f"outputs:\n{outputs}"), "too_large")
    assert problem.message == "the playbook holds too many expressions"


def test_only_the_first_near_misses_are_looked_for() -> None:
    unknown = " ".join(f"{{{{ alrt{number} }}}}" for number in range(limits.SUGGESTIONS + 5))
    hints = [problem.hint for problem in told(unknown).errors]
    assert hints.count("did you mean 'alert'?") == limits.SUGGESTIONS


def test_conditions_count_too() -> None:
    lines = [f"{{id: s{number}, kind: manual, needs: [], if: \"alert.x == '{'x' * 3000}'\"}}" for number in range(120)]
    assert samples.codes(samples.steps(*lines)) == ["too_large"]
