import datetime as dt
from types import MappingProxyType

import pytest

from playbooks_app.spec import limits
from playbooks_app.spec.expressions import FILTERS, ExpressionError, compile_expression


def value(text: str, x: object = None, y: object = None) -> object:
    return compile_expression(text).evaluate({"x": x, "y": y}, strict=True).value


def fails(text: str, x: object = None, y: object = None) -> str:
    with pytest.raises(ExpressionError) as caught:
        value(text, x, y)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "x", "expected"),
    [
        ("x | lower", "ÄB", "äb"),
        ("x | upper", "äb", "ÄB"),
        ("x | trim", "  a \n", "a"),
        ("x | truncate(3)", "abcdef", "ab…"),
        ("x | truncate(6)", "abcdef", "abcdef"),
        ("x | truncate(0)", "abcdef", ""),
        ("x | replace('a', 'b')", "aXa", "bXb"),
        ("x | split", " a  b ", ["a", "b"]),
        ("x | split(',')", "a,,b", ["a", "", "b"]),
        ("x | join", ["a", 1, True], "a1true"),
        ("x | join(', ')", ["a", "b"], "a, b"),
        ("x | join", [], ""),
        ("x | first", [1, 2], 1),
        ("x | last", [1, 2], 2),
        ("x | first", [], None),
        ("x | last", [], None),
        ("x | length", "abc", 3),
        ("x | length", [1, 2], 2),
        ("x | length", {"a": 1}, 1),
        ("x | unique", [1, "1", 1, True, 1.0, [1], [1]], [1, "1", True, 1.0, [1]]),
        ("x | sort", ["b", "a"], ["a", "b"]),
        ("x | sort", [2, 1.5], [1.5, 2]),
        ("x | sort", [], []),
        ("x | reverse", [1, 2], [2, 1]),
        ("x | pluck('id')", [{"id": 1}, {}], [1, None]),
        ("x | keys", {"a": 1, "b": 2}, ["a", "b"]),
        ("x | to_json", {"a": ["ä", None, 1.5]}, '{"a": ["ä", null, 1.5]}'),
        ("x | to_json", None, "null"),
        ("x | from_json", '{"a": [1]}', {"a": [1]}),
        ("x | to_text", 5, "5"),
        ("x | to_text", None, ""),
        ("x | to_text", [1], "[1]"),
        ("x | to_number", "5", 5),
        ("x | to_number", " -1.5 ", -1.5),
        ("x | to_number", 7, 7),
        ("x | basename", r"C:\Windows\cmd.exe", "cmd.exe"),
        ("x | basename", "/usr/bin/sh", "sh"),
        ("x | url_encode", "a b/ü&", "a%20b%2F%C3%BC%26"),
        ("x | sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("x | b64decode", "aGFsbG8=", "hallo"),
        ("x | b64decode", "aGFs\nbG8", "hallo"),
        ("x | b64decode", "_-8", "��"),
        ("x | b64decode('utf-16')", "YwBtAGQA", "cmd"),
        ("x | b64decode('latin-1')", "/w==", "ÿ"),
        ("x | b64encode", "hallo", "aGFsbG8="),
    ],
)
def test_what_each_filter_yields(text: str, x: object, expected: object) -> None:
    result = value(text, x)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("plain", "defanged"),
    [
        ("https://evil.example.com/a", "hxxps://evil[.]example[.]com/a"),
        ("http://1.2.3.4", "hxxp://1[.]2[.]3[.]4"),
        ("ftp://evil.com", "fxp://evil[.]com"),
        ("a@evil.com", "a[@]evil[.]com"),
        ("nothing here", "nothing here"),
    ],
)
def test_what_is_defanged_can_be_refanged(plain: str, defanged: str) -> None:
    assert value("x | defang", plain) == defanged
    assert value("x | refang", defanged) == plain


def test_defanging_twice_is_defanging_once() -> None:
    assert value("x | defang | defang", "http://evil.com") == "hxxp://evil[.]com"


