import pytest

from playbooks_app.spec import limits
from playbooks_app.spec.expressions import ExpressionError, compile_expression


def value(text: str, **scope: object) -> object:
    return compile_expression(text).evaluate(scope, strict=True).value


def refused(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("-1.5", -1.5),
        ("2e3", 2000.0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("'a'", "a"),
        ('"a"', "a"),
        ("[]", []),
        ("[1, 'a', [null]]", [1, "a", [None]]),
        ("[1, 2,]", [1, 2]),
        ("  ( ( 1 ) )  ", 1),
        ("\n1\n", 1),
    ],
)
def test_literals(text: str, expected: object) -> None:
    result = value(text)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"'\n\t\r'", "\n\t\r"),
        (r"'it\'s'", "it's"),
        (r'"\""', '"'),
        (r"'\\'", "\\"),
        (r"'\d+\.'", r"\d+\."),
        (r"'C:\Windows'", r"C:\Windows"),
        ("'a\nb'", "a\nb"),
        ("'{{ x }}'", "{{ x }}"),
        ("'😀'", "😀"),
    ],
)
def test_texts_and_their_escapes(text: str, expected: str) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true or false and false", True),
        ("(true or false) and false", False),
        ("not false and false", False),
        ("not (false and false)", True),
        ("not 1 == 2", True),
        ("1 if true else 2 if true else 3", 1),
        ("1 if false else 2 if false else 3", 3),
        ("'a' if 1 == 1 and 2 == 2 else 'b'", "a"),
        ("'A' | lower == 'a'", True),
        ("'a' == 'A' | lower", True),
        ("['b', 'a'] | sort | first | upper", "A"),
        ("('a' if false else 'b') | upper", "B"),
        ("not not true", True),
    ],
)
def test_what_binds_tighter(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize("text", ["nothing", "order", "android", "iffy", "elsewhere", "truely", "nullable", "inner", "matchesx"])
def test_a_name_may_begin_with_a_keyword(text: str) -> None:
    assert value(text, **{text: 1}) == 1


@pytest.mark.parametrize("key", ["in", "not", "and", "or", "if", "else", "true", "contains", "matches", "null"])
def test_a_keyword_may_be_a_key(key: str) -> None:
    assert value(f"x.{key}", x={key: 1}) == 1


@pytest.mark.parametrize("key", ["x-detectforge", "@timestamp", "_id", "A9"])
def test_keys_may_hold_what_ecs_uses(key: str) -> None:
    assert value(f"alert.{key}", alert={key: 1}) == 1


@pytest.mark.parametrize(
    ("text", "offset", "message", "hint"),
    [
        ("", 0, "the expression is empty", ""),
        ("   ", 0, "the expression is empty", ""),
        ("a ==", 4, "the expression ends too early", ""),
        ("a == 'b", 5, "the text is not closed", ""),
        ("a = 1", 2, "'=' does not fit here", "write == to compare"),
        ("a && b", 2, "'&' does not fit here", "write and"),
        ("a || b", 3, "'|' does not fit here", "write or"),
        ("!a", 0, "'!' does not fit here", "write not"),
        ("f(1)", 1, "'(' does not fit here", "only filters are called: value | name(…)"),
        ("a.f(1)", 3, "'(' does not fit here", "only filters are called: value | name(…)"),
        ("1 + 2", 2, "'+' does not fit here", "there is no arithmetic"),
        ("{{ a }}", 0, "'{' does not fit here", "a condition stands without {{ }}"),
        ("a b", 2, "'b' does not fit here", ""),
        ("and", 0, "'and' does not fit here", ""),
        ("a < b < c", 6, "'<' does not fit here", ""),
        ("a[b]", 2, "'b' does not fit here", ""),
        ("a[1.5]", 2, "an index has to be a whole number", ""),
        ("a | nope", 4, "there is no filter 'nope'", ""),
        ("a | uper", 4, "there is no filter 'uper'", "did you mean 'upper'?"),
        ("a | replace('x')", 4, "the filter 'replace' takes 2 arguments, not 1", ""),
        ("a | default(1, 2)", 4, "the filter 'default' takes 0 to 1 arguments, not 2", ""),
        ("a matches '('", 10, "the pattern is not valid: missing ): (", ""),
        ("a matches '(?=x)'", 10, "the pattern is not valid: invalid perl operator: (?=", "RE2 has no lookaround"),
        ("a matches 5", 10, "a pattern has to be text", ""),
        ("9007199254740992", 0, "the number is too large", ""),
        ("1e999", 0, "the number is too large", ""),
        ("a[99999999999999999999]", 2, "the number is too large", ""),
        ("lambda: 1", 6, "':' does not fit here", ""),
        ("a\0b", 1, "'\\x00' does not fit here", ""),
    ],
)
def test_a_mistake_is_explained_where_it_stands(text: str, offset: int, message: str, hint: str) -> None:
    error = refused(text)
    assert (error.offset, error.message, error.hint) == (offset, message, hint)


@pytest.mark.parametrize(
    "text",
    ["a.b()", "[x for x in a]", "a[b:c]", "a;b", "import os", "x := 1", "{}", "lambda: 1", "a.b = 1", "`a`", "a if b", "*a"],
)
def test_there_is_no_way_to_code(text: str) -> None:
    refused(text)


def test_an_attribute_is_never_read() -> None:
    expression = compile_expression("a.__class__")
    assert expression.evaluate({"a": "text"}, strict=False).value is None


def test_the_source_has_a_limit() -> None:
    assert "longer than" in refused("a" * (limits.EXPRESSION_CHARACTERS + 1)).message


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100 + "]" * 100,
        "not " * 100 + "a",
        "a" + " | upper" * 100,
        "a if b else " * 100 + "c",
        "(" * 100 + "not a" + " == 1)" * 100,
    ],
)
def test_nesting_has_a_limit(text: str) -> None:
    assert "nests deeper" in refused(text).message


def test_brackets_alone_do_not_nest() -> None:
    assert value("(" * 500 + "1" + ")" * 500) == 1


def test_long_chains_do_not_nest() -> None:
    assert value(" and ".join(["true"] * 400)) is True


def test_a_path_has_a_limit() -> None:
    assert "at most" in refused("a" + ".b" * limits.PATH_SEGMENTS).message


def test_a_pattern_has_a_limit() -> None:
    assert "longer than" in refused(f"a matches '{'x' * (limits.PATTERN_CHARACTERS + 1)}'").message


def test_the_same_text_is_compiled_once() -> None:
    assert compile_expression("alert.compiled.once") is compile_expression("alert.compiled.once")


def test_an_error_names_its_hint() -> None:
    assert str(refused("a = 1")) == "'=' does not fit here (write == to compare)"
