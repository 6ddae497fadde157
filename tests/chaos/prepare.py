"""What an operator sets up before the storm: people, mock adapters that take their time, the library. Prints two tokens.

Run in a process of its own, with the environment of the tree that it is for: `python -m tests.chaos.prepare MILLISECONDS`.
"""

import importlib
import json
import os
import sys

import django
from django.core.management import call_command


def main(latency_ms: int) -> None:
    """Fill an empty database."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runbookpilot.settings")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    factories = importlib.import_module("tests.factories")
    adapters, mocks = importlib.import_module("adapters.registry"), importlib.import_module("adapters.models.mocks")
    instances, roles = importlib.import_module("adapters.instances"), importlib.import_module("accounts.choices").Role
    playbooks = importlib.import_module("playbooks_app.services.playbooks")
    tenant = factories.tenant("acme")
    for name, adapter in sorted(adapters.adapters().items()):
        if name.startswith("mock-"):
            row = instances.create(
                environment=factories.environment(tenant), adapter=name, name=name, actor=factories.SETUP, now=factories.NOW
            )
            for action in adapter.actions:
                mocks.MockScript.objects.create(instance=row, action=action.name, latency_ms=latency_ms)
    people = [factories.user(role, tenant) for role in (roles.LEAD, roles.LEAD, roles.ANALYST, roles.LEAD)]
    for version in playbooks.load_library(tenant=tenant, actor=people[0].actor(), now=factories.NOW):
        playbooks.activate(version=version, actor=people[1].actor(), now=factories.NOW)
    sys.stdout.write(json.dumps([factories.token(person) for person in people[2:]]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
