"""`runbookpilot beat`"""

import click
from django.conf import settings

from runbookpilot import ticker


@click.command("beat")
def beat() -> None:
    """Find what is due every second, and hand it to the workers (production). Two of them do no harm."""
    if settings.TASK_SPREAD != "runbookpilot.celery.spread":
        raise click.ClickException("RUNBOOKPILOT_TASKS is not celery: `runbookpilot up` runs everything, the ticker included.")
    click.echo("Looks for what is due every second.")
    ticker.tick_until_told()


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return beat