@pytest.mark.parametrize("text", ["hxxp[:]//evil[dot]com", "hXXp[://]evil(.)com", "http://evil{.}com"])
def test_every_way_of_defanging_is_understood(text: str) -> None:
    assert value("x | refang", text) == "http://evil.com"


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "127.0.0.1",
        "169.254.1.1",
        "100.64.0.1",
        "::1",
        "fd00::1",
        "fe80::1",
        "::ffff:10.0.0.1",
        " 10.0.0.1 ",
    ],
)
def test_addresses_that_are_private(address: str) -> None:
    assert value("x | is_private_ip", address) is True


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "203.0.113.7", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_addresses_that_are_not_private(address: str) -> None:
    assert value("x | is_private_ip", address) is False


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("https://User:pw@Evil.Example.com:8443/a?b#c", "evil.example.com"),
        ("someone@Evil.com", "evil.com"),
        ("evil.com", "evil.com"),
        ("evil.com.", "evil.com"),
        ("hxxps://evil[.]com/x", "evil.com"),
        ("http://[2001:db8::1]:80/", "2001:db8::1"),
    ],
)
def test_the_domain_of_urls_addresses_and_hosts(text: str, domain: str) -> None:
    assert value("x | domain_of", text) == domain


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05.123456+02:00", "2026-01-02 01:04:05"),
        ("2026-01-02", "2026-01-02 00:00:00"),
        (0, "1970-01-01 00:00:00"),
        (1767323045, "2026-01-02 03:04:05"),
        (1767323045000, "2026-01-02 03:04:05"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2026-01-02 03:04:05"),
        (dt.datetime(2026, 1, 2, 3, 4, 5), "2026-01-02 03:04:05"),  # noqa: DTZ001 - without a zone on purpose
    ],
)
def test_dates_are_written_in_utc(x: object, expected: str) -> None:
    assert value("x | format_date", x) == expected


def test_dates_take_a_pattern() -> None:
    assert value("x | format_date('%d.%m.%Y 100%%')", "2026-01-02T03:04:05Z") == "02.01.2026 100%"


@pytest.mark.parametrize("name", sorted(set(FILTERS) - {"default", "to_json", "to_text"}))
def test_null_stays_null_through_every_other_filter(name: str) -> None:
    arguments = {"truncate": "(1)", "replace": "('a', 'b')", "pluck": "('a')"}.get(name, "")
    assert value(f"x | {name}{arguments}") is None


