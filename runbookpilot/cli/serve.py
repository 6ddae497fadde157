"""`runbookpilot up`"""

import socket

import click
from django.conf import settings
from django.core.management import call_command

from runbookpilot import supervisor
from runbookpilot.cli import adapters


@click.command("up")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="The port to listen on.")
def up(host: str, port: int) -> None:
    """Serve everything embedded: web, worker and ticker as one process tree. Ctrl-C ends it in good order."""
    require_free(host, port)
    prepare()
    click.echo(f"RunbookPilot serves http://{host}:{port}/admin/ with its data in {settings.DATA_DIR}. Ctrl-C ends it.")
    raise SystemExit(supervisor.run(host=host, port=port))


def require_free(host: str, port: int) -> None:
    """End the command with a sentence where something listens there already."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((host if host != "0.0.0.0" else "127.0.0.1", port)) == 0:  # noqa: S104
            raise click.ClickException(f"Something listens on port {port} already: name another with --port.")


def prepare() -> None:
    """Bring the database and the static files to this version, and the adapters to what is declared."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    adapters.apply_declared()


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return up
