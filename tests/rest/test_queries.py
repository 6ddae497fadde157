"""No address ignores what it is asked with: a name that it does not know, or has twice, is refused; the schema has the same names."""

import re

import pytest
from drf_spectacular.generators import SchemaGenerator

from accounts.choices import Role
from tests.rest import worlds
from tests.rest.test_matrix import ROUTES, path

pytestmark = pytest.mark.django_db

SCHEMA = SchemaGenerator().get_schema(request=None, public=True)["paths"]
EVERY = sorted(ROUTES)
LISTS = sorted(name for name, method in ROUTES if name.endswith("-list") and method == "get")


def bare(address):
    """An address with each placeholder alike."""
    return re.sub(r"\{\w+\}|\(\?P<\w+>[^()]*(?:\([^()]*\)[^()]*)*\)", "{}", address).removeprefix("^").removesuffix("$")


BARE = {bare(address): operations for address, operations in SCHEMA.items()}


def documented(name, method):
    operation = BARE[f"/api/v1/{bare(ROUTES[name, method])}"][method]
    return {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}


@pytest.fixture
def ask(world):
    def ask(name, method, query):
        address = path(name, method, world[0]).split("?")[0]
        return worlds.call(method, f"{address}?{query}", world[2][Role.ADMINISTRATOR])

    return ask


def refused(answer):
    return answer.status_code == 400 and answer.json()["code"] == "unknown_parameter"


@pytest.mark.parametrize(("name", "method"), EVERY)
def test_a_name_that_is_not_known_is_refused_with_those_that_are(ask, name, method):
    answer = ask(name, method, "stauts=failed")
    assert refused(answer), answer.content
    assert "'stauts'" in answer.json()["detail"]
    [sentence] = answer.json()["fields"]["stauts"]
    listed = sentence.removeprefix("There is no such parameter; there are: ").removesuffix(".")
    assert set(listed.split(", ")) == documented(name, method) - {"format"}


@pytest.mark.parametrize(("name", "method"), EVERY)
def test_what_the_schema_names_is_known(ask, name, method):
    assert not [one for one in sorted(documented(name, method)) if refused(ask(name, method, f"{one}="))]


@pytest.mark.parametrize(("name", "method"), EVERY)
def test_what_is_named_twice_is_refused(ask, name, method):
    answers = {one: ask(name, method, f"{one}=&{one}=").json() for one in sorted(documented(name, method))}
    assert {one: (answer["code"], *answer["fields"]) for one, answer in answers.items()} == {one: ("repeated_parameter", one) for one in answers}


def test_of_two_values_none_is_dropped(ask):
    answer = ask("execution-list", "get", "status=failed&status=completed&alert=&playbook=a&playbook=a")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "This query has 'status', 'playbook' more than once."
    assert "once for each value" in answer.json()["hint"]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_may_be_asked_for_json(ask, name):
    assert ask(name, "get", "format=json&page_size=1&tenant=own").status_code == 200


def test_the_schema_itself_may_be_asked_for_json(world):
    assert worlds.call("get", "/api/schema/?format=json", world[2][Role.VIEWER]).status_code == 200


def test_a_name_that_is_nearly_right_is_recognised(ask):
    assert ask("execution-list", "get", "started_afer=2026-01-01T00:00:00Z").json()["hint"] == "Did you mean started_after?"


def test_filters_belong_to_the_list_and_not_to_one_row(ask):
    assert refused(ask("execution-detail", "get", "status=failed"))


def test_every_name_that_is_not_known_is_named(ask):
    assert set(ask("alert-list", "get", "hots=a&host=b&users=c").json()["fields"]) == {"hots", "users"}


def test_names_without_end_are_answered_in_few_words(ask):
    query = "&".join(f"{'n' * 500}{number}=1" for number in range(500))
    assert len(ask("alert-list", "get", query).content) < 5000


def test_whoever_may_not_is_told_that_first(world):
    assert worlds.call("get", "/api/v1/alerts?stauts=failed").status_code == 401


def test_an_alert_is_not_taken_in_under_a_name_that_is_not_known(ask):
    assert refused(ask("alert-list", "post", "enviroment=lab"))


def test_an_export_takes_the_filters_of_its_list(ask):
    answer = ask("audit-export", "get", "kind=execution:started&form=csv")
    kinds = {line.split(",")[4] for line in answer.getvalue().decode().splitlines()[1:]}
    assert len(kinds) == 1


@pytest.mark.parametrize(
    ("name", "query"),
    [("control-coverage", "framework=f&environment=%00"), ("control-coverage", "framework=%00"), ("alert-list", "host=a%00"), ("alert-list", "tenant=%00")],
)
def test_a_nul_is_no_part_of_a_value(ask, name, query):
    answer = ask(name, "get", query)
    assert answer.status_code == 400
    assert answer.json()["fields"] == {query.split("&")[-1].split("=")[0]: ["A NUL character is not allowed here."]}
