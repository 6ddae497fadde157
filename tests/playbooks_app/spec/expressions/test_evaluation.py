import datetime as dt

import pytest

from playbooks_app.spec import limits
from playbooks_app.spec.expressions import Evaluation, ExpressionError, MissingValue, compile_expression

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def run(text: str, *, strict: bool = False, **scope: object) -> Evaluation:
    return compile_expression(text).evaluate(scope, strict=strict)


def fails(text: str, *, strict: bool = False, **scope: object) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        run(text, strict=strict, **scope)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 == 1.0", True),
        ("1 == true", False),
        ("0 == false", False),
        ("true == true", True),
        ("'1' == 1", False),
        ("null == null", True),
        ("null == false", False),
        ("[1, [2]] == [1, [2]]", True),
        ("[1] == [true]", False),
        ("[1, 2] == [1]", False),
        ("'a' != 'b'", True),
        ("null != null", False),
        ("1 < 2", True),
        ("2 <= 2.0", True),
        ("2 >= 3", False),
        ("'a' < 'b'", True),
        ("'b' > 'a'", True),
        ("1 in [1, 2]", True),
        ("3 not in [1, 2]", True),
        ("true in [1]", False),
        ("'b' in 'abc'", True),
        ("'abc' contains 'b'", True),
        ("[1, 2] contains 2", True),
        ("[1] not contains 2", True),
        ("'abc' matches '^a'", True),
        ("'abc' matches 'b'", True),
        ("'abc' not matches 'z'", True),
        ("'ABC' matches '(?i)b'", True),
        ("null in [null]", True),
    ],
)
def test_operators(text: str, expected: object) -> None:
    assert run(text).value is expected


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("sides", ["alert.nothing {} 5", "5 {} alert.nothing", "null {} null", "alert.nothing {} 'a'"])
def test_ordering_against_null_is_false(operator: str, sides: str) -> None:
    assert run(sides.format(operator), alert={}).value is False


@pytest.mark.parametrize(
    "text",
    [
        "alert.nothing",
        "alert.nothing == 1",
        "alert.nothing contains 'a'",
        "'a' in alert.nothing",
        "alert.nothing in 'abc'",
        "alert.nothing matches 'a'",
        "'a' matches alert.nothing",
        "alert.nothing | upper",
        "alert.nothing | length | default(0)",
        "alert.nothing and true",
        "nobody.knows.it",
    ],
)
def test_what_is_missing_in_a_condition_is_null(text: str) -> None:
    assert not run(text, alert={}).holds


def test_what_is_missing_equals_null() -> None:
    assert run("alert.nothing == null", alert={}).holds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a < 'x'", "a number cannot be ordered against text"),
        ("a < true", "a number cannot be ordered against a boolean"),
        ("true < false", "a boolean cannot be ordered against a boolean"),
        ("[1] < [2]", "a list cannot be ordered against a list"),
        ("d > 1", "a number cannot be ordered against a mapping"),
        ("1 in 'abc'", "text cannot contain a number"),
        ("1 in 2", "a number cannot contain anything"),
        ("a matches 'x'", "matches needs text, not a number"),
        ("'x' matches a", "a pattern has to be text"),
        ("'x' matches p", "the pattern is not valid: missing ): ("),
        ("o == 1 or o < 1", "an unknown type cannot be ordered against a number"),
    ],
)
def test_what_makes_no_sense_is_an_error(text: str, message: str) -> None:
    assert fails(text, a=1, d={}, p="(", o=object()).message == message


def test_an_error_says_where_it_stands() -> None:
    assert fails("true and a < 'x'", a=1).offset == 9


def test_mappings_are_compared_by_content() -> None:
    assert run("a == b", a={"x": [1]}, b={"x": [1.0]}).holds
    assert not run("a == b", a={"x": 1}, b={"y": 1}).holds


def test_a_mapping_contains_its_keys() -> None:
    assert run("a contains 'x' and not a contains 'y' and not 1 in a", a={"x": 1}).holds


def test_moments_can_be_ordered_and_written() -> None:
    assert run("now > then", now=NOON, then=NOON - dt.timedelta(1)).holds


@pytest.mark.parametrize("text", ["null", "false", "0", "0.0", "''", "[]", "d"])
def test_what_counts_as_false(text: str) -> None:
    assert not run(text, d={}).holds
    assert run(f"not {text}", d={}).holds


@pytest.mark.parametrize("text", ["true", "1", "-1", "'a'", "[0]", "d"])
def test_what_counts_as_true(text: str) -> None:
    assert run(text, d={"x": 0}).holds


