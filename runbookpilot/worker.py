"""The worker process of the embedded shape: `python -m runbookpilot.worker`."""

import os

import django
from django.core.management import call_command

from core import databases, memory
from runbookpilot import lifeline, queues


def main() -> None:
    """Run django-q2's cluster until told to end."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runbookpilot.settings")
    django.setup()
    # The cluster forks a tree of its own, and none of it may drive on when this process was killed.
    lifeline.hold_every_fork()
    databases.part_at_forks()
    memory.settle(queues.TASK_MODULES)
    os.nice(queues.NICENESS)
    call_command("qcluster")


if __name__ == "__main__":
    main()
