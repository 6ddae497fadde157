"""`runbookpilot worker`"""

import os
import sys

import click

from core.plurals import counted
from runbookpilot import environment, supervisor
from runbookpilot.queues import QUEUES

#: Seconds that tasks under way have to come to a safe point: a call, and what is noted of it.
GRACE = 60.0
#: Connections of one process besides those of its tasks and calls: its lease keeper and one to spare.
SPARE = 2


@click.command("worker")
@click.option("--queues", default=",".join(QUEUES), show_default=True, help="The queues to take tasks from, with commas.")
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1, 256), help="Tasks at once in one process.")
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes, each with its own tasks.")
def worker(queues: str, concurrency: int, processes: int) -> None:
    """Run background work from Redis (production). SIGTERM ends it in good order: work under way is given back or finished."""
    chosen = _chosen(queues)
    try:
        operator = environment.load()
    except environment.ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    if operator.tasks != "celery":
        raise click.ClickException("RUNBOOKPILOT_TASKS is not celery: `runbookpilot up` runs everything, workers included.")
    # Each thread may hold a connection: with fewer, tasks would wait for each other.
    os.environ["RUNBOOKPILOT_DATABASE_POOL"] = str(concurrency + operator.call_threads + SPARE)
    command = [sys.executable, "-m", "runbookpilot.consumer", "--queues", chosen, "--concurrency", str(concurrency)]
    children = [supervisor.Child(f"worker-{number}", command) for number in range(1, processes + 1)]
    click.echo(f"{counted(processes, 'process', 'processes')} with {counted(concurrency, 'task')} at once {'takes' if processes == 1 else 'take'} work from {chosen}.")
    raise SystemExit(supervisor.tend(children, grace=GRACE))


def _chosen(text: str) -> str:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in QUEUES]
    if unknown or not names:
        raise click.UsageError(f"There is no queue {', '.join(unknown) or 'named'}; there are {', '.join(QUEUES)}.")
    return ",".join(dict.fromkeys(names))


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return worker
