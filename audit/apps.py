from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        # SQLite drops a table's triggers when a migration rebuilds it.
        post_migrate.connect(_install_triggers, sender=self)


def _install_triggers(using: str, **_kwargs: Any) -> None:
    import_module("audit.models.triggers").install(connections[using])
