"""`runbookpilot list` and `show`"""

import click

from playbooks_app.api import shapes
from playbooks_app.models import Playbook
from runbookpilot.cli import output


@click.command("list")
@output.as_json
def list_playbooks(as_json: bool) -> None:
    """List the playbooks."""
    rows = Playbook.objects.select_related("active_version").order_by("slug")
    found = [shapes.playbook(row) for row in rows]
    if as_json:
        output.dump({"results": found})
        return
    table = [
        {"id": row["id"], "name": row["name"], "active": (row["active_version"] or {}).get("version", "none")} for row in found
    ]
    output.show(table, as_json=False, empty="No playbook yet.")


@click.command("show")
@click.argument("slug")
@output.as_json
def show(slug: str, as_json: bool) -> None:
    """Show the text of the active version of SLUG."""
    row = Playbook.objects.select_related("active_version").filter(slug=slug).first()
    if row is None or row.active_version is None:
        raise click.ClickException(f"There is no playbook {slug!r} with an active version.")
    output.say(shapes.playbook(row), row.active_version.source, as_json=as_json)


def command(name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return {"list": list_playbooks, "show": show}[name]
