"""A deployment with one of everything, executions in every state among it. Prints what a test has to know of it.

Run in a process of its own, with the environment that it is for: `python -m tests.production.world`.
"""

import copy
import importlib
import json
import os
import sys

import django
from django.core.management import call_command


def main() -> None:
    """Fill an empty database."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runbookpilot.settings")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    factories, worlds = importlib.import_module("tests.factories"), importlib.import_module("tests.rest.worlds")
    roles, models = importlib.import_module("accounts.choices").Role, importlib.import_module("playbooks_app.models")
    statuses = importlib.import_module("playbooks_app.choices").ExecutionStatus
    checkpoints, ids = importlib.import_module("audit.services.checkpoints"), importlib.import_module("core.ids")
    world = worlds.build("acme")
    people = [factories.user(roles.LEAD, world.tenant) for _ in range(2)]
    row = models.Execution.objects.get(pk=world.kwargs["execution"]["pk"])
    for status in statuses:
        if status != row.status:
            new = copy.copy(row)
            new.pk, new.status, new.started_by, new.alert, new._state.adding = ids.new(), status, "somebody", None, True
            new.completed_at = factories.NOW if status in ("completed", "failed", "cancelled", "abandoned", "rolled_back") else None
            # Nobody drives those that only stand for a state.
            new.wake_at = None
            new.save(force_insert=True)
    while checkpoints.make(now=factories.NOW) is not None:
        pass
    found = {"execution": str(row.pk), "tokens": [factories.token(person) for person in people]}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
