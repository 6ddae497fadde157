import pytest

from playbooks_app.spec import limits, yaml_reader


def faults(text: str | bytes) -> list[tuple[str, int, int]]:
    return [(fault.code, fault.position.line, fault.position.column) for fault in yaml_reader.read(text).faults]


def document(text: str | bytes) -> object:
    reading = yaml_reader.read(text)
    assert not reading.faults, reading.faults
    return reading.document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("0", 0),
    ],
)
def test_it_reads_the_plain_values_of_json(text: str, value: object) -> None:
    assert document(f"a: {text}") == {"a": value}


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "yes",
        "on",
        "off",
        "NO",
        "True",
        "Null",
        "1:30",
        "190:20:30",
        "1.2.0",
        "2025-11-26",
        "0x1F",
        "017",
        "0o17",
        "1_000",
        "=",
    ],
)
def test_what_yaml_1_1_would_convert_stays_text(text: str) -> None:
    assert document(f"a: {text}") == {"a": text}


def test_quoted_words_stay_text() -> None:
    assert document("a: ['true', \"5\", 'null']") == {"a": ["true", "5", "null"]}


def test_keys_are_always_text() -> None:
    assert document("1: a\ntrue: b\non: c") == {"1": "a", "true": "b", "on": "c"}


def test_an_explicit_text_tag_is_fine() -> None:
    assert document("a: !!str 5") == {"a": "5"}


def test_a_byte_order_mark_is_skipped() -> None:
    assert document(b"\xef\xbb\xbfa: 1") == {"a": 1}


def test_it_refuses_duplicate_keys_with_both_lines() -> None:
    [fault] = yaml_reader.read("a: 1\nb: 2\na: 3\n").faults
    assert (fault.position.line, fault.position.column) == (3, 1)
    assert "first in line 1" in fault.message


def test_every_duplicate_key_is_reported() -> None:
    assert faults("a: 1\na: 2\nb: {c: 1, c: 2}\n") == [("duplicate_key", 2, 1), ("duplicate_key", 3, 11)]


def test_the_first_of_two_values_counts() -> None:
    assert yaml_reader.read("a: 1\na: 2").document == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object:os.system x",
        "a: !!python/object/apply:os.system [ls]",
        "a: !!int '5'",
        "a: !mine {b: 1}",
        "a: !!binary aGk=",
    ],
)
def test_it_refuses_tags_that_build_something(text: str) -> None:
    assert [code for code, *_ in faults(text)] == ["tag"]


def test_it_refuses_merge_keys() -> None:
    assert faults("a: &a {x: 1}\nb: {<<: *a}") == [("merge_key", 2, 5)]


def test_it_refuses_a_mapping_as_a_key() -> None:
    assert faults("{a: 1}: b") == [("key", 1, 1)]


def test_it_refuses_a_list_as_a_key_and_reads_on() -> None:
    reading = yaml_reader.read("? [a]\n: b\nc: d")
    assert [fault.code for fault in reading.faults] == ["key"]
    assert reading.document == {"c": "d"}


def test_an_alias_to_a_list_is_no_key() -> None:
    assert yaml_reader.read("a: &a [x]\n*a : b").document == {"a": ["x"]}


def test_a_few_aliases_are_fine() -> None:
    assert document("a: &host {id: h1}\nb: *host") == {"a": {"id": "h1"}, "b": {"id": "h1"}}


def test_an_alias_to_a_text_is_fine() -> None:
    assert document("a: &x text\nb: *x") == {"a": "text", "b": "text"}


def test_it_refuses_an_alias_that_holds_itself() -> None:
    assert faults("a: &a [*a]") == [("alias", 1, 8)]


def test_it_refuses_an_alias_to_nothing() -> None:
    assert faults("a: *b") == [("alias", 1, 4)]


def test_it_refuses_aliases_that_expand_explosively() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for above, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [{', '.join(['*' + above] * 10)}]\n"
    assert [code for code, *_ in faults(bomb)] == ["too_large"]


def test_it_refuses_one_long_text_many_times_over() -> None:
    assert [code for code, *_ in faults(f"a: &a {'x' * 100_000}\nb: [{'*a, ' * 100}]")] == ["too_large"]


def test_it_refuses_aliases_that_nest_ever_deeper() -> None:
    tower = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [[[[*a{n - 1}]]]]\n" for n in range(1, 100))
    assert [code for code, *_ in faults(tower)] == ["too_deep"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_it_refuses_deep_nesting(opening: str) -> None:
    assert [code for code, *_ in faults(opening * 100_000)] == ["too_deep"]


def test_nesting_up_to_the_limit_is_fine() -> None:
    assert document("[" * limits.FILE_DEPTH + "]" * limits.FILE_DEPTH)


@pytest.mark.parametrize("size", [limits.FILE_BYTES + 1, limits.FILE_BYTES * 3])
def test_it_refuses_files_over_the_limit(size: int) -> None:
    assert faults(b"#" * size) == [("too_large", 1, 1)]


def test_it_counts_bytes_and_not_characters() -> None:
    assert [code for code, *_ in faults("#" + "é" * (limits.FILE_BYTES // 2))] == ["too_large"]


def test_it_refuses_more_values_than_the_limit() -> None:
    assert [code for code, *_ in faults("- a\n" * (limits.FILE_VALUES + 1))] == ["too_large"]


def test_it_says_where_invalid_utf_8_stands() -> None:
    assert faults(b"a: 1\nb: \xff\n") == [("encoding", 2, 4)]


def test_it_says_where_a_nul_stands() -> None:
    assert faults("a: 1\nb: x\0y") == [("encoding", 2, 5)]


def test_it_refuses_other_control_characters() -> None:
    assert faults("a: 1\nb: \x07") == [("encoding", 2, 4)]


def test_it_refuses_lone_surrogates() -> None:
    assert [code for code, *_ in faults("a: \ud800")] == ["encoding"]


def test_it_refuses_a_second_document() -> None:
    assert faults("a: 1\n---\nb: 2") == [("one_document", 2, 1)]


@pytest.mark.parametrize("text", ["9007199254740992", "-9007199254740992", "1e400", "1" * 5000, ".inf", "-.Inf", ".nan", "1e17"])
def test_it_refuses_numbers_that_json_cannot_carry(text: str) -> None:
    assert faults(f"a: {text}") == [("number", 1, 4)]


def test_the_largest_safe_number_is_fine() -> None:
    assert document("a: 9007199254740991") == {"a": 9007199254740991}


def test_a_syntax_error_has_its_line() -> None:
    assert faults("a: 1\nb: [1, 2\nc: 3") == [("yaml_syntax", 3, 2)]


def test_positions_of_values_and_keys_count_from_one() -> None:
    positions = yaml_reader.read("a:\n  b: x\n  c: [1, 2]\n").positions
    assert (positions.of_value(("a", "b")).line, positions.of_value(("a", "b")).column) == (2, 6)
    assert (positions.of_key(("a", "c")).line, positions.of_key(("a", "c")).column) == (3, 3)
    assert (positions.of_value(("a", "c", 1)).line, positions.of_value(("a", "c", 1)).column) == (3, 10)
