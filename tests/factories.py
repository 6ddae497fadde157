"""Rows that tests start from, made through the services where there is one."""

import datetime as dt
import itertools
from typing import Any

from accounts.choices import Role
from accounts.models import Environment, Tenant, User
from accounts.services import memberships, tenants, tokens, users
from core.actors import system

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
SETUP = system("setup")
_numbers = itertools.count(1)


def tenant(slug: str = "", **settings: Any) -> Tenant:
    """A tenant with its default environment `production`."""
    slug = slug or f"tenant-{next(_numbers)}"
    return tenants.create(slug=slug, name=slug.title(), actor=SETUP, now=NOW, **settings)


def environment(of: Tenant) -> Environment:
    """The default environment of a tenant."""
    return Environment.objects.get(tenant=of, is_default=True)


def user(role: Role | None = None, of: Tenant | None = None, *, username: str = "", **more: Any) -> User:
    """A user, with a role in a tenant where one is given."""
    row = users.create(
        username=username or f"user-{next(_numbers)}",
        password="a long pass phrase",
        check_password=False,
        actor=SETUP,
        now=NOW,
        **more,
    )
    if role is not None and of is not None:
        memberships.grant(user=row, tenant=of, role=role, actor=SETUP, now=NOW)
    return row


def token(of: User, scopes: tuple[str, ...] = ()) -> str:
    """The text of a new token."""
    return tokens.create(user=of, name="test", actor=SETUP, now=NOW, scopes=scopes)[1]
