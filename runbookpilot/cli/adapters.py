"""`runbookpilot adapters`"""

import click

from adapters import instances
from adapters.models import AdapterInstance
from core import clock
from runbookpilot.cli import output, session


@click.group()
def adapters() -> None:
    """Adapters and their instances."""


@adapters.command("list")
@output.as_json
def list_instances(as_json: bool) -> None:
    """List the instances."""
    rows = AdapterInstance.objects.select_related("tenant").order_by("tenant__slug", "name")
    shown = [
        {"name": row.name, "adapter": row.adapter, "mode": row.mode, "enabled": row.enabled, "health": row.health,
         "breaker": row.circuit, "tenant__slug": row.tenant.slug}
        for row in rows
    ]  # fmt: skip
    output.show(shown, as_json=as_json, empty="No instance yet.")


@adapters.command("check")
@click.argument("name")
@session.tenant_option
@output.as_json
def check(name: str, tenant_slug: str, as_json: bool) -> None:
    """Ask the vendor behind NAME whether it answers."""
    row = AdapterInstance.objects.filter(tenant=session.tenant(tenant_slug), name=name).select_related("environment").first()
    if row is None:
        raise click.ClickException(f"There is no instance {name!r}.")
    found = instances.check(instance=row, actor=session.actor(), now=clock.now())
    output.say(
        {"name": name, "health": found.health, "detail": found.health_detail},
        f"{found.health}: {found.health_detail}",
        as_json=as_json,
    )


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return adapters
