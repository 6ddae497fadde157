"""A world that the tests of a module share: it is made for real, and emptied at the end."""

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.choices import Role
from audit.models import triggers
from tests import factories
from tests.rest import worlds


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """Two tenants, and a token of each role in the first; made once, since asking changes nothing that matters here."""
    with django_db_blocker.unblock():
        own, other = worlds.build("own"), worlds.build("other")
        tokens = {role: factories.token(factories.user(role, own.tenant, username=f"m-{role}")) for role in Role}
        yield own, other, tokens
        _flush()


def _flush():
    with connection.cursor() as cursor:
        for trigger in triggers.expected(connection.vendor):
            on = f" ON {trigger.table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {trigger.name}{on}")
    call_command("flush", verbosity=0, interactive=False, allow_cascade=True, inhibit_post_migrate=False)
    triggers.install(connection)


@pytest.fixture(autouse=True)
def _throttles_rest(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
