import pytest

from playbooks_app.spec.expressions import MISSING, compile_expression, lookup
from playbooks_app.spec.expressions.paths import render

NESTED = {"host": {"name": "web", "os": {"type": "linux"}}, "event": {"severity": 50}}
DOTTED = {"host.name": "web", "host.os.type": "linux", "event.severity": 50}
MIXED = {"host": {"name": "web", "os.type": "linux"}, "event.severity": 50}


@pytest.mark.parametrize("document", [NESTED, DOTTED, MIXED])
@pytest.mark.parametrize(("path", "expected"), [("host.name", "web"), ("host.os.type", "linux"), ("event.severity", 50)])
def test_nested_and_dotted_keys_are_found_alike(document: dict[str, object], path: str, expected: object) -> None:
    assert lookup(document, path.split(".")) == expected


@pytest.mark.parametrize("document", [NESTED, DOTTED])
def test_an_object_is_put_together_from_dotted_keys(document: dict[str, object]) -> None:
    assert lookup(document, ["host"]) == {"name": "web", "os": {"type": "linux"}}


def test_an_object_that_is_half_nested_and_half_dotted_is_put_together() -> None:
    assert lookup({"host": {"id": 1}, "host.name": "web"}, ["host"]) == {"id": 1, "name": "web"}


def test_objects_are_put_together_at_every_depth() -> None:
    document = {"a": {"b": {"x": 1}}, "a.b": {"y": 2}, "a.b.z": 3}
    assert lookup(document, ["a"]) == {"b": {"x": 1, "y": 2, "z": 3}}
    assert lookup(document, ["a", "b"]) == {"x": 1, "y": 2, "z": 3}


def test_where_a_document_holds_both_the_nested_one_wins() -> None:
    assert lookup({"host": {"name": "nested"}, "host.name": "dotted"}, ["host", "name"]) == "nested"
    assert lookup({"host": {"name": "nested"}, "host.name": "dotted"}, ["host"]) == {"name": "nested"}


def test_an_object_wins_over_a_dotted_value() -> None:
    assert lookup({"a": {"b": {"x": 1}}, "a.b": 5}, ["a", "b"]) == {"x": 1}


def test_a_value_wins_over_an_object_below_it() -> None:
    assert lookup({"a": 1, "a.b": 2}, ["a"]) == 1
    assert lookup({"a": 1, "a.b": 2}, ["a", "b"]) == 2


def test_a_key_below_a_plain_value_stays_dotted() -> None:
    assert lookup({"a.b": 1, "a.b.c": 2}, ["a"]) == {"b": 1, "b.c": 2}


def test_a_null_is_found() -> None:
    assert lookup({"a": None}, ["a"]) is None


def test_the_whole_document_is_found() -> None:
    assert lookup(NESTED, []) is NESTED


@pytest.mark.parametrize("path", [["nobody"], ["host", "nobody"], ["host", "name", "x"], ["event", 0], [0], ["host", "name", 0]])
def test_what_is_not_there_is_missing(path: list[str | int]) -> None:
    assert lookup(NESTED, path) is MISSING


@pytest.mark.parametrize(("index", "expected"), [(0, "a"), (1, "b"), (-1, "b"), (-2, "a"), (2, MISSING), (-3, MISSING)])
def test_items_are_found_by_their_place(index: int, expected: object) -> None:
    assert lookup({"x": ["a", "b"]}, ["x", index]) == expected


def test_items_of_dotted_lists_are_found() -> None:
    assert lookup({"threat.technique": [{"id": "T1047"}]}, ["threat", "technique", 0, "id"]) == "T1047"


def test_a_list_is_not_searched_by_name() -> None:
    assert lookup({"a": [{"b": 1}]}, ["a", "b"]) is MISSING


def test_a_text_is_not_searched() -> None:
    assert lookup("text", ["upper"]) is MISSING


@pytest.mark.parametrize(
    "text", ["alert.host.name", "alert['host.name']", "alert['host'].name", 'alert["host"]["name"]', "alert['host']['name']"]
)
@pytest.mark.parametrize("document", [NESTED, DOTTED, MIXED])
def test_every_way_of_writing_a_path_finds_the_same(text: str, document: dict[str, object]) -> None:
    assert compile_expression(text).evaluate({"alert": document}, strict=True).value == "web"


def test_keys_with_strange_characters_are_found_in_brackets() -> None:
    assert compile_expression("a['b c']['ü']").evaluate({"a": {"b c": {"ü": 1}}}, strict=True).value == 1


def test_paths_are_written_one_way() -> None:
    assert render(["a", "b", 0, "c d", -1]) == "a.b[0]['c d'][-1]"


def test_missing_says_so() -> None:
    assert repr(MISSING) == "MISSING"


def test_data_that_is_made_to_be_searched_for_long_is_not() -> None:
    level: object = {}
    for _ in range(30):
        level = {"a": level, "a.a": level, "a.a.a": level}
    assert lookup(level, ["a"] * 30 + ["b"]) is MISSING
