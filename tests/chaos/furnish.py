"""What an operator sets up before the storm: people, adapters for the lying vendor, the playbooks.

Run in a process of its own, with the environment of the house that it is for: `python -m tests.chaos.furnish VENDOR_URL`.
Prints the tokens of two leads and of an administrator.
"""

import importlib
import json
import os
import sys

import django
from django.core.management import call_command

from tests.chaos import plans


def main(url: str) -> None:
    """Fill an empty database."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runbookpilot.settings")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    factories = importlib.import_module("tests.factories")
    instances, roles = importlib.import_module("adapters.instances"), importlib.import_module("accounts.choices").Role
    playbooks = importlib.import_module("playbooks_app.services.playbooks")
    tenant = factories.tenant("acme", max_level="L2", l2_enabled=True)
    common = {"environment": factories.environment(tenant), "actor": factories.SETUP, "now": factories.NOW}
    instances.create(adapter="chaos-edr", name="edr", config={"url": url}, **common)
    instances.create(adapter="chaos-chat", name="chat", config={"url": url}, **common)
    instances.create(
        adapter="webhook", name="hook", config={"url": url, "allow_private": True}, secrets={"secret": "between us"}, **common
    )
    people = [factories.user(roles.LEAD, tenant) for _ in range(4)]
    for source in plans.sources().values():
        version = playbooks.import_version(tenant=tenant, source=source, actor=people[0].actor(), now=factories.NOW)
        version = playbooks.submit(version=version, actor=people[0].actor(), now=factories.NOW)
        playbooks.activate(version=version, actor=people[1].actor(), now=factories.NOW)
    administrator = factories.user(roles.ADMINISTRATOR, tenant)
    sys.stdout.write(json.dumps([factories.token(person) for person in (*people[2:], administrator)]))


if __name__ == "__main__":
    main(sys.argv[1])