@pytest.mark.parametrize(
    ("text", "x", "message"),
    [
        ("x | lower", 5, "lower needs text, not a number"),
        ("x | first", "abc", "first needs a list, not text"),
        ("x | keys", [], "keys needs a mapping, not a list"),
        ("x | pluck('a')", [1], "pluck needs a mapping, not a number"),
        ("x | length", 5, "length needs text, a list or a mapping, not a number"),
        ("x | replace('', 'a')", "b", "replace needs something to look for"),
        ("x | split('')", "b", "split needs a separator"),
        ("x | truncate('a')", "b", "truncate needs a whole number from 0, not text"),
        ("x | truncate(-1)", "b", "truncate needs a whole number from 0, not a number"),
        ("x | sort", [1, "a"], "sort needs a list of texts or a list of numbers"),
        ("x | sort", [True, False], "sort needs a list of texts or a list of numbers"),
        ("x | join", [None], "null has no text form"),
        ("x | is_private_ip", "web-1", "is_private_ip needs an IP address"),
        ("x | domain_of", "", "domain_of needs a URL, a mail address or a host name"),
        ("x | domain_of", "http://[", "domain_of needs a URL, a mail address or a host name"),
        ("x | b64decode", "a b c d!", "b64decode needs base64 text"),
        ("x | b64decode", "a", "b64decode needs base64 text"),
        ("x | b64decode", "ü", "b64decode needs base64 text"),
        ("x | b64decode('rot13')", "aa", "b64decode knows utf-8, utf-16 and latin-1"),
        ("x | from_json", "{", "from_json needs JSON text"),
        ("x | from_json", "NaN", "from_json does not take NaN"),
        ("x | from_json", "1" * 5000, "from_json needs JSON text"),
        ("x | from_json", "[" * 150 + "]" * 150, "the value nests too deeply"),
        ("x | from_json", "[" * 100_000, "a value nests too deeply"),
        ("x | to_number", "five", "to_number needs a number"),
        ("x | to_number", "9" * 400, "to_number needs a number"),
        ("x | to_number", "9" * 20, "to_number takes numbers up to 2^53"),
        ("x | to_number", "٥", "to_number needs a number"),
        ("x | to_number", True, "to_number needs text, not a boolean"),
        ("x | to_json", float("nan"), "a number has no JSON form"),
        ("x | to_json", object(), "an unknown type has no JSON form"),
        ("x | to_text", object(), "an unknown type has no text form"),
        ("x | format_date", "soon", "format_date needs an ISO 8601 date or seconds since 1970"),
        ("x | format_date", True, "format_date needs text, not a boolean"),
        ("x | format_date", 1e300, "format_date needs an ISO 8601 date or seconds since 1970"),
        ("x | format_date", float("nan"), "format_date needs an ISO 8601 date or seconds since 1970"),
        ("x | format_date", "0001-01-01T00:00:00+12:00", "format_date needs an ISO 8601 date or seconds since 1970"),
        ("x | format_date('%100000000d')", 0, "format_date does not know %1"),
        ("x | format_date('%')", 0, "format_date does not know %"),
        ("x | format_date('%E')", 0, "format_date does not know %E"),
    ],
)
def test_what_a_filter_cannot_take_is_explained(text: str, x: object, message: str) -> None:
    assert fails(text, x) == message


@pytest.mark.parametrize(
    ("text", "x", "y"),
    [
        ("x | replace('a', y)", "a" * 1000, "b" * 1000),
        ("x | join(y)", ["a"] * 1000, "b" * 1000),
        ("x | join", ["a" * 1000] * 1000, None),
        ("x | upper", "ß" * limits.TEXT_CHARACTERS, None),
        ("x | defang", "." * (limits.TEXT_CHARACTERS // 2), None),
        ("x | b64encode", "a" * limits.TEXT_CHARACTERS, None),
        ("x | url_encode", "ü" * (limits.TEXT_CHARACTERS // 2), None),
        ("x | to_json", ["a" * 1000] * 1000, None),
        ("x | format_date(y)", 0, "%Y" * limits.TEXT_CHARACTERS),
        ("x | from_json", " " * (limits.TEXT_CHARACTERS + 1), None),
        ("x | split", "a " * (limits.LIST_ITEMS + 5), None),
        ("x | reverse", [0] * (limits.LIST_ITEMS + 1), None),
    ],
)
def test_no_filter_yields_more_than_the_limit(text: str, x: object, y: object) -> None:
    message = fails(text, x, y)
    assert "longer than" in message or "more than" in message


def test_moments_have_a_json_form_and_a_text_form() -> None:
    noon = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    assert value("[x] | to_json", noon) == '["2026-01-01T12:00:00Z"]'
    assert value("x | to_text", noon) == "2026-01-01T12:00:00Z"


def test_a_read_only_mapping_has_a_json_form() -> None:
    assert value("x | to_json", MappingProxyType({"a": 1})) == '{"a": 1}'


def test_a_date_cannot_be_written_with_what_is_no_unicode() -> None:
    assert fails("x | format_date(y)", 0, "%Y\ud800") == "format_date cannot write this moment"


def test_text_that_is_no_unicode_has_a_digest() -> None:
    assert len(str(value("x | sha256", "\ud800"))) == 64


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_every_filter_says_what_it_yields(name: str) -> None:
    assert FILTERS[name].summary
