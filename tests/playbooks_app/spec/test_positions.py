import pytest

from playbooks_app.spec import positions, yaml_reader
from playbooks_app.spec.positions import Position, Positions


def place(source: str, needle: str) -> Position:
    """Return where `needle` of the text at `a` is found to stand."""
    reading = yaml_reader.read(source)
    assert not reading.faults
    return reading.positions.within(("a",), reading.document["a"].index(needle))


def test_it_finds_a_character_of_a_plain_text() -> None:
    assert place("a: host of {{ x }}", "x }}") == Position(1, 15)


@pytest.mark.parametrize("quote", ["'", '"'])
def test_it_finds_a_character_of_a_quoted_text(quote: str) -> None:
    assert place(f"a: {quote}on {{{{ x }}}}{quote}", "x }}") == Position(1, 11)


def test_it_looks_over_doubled_quotes() -> None:
    assert place("a: 'it''s {{ x }}'", "x }}") == Position(1, 14)


@pytest.mark.parametrize("escape", [r"\n", r"\t", r"\"", r"\x41", r"é", r"\U0001F600"])
def test_it_looks_over_escapes(escape: str) -> None:
    assert place(f'a: "{escape}{{{{ x }}}}"', "x }}") == Position(1, 5 + len(escape) + 3)


@pytest.mark.parametrize("style", ["|", "|-", ">", "| # why"])
def test_it_finds_the_line_of_a_block(style: str) -> None:
    assert place(f"a: {style}\n  first\n  and {{{{ x }}}}\n", "x }}") == Position(3, 10)


def test_it_keeps_the_indent_that_belongs_to_a_block() -> None:
    assert place("a: |2\n    deep {{ x }}\n", "x }}").line == 2


def test_it_looks_over_folds() -> None:
    assert place("a: one\n   two {{ x }}\n", "x }}") == Position(2, 11)


def test_it_looks_over_a_folded_paragraph() -> None:
    assert place("a: 'one\n\n   two {{ x }}'\n", "x }}").line == 3


def test_an_offset_past_the_end_is_the_end() -> None:
    reading = yaml_reader.read("a: xy\nb: 1")
    assert reading.positions.within(("a",), 1000) == Position(1, 6)


def test_what_is_missing_stands_where_its_mapping_does() -> None:
    reading = yaml_reader.read("a:\n  b: 1\n")
    assert reading.positions.of_value(("a", "c", 0)) == Position(2, 3)


def test_an_empty_file_starts_at_its_first_character() -> None:
    assert Positions().of_value(("a",)) == Position(1, 1)


def test_a_text_without_a_span_stands_where_its_value_does() -> None:
    reading = yaml_reader.read("a: {b: 1}")
    assert reading.positions.within(("a", "b"), 5) == Position(1, 8)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("steps", 2, "with", "host"), "steps[2].with.host"),
        (("tests", 0, "mock", "edr.isolate_host"), 'tests[0].mock["edr.isolate_host"]'),
        ((), ""),
        ((0, "a b"), '[0]["a b"]'),
    ],
)
def test_paths_are_written_as_people_read_them(path: positions.Path, text: str) -> None:
    assert positions.render(path) == text
