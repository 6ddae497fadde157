"""`runbookpilot settings`"""

import json

import click
from pydantic import SecretStr

from runbookpilot import environment


@click.command("settings")
@click.option("--example", is_flag=True, help="Print the example file instead.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show(example: bool, as_json: bool) -> None:
    """Show the settings in force; secrets are never shown."""
    if example:
        click.echo(environment.example(), nl=False)
        return
    try:
        values = {name: _shown(value) for name, value in environment.load()}
    except environment.ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(values, default=str))
        return
    for name, value in values.items():
        click.echo(f"{environment.PREFIX}{name.upper()}={value}")


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "(set)" if value.get_secret_value() else ""
    if isinstance(value, list):
        return "(set)" if any(isinstance(item, SecretStr) for item in value) else ",".join(map(str, value))
    return value


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return show
