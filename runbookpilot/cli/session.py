"""On whose behalf a command acts, and in which tenant."""

import uuid
from typing import Any

import click
from django.conf import settings
from django.db.models import QuerySet

from accounts.models import Environment, Tenant, User
from accounts.services import tokens
from core import clock
from core.actors import Actor, system

tenant_option = click.option("--tenant", "tenant_slug", default="", help="The tenant's slug; needed where there are several.")


def person() -> User:
    """Return the owner of RUNBOOKPILOT_TOKEN; ends the command where there is none, because decisions need somebody."""
    if not settings.CLI_TOKEN:
        raise click.ClickException(
            "This needs to know who you are: set RUNBOOKPILOT_TOKEN to a token of yours (runbookpilot token create USER)."
        )
    token = tokens.find(settings.CLI_TOKEN, now=clock.now())
    if token is None:
        raise click.ClickException(
            "RUNBOOKPILOT_TOKEN is unknown, expired or revoked: make a new one with runbookpilot token create USER."
        )
    return token.user


def actor() -> Actor:
    """Return the owner of RUNBOOKPILOT_TOKEN as the one who acts, or the operator of this machine."""
    return person().actor() if settings.CLI_TOKEN else system("operator")


def tenant(slug: str) -> Tenant:
    """Return the tenant that is meant: the one named, or the only one."""
    rows = list(Tenant.objects.filter(is_active=True, **({"slug": slug} if slug else {})).order_by("slug")[:2])
    if len(rows) == 1:
        return rows[0]
    if not rows:
        raise click.ClickException(
            f"There is no tenant {slug!r}." if slug else "There is no tenant yet: run runbookpilot init or demo."
        )
    raise click.ClickException("There are several tenants: name one with --tenant.")


def one(rows: QuerySet[Any], prefix: str, noun: str) -> Any:
    """Return the row whose id begins with `prefix`; ends the command where there is none, or more than one."""
    digits = prefix.replace("-", "").lower()
    if not digits or len(digits) > 32 or set(digits) - set("0123456789abcdef"):
        raise click.ClickException(f"{prefix!r} is no id and no beginning of one.")
    first, last = uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))
    found = list(rows.filter(pk__gte=first, pk__lte=last)[:2])
    if len(found) != 1:
        raise click.ClickException(f"{prefix!r} names {f'several {noun}s: give more of the id' if found else f'no {noun} here'}.")
    return found[0]


def environment(of: Tenant, slug: str = "") -> Environment:
    """Return an environment of the tenant: the one named, or its default."""
    rows = Environment.objects.filter(tenant=of, **({"slug": slug} if slug else {"is_default": True}))
    row = rows.first()
    if row is None:
        raise click.ClickException(f"The tenant {of.slug} has no environment {slug or 'by default'}.")
    return row
