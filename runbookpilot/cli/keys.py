"""`runbookpilot keys`"""

import click

from audit.services import keys as rotating
from core import clock, signing
from runbookpilot.cli import output, session


@click.group()
def keys() -> None:
    """The keys that sign bundles."""


@keys.command("export")
@output.as_json
def export(as_json: bool) -> None:
    """Print the public keys, one a line: id, key in base64, valid from."""
    rows = [key.to_dict() for key in signing.public_keys()]
    if as_json:
        output.dump({"keys": rows})
        return
    for row in rows:
        click.echo(f"{row['keyid']} {row['public']} {row['valid_from']}")


@keys.command("rotate")
@output.as_json
def rotate(as_json: bool) -> None:
    """Make a new key, which signs from now on; what the old ones signed still verifies."""
    newest = rotating.rotate(actor=session.actor(), now=clock.now())
    output.say(newest.to_dict(), f"{newest.key_id} signs from now on.", as_json=as_json)


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return keys
