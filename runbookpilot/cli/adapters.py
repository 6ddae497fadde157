"""`runbookpilot adapters`"""

from pathlib import Path

import click
from django.conf import settings

from adapters import declared, instances
from adapters.models import AdapterInstance
from core import clock
from core.actors import system
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
         "breaker": row.circuit, "declared": row.declared, "tenant__slug": row.tenant.slug}
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


@adapters.command("apply")
@click.option("--check", "check_only", is_flag=True, help="Only say what would change.")
@output.as_json
def apply(check_only: bool, as_json: bool) -> None:
    """Make the instances that the adapters file and the environment declare; they are read-only in the console."""
    done = apply_declared(check=check_only)
    found = {"created": list(done.created), "changed": list(done.changed), "released": list(done.released)}
    words = "; ".join(f"{word}: {', '.join(names)}" for word, names in found.items() if names) or "Everything is as declared."
    output.say(found, words, as_json=as_json)


def apply_declared(*, check: bool = False) -> declared.Applied:
    """Apply what is declared; ends the command with every problem where there is one."""
    file = Path(settings.ADAPTERS_FILE) if settings.ADAPTERS_FILE else None
    try:
        found = declared.read(file=file, environ=settings.ADAPTERS_SECRET)
        return declared.apply(declarations=found, actor=system("operator"), now=clock.now(), check=check)
    except declared.WrongDeclarations as error:
        raise click.ClickException(error.sentence) from error


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return adapters
