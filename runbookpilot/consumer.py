"""A worker process of the production shape: `python -m runbookpilot.consumer --queues alerts,executions --concurrency 8`."""

import argparse
import os
import platform

import django

from core import memory, turns
from runbookpilot import queues


def main() -> None:
    """Take tasks from the broker until told to end; then finish what is under way and give the rest back."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--queues", required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runbookpilot.settings")
    django.setup()
    # Django has to be set up before the application, which reads its settings, can be imported.
    from runbookpilot.celery import app  # noqa: PLC0415

    worker = app.Worker(
        hostname=f"{platform.node()}:{os.getpid()}",
        pool="threads",
        concurrency=options.concurrency,
        queues=options.queues,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    memory.settle(queues.TASK_MODULES)
    turns.limit(queues.TURNS)
    os.nice(queues.NICENESS)
    worker.start()
    raise SystemExit(worker.exitcode)


if __name__ == "__main__":
    main()
