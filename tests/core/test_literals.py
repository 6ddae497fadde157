"""A constant in the text of a query is a word of ours, and nothing else."""

import pytest

from accounts.models import Tenant
from core.literals import Literal
from tests import factories


@pytest.mark.django_db
def test_it_compares_as_a_parameter_does() -> None:
    factories.tenant("acme")
    assert [Tenant.objects.filter(slug=Literal(word)).count() for word in ("acme", "other", "")] == [1, 0, 0]


@pytest.mark.parametrize("word", ["it's", "a b", "x' OR '1'='1", "%s", "1"])
def test_what_is_no_word_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="is no word"):
        Literal(word)
