import pytest

from playbooks_app.spec import limits, template_text
from playbooks_app.spec.expressions import ExpressionError, MissingValue
from playbooks_app.spec.templates import compile_template

SCOPE = {
    "alert": {
        "host": {"name": "web-1", "id": "h1"},
        "process.pid": 4,
        "tags": ["a", "b"],
        "hostile": "{{ alert.host.id }}",
        "nothing": None,
    },
    "steps": {"tree": {"output": {"suspicious": True}}},
}


def render(value: object) -> object:
    return compile_template(value).render(SCOPE).value


def marked(value: object) -> object:
    return compile_template(value).render(SCOPE, unresolved="mark").value


def fails(value: object) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        render(value)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ alert.process.pid }}", 4),
        ("{{alert.process.pid}}", 4),
        ("{{ alert.tags }}", ["a", "b"]),
        ("{{ alert.nothing }}", None),
        ("{{ steps.tree.output.suspicious }}", True),
        ("{{ 'a' if false else null }}", None),
    ],
)
def test_a_value_that_is_one_expression_keeps_its_type(text: str, expected: object) -> None:
    assert render(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pid {{ alert.process.pid }}", "pid 4"),
        (" {{ alert.process.pid }}", " 4"),
        ("{{ alert.host.id }}{{ alert.process.pid }}", "h14"),
        ("{{ true }} {{ 1.5 }} {{ alert.tags }}", 'true 1.5 ["a", "b"]'),
        ("{{ '}}' }}.", "}}."),
        ("{{ '{{' }} x }}", "{{ x }}"),
        ('{{ "\\"}}" }}.', '"}}.'),
        ("a } b }} { c", "a } b }} { c"),
        ("", ""),
        ("{{\n alert.host.id\n}} \n", "h1 \n"),
    ],
)
def test_expressions_stand_in_text(text: str, expected: str) -> None:
    assert render(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ if true }}a{{ end }}", "a"),
        ("{{ if false }}a{{ end }}", ""),
        ("{{ if false }}a{{ else }}b{{ end }}", "b"),
        ("{{ if false }}a{{ elif true }}b{{ else }}c{{ end }}", "b"),
        ("{{ if false }}a{{ else if false }}b{{ else }}c{{ end }}", "c"),
        ("{{ if alert.missing }}a{{ else }}b{{ end }}", "b"),
        ("{{ if true }}{{ if false }}a{{ else }}b{{ end }}c{{ end }}d", "bcd"),
        ("{{ if true }}{{ alert.process.pid }}{{ end }}", "4"),
        ("{{ if alert.host.name matches '^web' }}{{ alert.host.id }}{{ end }}!", "h1!"),
        ("{{ if true }}a{{ else }}{{ alert.missing }}{{ end }}", "a"),
        ("{{if true}}a{{end}}", "a"),
        ("{{ iffy | default('x') }}", "x"),
    ],
)
def test_blocks(text: str, expected: str) -> None:
    assert render(text) == expected


def test_every_text_in_lists_and_mappings_is_rendered() -> None:
    value = {"a": ["{{ alert.host.id }}", 5, None, {"b": "x{{ alert.process.pid }}"}], "{{ key }}": True}
    assert render(value) == {"a": ["h1", 5, None, {"b": "x4"}], "{{ key }}": True}


@pytest.mark.parametrize("value", [5, 1.5, None, True, "text", [], {}, ["a", {"b": []}]])
def test_what_holds_no_expression_stays_as_it_is(value: object) -> None:
    assert render(value) == value


def test_what_data_looks_like_is_never_evaluated() -> None:
    assert render("{{ alert.hostile }}") == "{{ alert.hostile }}".replace("hostile", "host.id")
    assert render("x {{ alert.hostile }}") == "x {{ alert.host.id }}"


def test_what_was_read_is_recorded() -> None:
    template = compile_template(["{{ alert.host.id }}", "{{ if alert.missing }}{{ alert.host.name }}{{ end }}"])
    assert template.render(SCOPE).reads == {"alert.host.id": "h1", "alert.missing": None}


def test_the_paths_are_known_beforehand() -> None:
    template = compile_template({"a": "x {{ alert.b }}", "c": ["{{ if d }}{{ e | default(1) }}{{ end }}"]})
    assert [(reference.text, reference.guarded, reference.offset) for reference in template.references] == [
        ("alert.b", False, 5),
        ("d", True, 6),
        ("e", True, 13),
    ]


def test_a_missing_path_is_an_error_that_names_the_parameter() -> None:
    error = fails({"filters": [{"name": "{{ alert.user.name }}"}]})
    assert isinstance(error, MissingValue)
    assert str(error) == "filters[0].name: alert.user.name is missing (add | default(…) if it may be)"


