"""`runbookpilot web`"""

import os
import sys

import click

from core.plurals import counted
from runbookpilot import environment, supervisor
from runbookpilot.cli import ports


@click.command("web")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="The port to listen on.")
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that answer side by side.")
def web(host: str, port: int, processes: int) -> None:
    """Serve the console and the REST API alone (production). A proxy in front of it speaks HTTPS."""
    try:
        environment.load()
    except environment.ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    ports.require_free(host, port)
    command = supervisor.web(host=host, port=port, processes=processes)
    click.echo(f"Serves http://{host}:{port}/ with {counted(processes, 'process', 'processes')}.")
    sys.stdout.flush()
    # Whoever started this command signals the server itself.
    os.execv(command[0], command)  # noqa: S606


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return web
