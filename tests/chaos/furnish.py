"""What an operator sets up before the storm: people, adapters for the lying vendor, one playbook. Prints two tokens.

Run in a process of its own, with the environment of the house that it is for: `python -m tests.chaos.furnish VENDOR_URL`.
"""

import importlib
import json
import os
import sys
from pathlib import Path

import django
from django.core.management import call_command


def main(url: str) -> None:
    """Fill an empty database."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runbookpilot.settings")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    factories = importlib.import_module("tests.factories")
    instances, roles = importlib.import_module("adapters.instances"), importlib.import_module("accounts.choices").Role
    playbooks = importlib.import_module("playbooks_app.services.playbooks")
    tenant = factories.tenant("acme")
    common = {"environment": factories.environment(tenant), "actor": factories.SETUP, "now": factories.NOW}
    instances.create(adapter="chaos-edr", name="edr", config={"url": url}, **common)
    instances.create(adapter="chaos-chat", name="chat", config={"url": url}, **common)
    instances.create(
        adapter="webhook", name="hook", config={"url": url, "allow_private": True}, secrets={"secret": "between us"}, **common
    )
    people = [factories.user(roles.LEAD, tenant) for _ in range(4)]
    source = (Path(__file__).parent / "chaos.yaml").read_text()
    version = playbooks.import_version(tenant=tenant, source=source, actor=people[0].actor(), now=factories.NOW)
    version = playbooks.submit(version=version, actor=people[0].actor(), now=factories.NOW)
    playbooks.activate(version=version, actor=people[1].actor(), now=factories.NOW)
    sys.stdout.write(json.dumps([factories.token(person) for person in people[2:]]))


if __name__ == "__main__":
    main(sys.argv[1])