def test_null_in_a_text_is_an_error() -> None:
    error = fails({"text": "on {{ alert.nothing }}"})
    assert str(error) == "text: alert.nothing is null (add | default(…) if it may be)"


def test_other_errors_name_the_parameter_too() -> None:
    assert str(fails({"a": "{{ alert.tags | upper }}"})) == "a: upper needs text, not a list"


def test_one_mistake_does_not_follow_a_text_to_another_parameter() -> None:
    text = "{{ alert.tags | lower }}"
    assert [fails({name: text}).parameter for name in ("a", "b")] == ["a", "b"]


@pytest.mark.parametrize("text", ["{{ steps.x.output.y }}", "{{ steps.x.output.y | upper }}"])
def test_an_absent_output_of_a_step_is_marked(text: str) -> None:
    assert marked(text) == "⟨steps.x.output.y⟩"
    assert marked(f"on {text}!") == "on ⟨steps.x.output.y⟩!"


def test_a_present_output_is_not_marked() -> None:
    assert marked("{{ steps.tree.output.suspicious }}") is True


def test_a_default_stands_in_before_a_mark_does() -> None:
    assert marked("{{ steps.x.output.y | default('z') }}") == "z"


def test_only_outputs_of_steps_are_marked() -> None:
    with pytest.raises(MissingValue):
        marked("{{ alert.missing }}")


def test_an_absent_output_is_an_error_unless_it_is_marked() -> None:
    assert isinstance(fails("{{ steps.x.output.y }}"), MissingValue)


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("a {{ b", 2, "this {{ is not closed by }}"),
        ("a {{ 'b }}", 2, "this {{ is not closed by }}"),
        ("{{ a }} {{ {{ b }} }}", 11, "'{' does not fit here"),
        ("{{ }}", 2, "the expression is empty"),
        ("{{ a. }}", 6, "the expression ends too early"),
        ("x {{ a == }}", 10, "the expression ends too early"),
        ("{{ if a }}b", 3, "this block has no {{ end }}"),
        ("{{ if }}b{{ end }}", 6, "the expression is empty"),
        ("b{{ end }}", 4, "there is no {{ if … }} to end"),
        ("b{{ else }}", 4, "there is no {{ if … }} to go with this"),
        ("{{ if a }}{{ else }}{{ else }}{{ end }}", 23, "there is no {{ if … }} to go with this"),
        ("{{ if a }}{{ else }}{{ elif b }}{{ end }}", 23, "there is no {{ if … }} to go with this"),
        ("{{ if a }}{{ else b }}{{ end }}", 18, "'b' does not fit here"),
        ("{{ if a }}{{ end b }}", 17, "'b' does not fit here"),
    ],
)
def test_a_mistake_is_found_when_the_template_is_compiled(text: str, offset: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_template({"a": [text]})
    assert (caught.value.offset, caught.value.message, caught.value.parameter) == (offset, message, "a[0]")


def test_a_text_has_only_so_many_expressions() -> None:
    with pytest.raises(ExpressionError, match="at most"):
        compile_template("{{ a }}" * (limits.TEMPLATE_PARTS + 1))


def test_blocks_nest_only_so_deep() -> None:
    with pytest.raises(ExpressionError, match="nest deeper"):
        compile_template("{{ if a }}" * (limits.TEMPLATE_DEPTH + 1) + "{{ end }}" * (limits.TEMPLATE_DEPTH + 1))


def test_values_nest_only_so_deep() -> None:
    value: object = "x"
    for _ in range(limits.TEMPLATE_DEPTH + 2):
        value = [value]
    with pytest.raises(ExpressionError, match="nests deeper"):
        compile_template(value)


def test_a_text_grows_only_so_long() -> None:
    with pytest.raises(ExpressionError, match="longer than"):
        compile_template("{{ x }}" * 3).render({"x": "y" * (limits.TEXT_CHARACTERS // 2)})


def test_a_template_renders_only_so_much() -> None:
    with pytest.raises(ExpressionError, match="longer than"):
        compile_template(["{{ x }}"] * 100).render({"x": "y" * (limits.TEXT_CHARACTERS // 2)})


def test_a_text_with_mistakes_cannot_be_rendered() -> None:
    with pytest.raises(ExpressionError, match="not closed"):
        template_text.cut("{{ a").render(template_text.Rendering({}, mark=False))


@pytest.mark.parametrize("text", ["{{" * 500_000, "{{ '" * 200_000, "{{ \\" * 200_000, '{{ "\\"' * 200_000])
def test_hostile_text_is_refused_in_no_time(text: str) -> None:
    with pytest.raises(ExpressionError, match="not closed"):
        compile_template(text)


def test_braces_alone_are_text() -> None:
    assert render("{ { } }" * 100) == "{ { } }" * 100
