"""Requests of every shape, drawn from the schema: none is answered with a server error or an undocumented status."""

import io

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

from accounts.choices import Role

EXAMPLES = 12
LONG = 300

SCHEMA = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
SCHEMA.app = get_wsgi_application()
OPERATIONS = {f"{found.ok().method.upper()} {found.ok().path}": found.ok() for found in SCHEMA.get_all_operations()}


def test_the_schema_is_valid_and_generates_without_a_warning():
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_the_schema_holds_every_address():
    assert len(OPERATIONS) > 50


@pytest.fixture(autouse=True)
def _connections_stay():
    """The application closes its connection after each request; here that would be the test's own."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def placeholders(world, path):
    """What stands for the parameters of an address in the world."""
    kind = next(
        (
            kind
            for kind in sorted(world.kwargs, key=len, reverse=True)
            if path.startswith(f"/api/v1/{PLURALS.get(kind, kind + 's')}")
        ),
        "",
    )
    given = world.kwargs.get(kind, {})
    return {**given, "id": given["pk"]} if "pk" in given else given


PLURALS = {"audit-entry": "audit/entries"}


def answered(world, operation, examples):
    """Ask what the schema allows, and what it does not; look at every answer."""
    known = placeholders(world[0], operation.path)
    headers = {"Authorization": f"Token {world[2][Role.ADMINISTRATOR]}"}

    @seed(20260304)
    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def ask(case):
        # An id that is drawn names nothing: what is there is asked about as well.
        for name in set(known) & set(case.path_parameters or {}):
            case.path_parameters[name] = known[name]
        case.call_and_validate(headers=headers, checks=[not_a_server_error, status_code_conformance])

    ask()


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_never_fails(world, name):
    answered(world, OPERATIONS[name], EXAMPLES)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_never_fails_however_often_it_is_asked(world, name):
    answered(world, OPERATIONS[name], LONG)
