"""What holds for any input at all."""

import contextlib
import json
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from playbooks_app.spec import loader, yaml_reader
from playbooks_app.spec.expressions import FILTERS, ExpressionError, compile_expression
from playbooks_app.spec.templates import compile_template
from tests.playbooks_app.spec import samples

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT
KEYS = st.sampled_from(["a", "b", "a.b", "b.a", "host", "host.name", "name"]) | st.text(max_size=5)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20)
SCOPES = st.fixed_dictionaries({"alert": JSON, "steps": JSON, "now": JSON})

PATHS = st.sampled_from(["alert", "alert.a", "alert.a.b", "alert['a.b'].host[0]", "steps.x.output", "now", "nobody"])
LITERALS = st.sampled_from(["1", "-2.5", "'a'", "'a.b'", "true", "null", "[]", "[1, 'a', null]", "''"])
CALLS = st.sampled_from(sorted(FILTERS)).flatmap(
    lambda name: st.sampled_from([name, f"{name}()", f"{name}(1)", f"{name}('a')", f"{name}(alert.a)", f"{name}('a', 'b')"])
)
TOKENS = st.sampled_from(
    [
        *"()[],.|'\"{}=<>!",
        "and",
        "or",
        "not",
        "in",
        "if",
        "else",
        "matches",
        "contains",
        "==",
        "alert",
        "a",
        "1",
        " ",
        "'x'",
        "default",
    ]
)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "not in", "contains", "matches", "and", "or"])
    return st.one_of(
        st.builds("({} {} {})".format, inner, operators, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("({} | {})".format, inner, CALLS),
        st.builds("[{}, {}]".format, inner, inner),
    )


EXPRESSIONS = st.recursive(PATHS | LITERALS, _combined, max_leaves=12)


@given(ANY_TEXT | st.lists(TOKENS, max_size=40).map(" ".join) | st.lists(TOKENS, max_size=40).map("".join))
@example("(" * 4000)
@example("[" * 2000 + "]" * 2000)
@example("not " * 1000)
@example("a" + ".a" * 1500)
def test_any_text_is_an_expression_or_an_expression_error_with_its_place(text: str) -> None:
    error = _error(text)
    assert error is None or (error.offset is not None and 0 <= error.offset <= len(text))


def _error(text: str) -> ExpressionError | None:
    try:
        compile_expression(text)
    except ExpressionError as error:
        return error
    return None


@given(EXPRESSIONS, SCOPES, st.booleans())
@settings(max_examples=200)
def test_any_expression_over_any_data_ends_in_a_value_or_an_expression_error(
    text: str, scope: dict[str, Any], strict: bool
) -> None:
    try:
        result = compile_expression(text).evaluate(scope, strict=strict)
    except ExpressionError:
        return
    assert isinstance(result.holds, bool)
    assert isinstance(result.reads, dict)


@given(PATHS, SCOPES)
def test_a_path_in_a_condition_is_never_an_error(path: str, scope: dict[str, Any]) -> None:
    for text in (f"{path} == 1", f"not {path}", f"{path} != null"):
        assert isinstance(compile_expression(text).evaluate(scope, strict=False).value, bool)


@given(ANY_TEXT)
@example("{{ alert.a }}")
@example("{{ if true }}x{{ end }}")
@example("}}{{")
def test_data_is_never_evaluated(data: str) -> None:
    template = compile_template({"whole": "{{ alert.a }}", "inside": "<{{ alert.a }}>"})
    assert template.render({"alert": {"a": data}}).value == {"whole": data, "inside": f"<{data}>"}


@given(
    ANY_TEXT
    | st.lists(TOKENS | st.sampled_from(["{{", "}}", "{{ end }}", "{{ else }}", "{{ if a }}"]), max_size=30).map("".join),
    SCOPES,
)
def test_any_text_is_a_template_or_an_expression_error(text: str, scope: dict[str, Any]) -> None:
    with contextlib.suppress(ExpressionError):
        compile_template([text]).render(scope, unresolved="mark")


@given(JSON)
def test_any_value_without_expressions_renders_to_itself(value: object) -> None:
    if "{{" not in json.dumps(value):
        assert repr(compile_template(value).render({}).value) == repr(value)


@given(st.binary(max_size=300))
def test_any_bytes_load(source: bytes) -> None:
    loaded = loader.load(source, catalogue=samples.ACTIONS)
    assert loaded.playbook is None
    assert loaded.errors


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from([*"{}[]:-?&*!|>'\"%@#,\n ", "a", "\n  ", "&a", "*a", "!!x ", "---\n"]), max_size=60).map("".join)
)
def test_any_text_loads(source: str) -> None:
    assert loader.load(source, catalogue=samples.ACTIONS).errors


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.sampled_from(["a", "5m", "L1", "{{ alert.x }}", "{{ x", "edr.isolate_host"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "kind", "with", "on", "a"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = st.sampled_from(["action", "manual", "decision", "wait", "playbook", "other"])
STEPS = st.dictionaries(
    st.sampled_from(
        [
            "id",
            "name",
            "action",
            "with",
            "needs",
            "if",
            "level",
            "timeout",
            "approval",
            "rollback",
            "branches",
            "choose",
            "for_each",
            "fields",
            "retry",
            "odd",
        ]
    ),
    VALUES,
    max_size=6,
)
DOCUMENTS = st.fixed_dictionaries(
    {"steps": st.lists(st.builds(lambda step, kind: {**step, "kind": kind}, STEPS, KINDS) | VALUES, max_size=4) | VALUES},
    optional=dict.fromkeys(
        (
            "apiVersion",
            "metadata",
            "level",
            "inputs",
            "enrich",
            "triggers",
            "approval_policy",
            "rollback",
            "outputs",
            "tests",
            "odd",
        ),
        VALUES,
    ),
)


@given(DOCUMENTS)
@settings(max_examples=150)
def test_any_document_loads(document: dict[str, Any]) -> None:
    loaded = loader.load(yaml.safe_dump(document), catalogue=samples.ACTIONS)
    assert (loaded.playbook is None) == bool(loaded.errors)
    assert all(problem.line >= 1 and problem.column >= 1 for problem in loaded.problems)


@given(st.dictionaries(st.sampled_from(list(yaml.safe_load(samples.FULL))), VALUES, max_size=3))
@settings(max_examples=100)
def test_any_change_to_a_good_playbook_loads(change: dict[str, Any]) -> None:
    loaded = samples.load(yaml.safe_dump({**yaml.safe_load(samples.FULL), **change}))
    assert (loaded.playbook is None) == bool(loaded.errors)


@given(
    st.dictionaries(
        st.text("abcdef", min_size=1),
        st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.text("abc{}:,#&*!|>'\"%@ \n"),
        max_size=5,
    )
)
def test_what_was_written_as_json_is_read_alike(document: dict[str, Any]) -> None:
    assert yaml_reader.read(json.dumps(document)).document == document
