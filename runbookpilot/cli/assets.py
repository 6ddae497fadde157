"""`runbookpilot assets`: the inventory that impact is judged by."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import click

from core import clock
from core.plurals import counted
from entities.selectors import graph
from entities.services import inventory
from runbookpilot.cli import output, session

MOST_BYTES = 50 << 20


@click.group()
def assets() -> None:
    """The inventory: hosts with what they are worth, who owns them and what runs on them."""


@assets.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@session.tenant_option
@output.as_json
def import_(file: Path, tenant_slug: str, as_json: bool) -> None:
    """Take hosts in from FILE: a JSON list, or CSV with the columns host, criticality, owner and services (separated by ;).

    A criticality is one of low, medium, high and crown-jewel. Hosts that are not named stay as they are.
    """
    tenant = session.tenant(tenant_slug)
    with output.told():
        count = inventory.take_in(tenant=tenant, rows=_rows(file), actor=session.actor(), now=clock.now())
    output.say({"hosts": count}, f"{counted(count, 'host is', 'hosts are')} in the inventory of {tenant.name}.", as_json=as_json)


@assets.command("list")
@session.tenant_option
@output.as_json
def list_(tenant_slug: str, as_json: bool) -> None:
    """List the hosts of the inventory."""
    rows = graph.inventory(tenant_id=session.tenant(tenant_slug).pk)
    empty = "The inventory is empty: runbookpilot assets import FILE takes hosts in."
    output.show(rows, as_json=as_json, empty=empty, columns=("host", "criticality", "owner", "services"))


def _rows(file: Path) -> list[Any]:
    if file.stat().st_size > MOST_BYTES:
        raise click.ClickException(f"{file} has more than {MOST_BYTES >> 20} MB.")
    try:
        text = file.read_text(encoding="utf-8-sig")
        if not text.lstrip().startswith(("[", "{")):
            return [{name: value for name, value in row.items() if value != ""} for row in csv.DictReader(io.StringIO(text))]
        found = json.loads(text)
    except (ValueError, csv.Error, RecursionError) as error:
        raise click.ClickException(f"{file} is neither a JSON list nor CSV in UTF-8: {error}.") from error
    return found if isinstance(found, list) else [found]


def command(_name: str) -> click.Command:
    """Return the command, for the table."""
    return assets