@pytest.mark.parametrize(("text", "expected"), [("1 and 2", True), ("0 or 'x'", True), ("0 or ''", False), ("1 and null", False)])
def test_and_and_or_yield_booleans(text: str, expected: object) -> None:
    assert run(text).value is expected


@pytest.mark.parametrize("text", ["false and a < 'x'", "true or a < 'x'", "1 if true else a < 'x'"])
def test_what_does_not_matter_is_not_evaluated(text: str) -> None:
    run(text, a=1)


def test_a_missing_path_is_an_error_in_a_template() -> None:
    with pytest.raises(MissingValue) as caught:
        run("alert.host.id", strict=True, alert={"host": {}})
    assert caught.value.path == "alert.host.id"
    assert str(caught.value) == "alert.host.id is missing (add | default(…) if it may be)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b | default('x')", "x"),
        ("a.b | default", ""),
        ("a.b | default()", ""),
        ("a.b | default(null)", None),
        ("a.b | upper | default('x')", "x"),
        ("a.b | default(a.c) | upper", "C"),
        ("a.b | default(a.d | default('e'))", "e"),
        ("a.n | default('x')", "x"),
        ("a.z | default('x')", 0),
        ("a.f | default(true)", False),
        ("a.t | default('x')", ""),
    ],
)
def test_a_default_stands_in_for_what_is_missing_or_null(text: str, expected: object) -> None:
    result = run(text, strict=True, a={"c": "c", "n": None, "z": 0, "f": False, "t": ""})
    assert result.value == expected
    assert type(result.value) is type(expected)


def test_a_missing_default_is_an_error() -> None:
    assert isinstance(fails("a.b | default(a.c)", strict=True, a={}), MissingValue)


def test_a_default_does_not_hide_other_errors() -> None:
    assert fails("a.b | lower | default('x')", strict=True, a={"b": 1}).message == "lower needs text, not a number"


def test_the_condition_of_a_choice_is_a_condition() -> None:
    assert run("'a' if x.missing else 'b'", strict=True, x={}).value == "b"


def test_the_values_of_a_choice_are_not() -> None:
    assert isinstance(fails("x.missing if true else 'b'", strict=True, x={}), MissingValue)


def test_what_was_read_is_recorded() -> None:
    result = run("alert.a == 1 and alert['b.c'] == null", alert={"a": 1})
    assert result.reads == {"alert.a": 1, "alert.b.c": None}


def test_what_was_not_read_is_not() -> None:
    assert run("alert.a == 2 and alert.b == 1", alert={"a": 1}).reads == {"alert.a": 1}


def test_what_a_default_stood_in_for_is_recorded() -> None:
    assert run("a.b | default(1)", strict=True, a={}).reads == {"a.b": None}


def test_the_source_is_kept() -> None:
    assert run("1 == 1").text == "1 == 1"


def test_paths_are_known_beforehand() -> None:
    references = compile_expression("a.b == c[0]['d.e'] | default(f) or g if h else null").references
    assert [(reference.text, reference.guarded) for reference in references] == [
        ("a.b", False),
        ("c[0].d.e", True),
        ("f", False),
        ("g", False),
        ("h", True),
    ]


def test_the_place_of_a_path_is_known() -> None:
    assert [reference.offset for reference in compile_expression("a.b == c").references] == [0, 7]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a{1,50}){1,15}b"])
def test_no_pattern_hangs(pattern: str) -> None:
    assert run("t matches p", t="a" * 100_000 + "!", p=pattern).value is False


def test_a_pattern_that_would_need_too_much_memory_is_refused() -> None:
    assert "the pattern is not valid" in fails("'x' matches p", p="((a{100}){100}){100}").message


def test_text_that_is_no_unicode_can_be_matched() -> None:
    assert run("t matches 'a'", t="\ud800a").holds


def test_text_has_a_limit() -> None:
    assert "longer than" in fails("t", t="x" * (limits.TEXT_CHARACTERS + 1)).message


def test_lists_have_a_limit() -> None:
    assert "more than" in fails("t", t=[0] * (limits.LIST_ITEMS + 1)).message


def test_a_list_cannot_repeat_a_long_text_without_end() -> None:
    assert "longer than" in fails(f"[{'t, ' * 300}]", t="x" * 10_000).message


def deep(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_values_that_nest_without_end_are_an_error() -> None:
    assert fails("a == b", a=deep(50_000), b=deep(50_000)).message == "a value nests too deeply"


def test_numbers_without_end_are_an_error() -> None:
    assert "cannot be worked with" in fails("[n] | join", n=10**5000).message
