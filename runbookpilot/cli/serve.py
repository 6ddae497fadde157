"""`runbookpilot up` and `runbookpilot prepare`"""

import click
from django.conf import settings
from django.core.management import call_command

from accounts.models import Tenant
from runbookpilot import supervisor
from runbookpilot.cli import adapters, ports


@click.command("up")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="The port to listen on.")
def up(host: str, port: int) -> None:
    """Serve everything embedded: web, worker and ticker as one process tree. Ctrl-C ends it in good order."""
    ports.require_free(host, port)
    prepare()
    click.echo(f"RunbookPilot serves http://{host}:{port}/admin/ with its data in {settings.DATA_DIR}. Ctrl-C ends it.")
    raise SystemExit(supervisor.run(host=host, port=port))


def prepare() -> None:
    """Bring the database and the static files to this version, and the adapters to what is declared."""
    migrate()
    # What is declared for the first tenant is applied by whatever makes that, and must not stand in its way.
    if Tenant.objects.exists():
        adapters.apply_declared()


def migrate() -> None:
    """Bring the database and the static files to this version."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


@click.command("prepare")
def prepare_alone() -> None:
    """Bring database, static files and declared adapters to this version, before anything of it starts (production)."""
    prepare()
    click.echo("The database and the static files are at this version, and adapters as they are declared.")


def command(name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return {"up": up, "prepare": prepare_alone}[name]
