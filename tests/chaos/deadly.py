"""An adapter whose call kills the process that makes it, as a library that crashes does; and a tenant in which it is used.

`python -m tests.chaos.deadly` fills an empty database, in a process of its own, and prints the token of an administrator.
"""

import importlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import django
from django.core.management import call_command

from adapters.contract import Action, Adapter, CallContext, ExecutionResult, Health
from adapters.edr.contract import ACTIONS

SOURCE = """
apiVersion: runbookpilot/v1
metadata: {id: deadly, name: Deadly, version: 1.0.0, description: One read., author: RunbookPilot, attack: [T1047]}
level: L1
triggers: [{source: any, technique: T1047}]
steps:
  - {id: look, action: edr.get_isolation_status, with: {host: "{{ alert.host.name }}"}}
"""


class Deadly(Adapter):
    """Writes down that it was asked; then, as long as there is a file `deadly` beside that, it kills whoever asked."""

    name = "deadly-edr"
    vendor = "Deadly"
    actions: ClassVar[tuple[Action, ...]] = tuple(action for action in ACTIONS if action.name == "edr.get_isolation_status")

    def execute(self, name: str, params: Mapping[str, Any], context: CallContext) -> ExecutionResult:
        folder = Path(os.environ["CHAOS_DEADLY"])
        with (folder / "asked").open("a", encoding="utf-8") as asked:
            asked.write(f"{os.getpid()}\n")
        if (folder / "deadly").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return ExecutionResult({"isolated": False})

    def health_check(self, context: CallContext) -> Health:
        return Health(True, "Not asked.")


def fill(adapter: str, source: str) -> list[str]:
    """Fill an empty database with one adapter and one playbook; return the tokens of two leads and an administrator."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runbookpilot.settings")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    factories, roles = importlib.import_module("tests.factories"), importlib.import_module("accounts.choices").Role
    playbooks = importlib.import_module("playbooks_app.services.playbooks")
    tenant = factories.tenant("acme")
    importlib.import_module("adapters.instances").create(
        environment=factories.environment(tenant), adapter=adapter, name="edr", actor=factories.SETUP, now=factories.NOW
    )
    author, lead, administrator = (factories.user(role, tenant) for role in (roles.LEAD, roles.LEAD, roles.ADMINISTRATOR))
    version = playbooks.import_version(tenant=tenant, source=source, actor=author.actor(), now=factories.NOW)
    version = playbooks.submit(version=version, actor=author.actor(), now=factories.NOW)
    playbooks.activate(version=version, actor=lead.actor(), now=factories.NOW)
    return [factories.token(user) for user in (author, lead, administrator)]


if __name__ == "__main__":
    sys.stdout.write(fill("deadly-edr", SOURCE)[-1])
