"""Numbers with their nouns."""

import re

import pytest

from core.paths import ROOT
from core.plurals import counted

#: A number in a template, and a noun that is right for several only.
BARE = re.compile(r"\{\{ ([\w.|:]+) \}\} (?:[a-z]+ )?(alerts|approvals|attempts|days|deliveries|entries|events|files|findings|hashes|problems|steps)\b")
#: Never one: a quorum that more than one is missing of; a pack with its manifest and its signature.
SEVERAL = {"item.quorum", "bundle.files|length|add:2"}


@pytest.mark.parametrize(("number", "said"), [(0, "0 entries"), (1, "1 entry"), (2, "2 entries")])
def test_one_is_one_and_any_other_number_many(number: int, said: str) -> None:
    assert counted(number, "entry", "entries") == said


def test_most_nouns_take_an_s() -> None:
    assert [counted(number, "problem") for number in (1, 3)] == ["1 problem", "3 problems"]


def test_no_page_says_one_of_several() -> None:
    found = [(path.name, *match) for path in (ROOT / "templates").rglob("*.html") for match in BARE.findall(path.read_text())]
    assert [item for item in found if item[1] not in SEVERAL] == []
