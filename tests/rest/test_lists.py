"""What every list promises: cursor pages without loss, ordering, fields, filters that are checked."""

import re

import pytest
from django.urls import get_resolver

from accounts.choices import Role
from accounts.models import ApiToken, Membership, User
from accounts.services import memberships
from accounts.services import tokens as token_service
from playbooks_app.models import Execution
from tests import factories
from tests.rest import worlds
from tests.rest.test_matrix import ROUTES
from tests.rest.test_query_counts import GROWS

pytestmark = pytest.mark.django_db

LISTS = sorted(GROWS)
ROWS = 23
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ZONED = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+([+-]\d\d:\d\d|$)")


def address(name):
    return f"/api/v1/{ROUTES[name, 'get'].removeprefix('^').removesuffix('$')}"


@pytest.fixture
def ask(world):
    def ask(path, role=Role.ADMINISTRATOR):
        return worlds.call("get", path, world[2][role])

    return ask


@pytest.fixture
def grown(world):
    def grown(name):
        for number in range(ROWS):
            GROWS[name](world[0], number)
        return address(name)

    return grown


def walked(ask, path, way="next"):
    """Every row from here on, page by page."""
    rows = []
    while path:
        page = ask(path).json()
        rows = rows + page["results"] if way == "next" else page["results"] + rows
        last, path = path, page[way]
    return rows, last


def orderings(name):
    api = next(item for item in get_resolver().url_patterns if str(item.pattern) == "api/v1/")
    view = next(item.callback.cls for item in api.url_patterns if item.name == name)
    return view.ordering_fields


@pytest.mark.parametrize("name", LISTS)
def test_pages_hold_every_row_once_forth_and_back(ask, grown, name):
    path = grown(name)
    every = ask(f"{path}?page_size=200").json()["results"]
    forth, last = walked(ask, f"{path}?page_size=7")
    back, _ = walked(ask, last, "previous")
    assert forth == back == every


@pytest.mark.parametrize(("name", "field"), [(name, field) for name in LISTS for field in sorted(orderings(name))])
def test_a_list_is_ordered_by_what_it_names_though_rows_are_equal(ask, grown, name, field):
    path = grown(name)
    up, _ = walked(ask, f"{path}?page_size=7&ordering={field}")
    down, _ = walked(ask, f"{path}?page_size=7&ordering=-{field}")
    every = ask(f"{path}?page_size=200").json()["results"]
    assert up == down[::-1]
    assert sorted(map(str, up)) == sorted(map(str, every))


def test_an_order_is_that_of_the_field(ask, grown):
    rows = ask(f"{grown('alert-source-list')}?ordering=-name").json()["results"]
    assert [row["name"] for row in rows] == sorted((row["name"] for row in rows), reverse=True)


@pytest.mark.parametrize("name", LISTS)
def test_every_list_names_what_it_is_ordered_by(ask, name):
    answer = ask(f"{address(name)}?ordering=nonsense")
    assert orderings(name)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["ordering"])


@pytest.mark.parametrize("name", LISTS)
def test_a_list_gives_the_fields_that_are_asked_for(ask, name):
    rows = ask(address(name)).json()["results"]
    assert [set(row) for row in ask(f"{address(name)}?fields=id").json()["results"]] == [{"id"}] * len(rows) != []


@pytest.mark.parametrize("name", LISTS)
def test_a_field_that_is_none_is_said_with_those_there_are(ask, name):
    answer = ask(f"{address(name)}?fields=id,nonsense")
    assert (answer.status_code, answer.json()["code"]) == (400, "no_such_field")
    assert "'nonsense'" in answer.json()["fields"]["fields"][0]


def test_one_row_gives_the_fields_that_are_asked_for_too(ask, world):
    path = f"/api/v1/executions/{world[0].kwargs['execution']['pk']}"
    assert ask(f"{path}?fields=status,id").json().keys() == {"id", "status"}


@pytest.mark.parametrize("size", ["0", "-1", "x", "1.5", "9" * 400, "%00", "٣"])
def test_a_page_size_that_is_none_is_said(ask, size):
    answer = ask(f"/api/v1/alerts?page_size={size}")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["page_size"])


def test_a_page_is_never_longer_than_200_rows(ask, grown):
    assert ask(f"{grown('framework-list')}?page_size=100000").status_code == 200


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "%00", "ZZZ", "W10", "eyJhIjoxfQ", "bnVsbA",
        # ["-id"], false, and: no id, a number, a list, nothing.
        "W1siLWlkIl0sZmFsc2UsWyJ4Il1d", "W1siLWlkIl0sZmFsc2UsWzFlMzBdXQ", "W1siLWlkIl0sZmFsc2UsW1tdXV0", "W1siLWlkIl0sZmFsc2UsW11d",
    ],
)  # fmt: skip
def test_a_cursor_that_was_not_given_out_is_said(ask, cursor):
    answer = ask(f"/api/v1/executions?cursor={cursor}")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["cursor"])


