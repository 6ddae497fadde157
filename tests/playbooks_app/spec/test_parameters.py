from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from playbooks_app.spec import parameters
from playbooks_app.spec.positions import Positions
from playbooks_app.spec.report import Report
from tests.playbooks_app.spec import samples


class Window(BaseModel):
    model_config = ConfigDict(extra="forbid")

    start: str
    minutes: int = Field(ge=1, lt=60)


class Params(BaseModel):
    host: str = Field(min_length=1, max_length=10)
    pid: int | None = None
    ratio: float = Field(1.0, gt=0, le=1)
    force: bool = False
    mode: str = Field("fast", pattern="^(fast|slow)$")
    tags: list[str] = Field(default_factory=list, max_length=2)
    window: Window | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    extra: dict[str, Any] = Field(default_factory=dict)
    count: int | list[int] = 1


SCHEMA = Params.model_json_schema()


def said(**given: Any) -> list[str]:
    report = Report("playbook.yaml", Positions())
    parameters.check({"host": "h1", **given}, SCHEMA, ("with",), report)
    return [problem.render().removeprefix("playbook.yaml:1:1 ") for problem in report.found]


@pytest.mark.parametrize(
    "given",
    [
        {"pid": 4},
        {"pid": None},
        {"pid": "{{ alert.process.pid }}"},
        {"pid": "{{ if a }}1{{ else }}2{{ end }}"},
        {"ratio": 1},
        {"ratio": 0.5},
        {"force": True},
        {"tags": ["a", "{{ b }}"]},
        {"window": {"start": "x", "minutes": 5}},
        {"window": "{{ steps.a.output.window }}"},
        {"labels": {"anything": "x"}},
        {"extra": {"deep": [{"x": 1}]}},
        {"count": [1, 2]},
        {"host": "{{ a_name_that_is_longer_than_ten }}"},
    ],
)
def test_what_fits_is_accepted(given: dict[str, Any]) -> None:
    assert said(**given) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"pid": "four"}, "with.pid: 'four' does not fit (expected a whole number or null)"),
        ({"pid": True}, "with.pid: true does not fit (expected a whole number or null)"),
        ({"pid": 1.5}, "with.pid: 1.5 does not fit (expected a whole number or null)"),
        ({"force": 1}, "with.force: 1 does not fit (expected true or false)"),
        ({"ratio": 0}, "with.ratio: 0 does not fit (expected more than 0)"),
        ({"ratio": 2}, "with.ratio: 2 does not fit (expected at most 1)"),
        ({"mode": "medium"}, "with.mode: 'medium' does not fit (expected text that matches ^(fast|slow)$)"),
        ({"host": ""}, "with.host: '' does not fit (expected at least 1 characters)"),
        ({"host": "x" * 11}, f"with.host: '{'x' * 11}' does not fit (expected at most 10 characters)"),
        ({"host": None}, "with.host: null does not fit (expected text)"),
        ({"host": ["h"]}, "with.host: a list does not fit (expected text)"),
        ({"tags": ["a", "b", "c"]}, "with.tags: a list does not fit (expected at most 2 items)"),
        ({"tags": ["a", 5]}, "with.tags[1]: 5 does not fit (expected text)"),
        ({"labels": {"a": 5}}, "with.labels.a: 5 does not fit (expected text)"),
        ({"window": {"start": "x", "minutes": 0}}, "with.window.minutes: 0 does not fit (expected at least 1)"),
        ({"window": {"start": "x", "minutes": 60}}, "with.window.minutes: 60 does not fit (expected less than 60)"),
        ({"window": {"minutes": 5}}, "with.window.start: the parameter 'start' is missing"),
        ({"hots": "x"}, "with.hots: the parameter 'hots' is unknown (did you mean 'host'?)"),
        ({"count": {}}, "with.count: a mapping does not fit (expected a whole number or a list)"),
    ],
)
def test_what_does_not_fit_is_explained(given: dict[str, Any], sentence: str) -> None:
    assert said(**given) == [sentence]


def checked(value: Any, schema: dict[str, Any]) -> list[str]:
    report = Report("f", Positions())
    parameters.check(value, schema, ("with",), report)
    return [problem.expected or problem.hint for problem in report.found]


@pytest.mark.parametrize(
    ("schema", "good", "bad", "expected"),
    [
        ({"const": "a"}, "a", "b", "'a'"),
        ({"enum": ["a", 1, True]}, 1, "b", "'a' or 1 or true"),
        ({"type": ["string", "null"]}, None, 5, "text or null"),
        ({"allOf": [{"type": "string"}, {"minLength": 2}]}, "ab", "a", "at least 2 characters"),
        ({"oneOf": [{"type": "string"}, {"type": "boolean"}]}, True, 5, "text or true or false"),
        ({"type": "integer"}, 2.0, 2.5, "a whole number"),
        ({"type": "object", "minProperties": 1}, {"a": 1}, {}, "at least 1 keys"),
        ({"type": "strange"}, "a", None, None),
        ({"$ref": "#/$defs/nothing"}, "a", 5, None),
        ({"type": "string", "pattern": "(?=x)y"}, "anything", 5, "text"),
        ({"type": "number"}, 1.5, [], "a number"),
    ],
)
def test_the_rules_of_json_schema_are_followed(schema: dict[str, Any], good: Any, bad: Any, expected: str | None) -> None:
    assert checked(good, schema) == []
    assert checked(bad, schema) == ([expected] if expected else [])


def test_an_action_without_parameters_says_so() -> None:
    assert checked({"a": 1}, {"type": "object", "properties": {}}) == ["the action takes none"]


def test_a_parameter_far_from_any_is_told_which_there_are() -> None:
    assert said(zzzzzz=1) == [
        "with.zzzzzz: the parameter 'zzzzzz' is unknown (there are host, pid, ratio, force, mode, tags, window, labels, extra, count)"
    ]


def test_extra_parameters_are_fine_where_the_action_takes_them() -> None:
    assert checked({"a": 1}, {"type": "object", "properties": {}, "additionalProperties": True}) == []


def test_a_schema_that_refers_to_itself_ends() -> None:
    assert checked({"a": {}}, {"$ref": "#/$defs/x", "$defs": {"x": {"$ref": "#/$defs/x"}}}) == []


def test_a_tree_is_followed_to_its_end() -> None:
    node = {"type": "object", "properties": {"child": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}}}
    assert checked({"child": {"child": {"n": "x"}}}, {"$ref": "#/$defs/node", "$defs": {"node": node}}) == ["a whole number"]


def test_a_parameter_has_its_line_in_the_file() -> None:
    loaded = samples.steps("{id: a, action: edr.get_process_tree, with: {host: h, pid: four}}")
    assert samples.only(loaded, "parameter").render() == (
        "playbook.yaml:5:64 steps[0].with.pid: 'four' does not fit (expected a whole number)"
    )


def test_a_missing_parameter_is_named() -> None:
    loaded = samples.steps("{id: a, action: edr.get_process_tree, with: {host: h}}")
    assert samples.only(loaded, "missing_parameter").path == "steps[0].with.pid"
