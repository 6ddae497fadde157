"""`runbookpilot version`"""

import json
from importlib.metadata import version

import click


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show(as_json: bool) -> None:
    """Print the version."""
    number = version("runbookpilot")
    click.echo(json.dumps({"version": number}) if as_json else f"runbookpilot {number}")


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return show