def test_a_cursor_belongs_to_one_order(ask, grown):
    path = grown("execution-list")
    following = ask(f"{path}?page_size=2").json()["next"]
    assert ask(f"{following}&ordering=status").status_code == 400


def test_rows_that_come_meanwhile_are_not_repeated(ask, grown, world):
    path = grown("execution-list")
    first = ask(f"{path}?page_size=5").json()
    GROWS["execution-list"](world[0], 1000)
    second = ask(first["next"]).json()["results"]
    assert not {row["id"] for row in first["results"]} & {row["id"] for row in second}


def test_a_row_that_goes_meanwhile_loses_no_other(ask, grown):
    path = grown("execution-list")
    every = [row["id"] for row in ask(f"{path}?page_size=200").json()["results"]]
    first = ask(f"{path}?page_size=5").json()
    Execution.objects.filter(pk=every[4]).update(status="failed", lease_until=None)
    Execution.objects.get(pk=every[4]).steps.all().delete()
    Execution.objects.filter(pk=every[4]).delete()
    assert [row["id"] for row in ask(first["next"]).json()["results"]] == every[5:10]


def moments(value):
    if isinstance(value, dict):
        return [moment for item in value.values() for moment in moments(item)]
    if isinstance(value, list):
        return [moment for item in value for moment in moments(item)]
    return [value] if isinstance(value, str) and (MOMENT.fullmatch(value) or ZONED.fullmatch(value)) else []


@pytest.mark.parametrize("name", LISTS)
def test_times_end_in_z(ask, grown, name):
    found = moments(ask(grown(name)).json()["results"])
    assert [moment for moment in found if not MOMENT.fullmatch(moment)] == []


@pytest.mark.parametrize("name", LISTS)
def test_no_address_ends_in_a_slash(ask, name):
    assert not address(name).endswith("/")
    assert ask(f"{address(name)}/").status_code == 404


@pytest.mark.parametrize("name", ["incident-list", "alert-list", "execution-list"])
def test_a_list_shows_a_row_as_its_own_page_does(ask, grown, name):
    path = grown(name)
    row = ask(path).json()["results"][0]
    page = ask(f"{path}/{row['id']}").json()
    assert row == {name: page[name] for name in row}


def test_a_filter_that_is_wrong_is_refused(ask):
    assert ask(f"{address('execution-list')}?status=nonsense").status_code == 400


@pytest.mark.parametrize("name", LISTS)
def test_the_first_page_is_the_same_however_it_is_asked_for(ask, grown, name):
    path = grown(name)
    plain, named = ask(f"{path}?page_size=7").json(), ask(f"{path}?page_size=7&tenant=own").json()
    assert plain["results"] == named["results"] != []
    assert plain["next"] == named["next"].replace("&tenant=own", "")


@pytest.mark.parametrize("name", ["incident-list", "alert-list", "execution-list"])
def test_what_is_taken_away_is_gone_at_once(ask, name):
    assert ask(address(name), Role.VIEWER).json()["results"]
    for membership in Membership.objects.filter(user__username="m-viewer"):
        memberships.revoke(membership=membership, actor=factories.SETUP, now=factories.NOW)
    assert ask(address(name), Role.VIEWER).json()["results"] == []
    for row in ApiToken.objects.filter(user__username="m-viewer"):
        token_service.revoke(token=row, actor=factories.SETUP, now=factories.NOW)
    assert ask(address(name), Role.VIEWER).status_code == 401


@pytest.mark.parametrize("name", ["incident-list", "alert-list", "execution-list"])
def test_whoever_is_no_longer_active_is_nobody(ask, name):
    assert ask(address(name), Role.LEAD).status_code == 200
    User.objects.filter(username="m-lead").update(is_active=False)
    assert ask(address(name), Role.LEAD).status_code == 401


@pytest.mark.parametrize("scopes", [("view_records",), ("ingest_alerts",)])
def test_a_first_page_is_within_the_scopes_of_its_token(world, scopes):
    token = factories.token(factories.user(Role.ANALYST, world[0].tenant), scopes=scopes)
    rows = worlds.call("get", "/api/v1/alerts", token).json()["results"]
    assert bool(rows) == (scopes == ("view_records",))
