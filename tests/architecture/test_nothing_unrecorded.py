"""Nothing changes unrecorded: every public write service leaves an entry, and every kind of entry is written somewhere."""

import ast
import contextlib
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from audit.choices import Kind
from audit.models import Entry, triggers
from audit.selectors import guard
from audit.services import verify
from core.paths import ROOT
from tests.architecture.scenes_of_executions import ALL as SCENES

APPS = ("accounts", "adapters", "approvals", "audit", "compliance", "entities", "incidents", "playbooks_app")
#: Write services that journal nothing themselves, each with its reason.
EXCUSED = {
    "adapters.instances.load": "It notes each reading of a secret, and adapters.instances.journal_reads journals them together.",
    "compliance.services.history.save": "It saves a row with its history for services that journal the change.",
}
#: Kinds that nothing writes yet, each with what will.
WAITING = {
    Kind.POLICY_CHANGED: "tenants' policies",
    Kind.POLICY_REFUSED: "tenants' policies",
    Kind.CALL_STARTED: "calls outside of executions",
    Kind.CALL_FINISHED: "calls outside of executions",
}


def _modules(app: str) -> Iterator[Any]:
    if app == "adapters":
        yield importlib.import_module("adapters.instances")
        return
    package = importlib.import_module(f"{app}.services")
    for found in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{app}.services.{found.name}")


def _write_services() -> Iterator[str]:
    """Every public function of a service that says who acts."""
    for app in APPS:
        for module in _modules(app):
            for name, function in inspect.getmembers(module, inspect.isfunction):
                actor = inspect.signature(function).parameters.get("actor")
                own = function.__module__ == module.__name__ and not name.startswith("_")
                if own and actor is not None and actor.kind is actor.KEYWORD_ONLY and actor.default is actor.empty:
                    yield f"{module.__name__}.{name}"


WRITE_SERVICES = sorted(set(_write_services()) - set(EXCUSED))


@pytest.fixture(autouse=True)
def _by_hand(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TASK_BACKEND = "core.tasks.drop"
    monkeypatch.setattr(connection, "_allow_calls_in_tests", True, raising=False)


@pytest.mark.django_db
@pytest.mark.parametrize("service", WRITE_SERVICES)
def test_a_write_service_leaves_an_entry(service: str) -> None:
    assert service in SCENES, f"{service} says who acts: give it a scene in tests/architecture/scenes.py"
    call = SCENES[service]()
    before = Entry.objects.count()
    call()
    assert Entry.objects.count() > before
    assert verify.run().ok


def test_every_scene_is_of_a_service_that_is_there() -> None:
    assert set(SCENES) <= set(WRITE_SERVICES)


def _written_kinds() -> set[str]:
    """The members of Kind that code outside of the enum and the wiring names."""
    found = set()
    for path in (path for app in (*APPS, "runbookpilot") for path in (ROOT / app).rglob("*.py")):
        if "migrations" not in path.parts and path.name not in ("wiring.py", "choices.py"):
            found |= set(re.findall(r"\bKind\.([A-Z_]+)\b", path.read_text()))
    return found


@pytest.mark.parametrize("kind", sorted(set(Kind) - set(WAITING)), ids=str)
def test_every_kind_of_entry_is_written_somewhere(kind: Kind) -> None:
    assert kind.name in _written_kinds()


def _dotted(path: Path) -> Iterator[str]:
    """Every dotted path of ours that stands as a text in a file of wiring or registry."""
    heads = "|".join((*APPS, "core", "runbookpilot"))
    for node in ast.walk(ast.parse(path.read_text())):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and re.fullmatch(rf"({heads})(\.\w+)+", text):
            yield text


REGISTRIES = [
    "runbookpilot/wiring.py", "runbookpilot/registry.py", "runbookpilot/periodic.py", "runbookpilot/cli/table.py", "runbookpilot/settings/workers.py",
    "runbookpilot/settings/rest.py", "runbookpilot/settings/base.py", "runbookpilot/settings/apps.py", "adapters/registry.py",
    "audit/journal/append.py", "audit/tasks.py", "playbooks_app/services/executions.py",
]  # fmt: skip
#: Names that look like paths: an entry point, a model.
NOT_PATHS = {"runbookpilot.adapters", "accounts.User"}


@pytest.mark.parametrize("name", REGISTRIES)
def test_every_dotted_path_in_a_registry_resolves(name: str) -> None:
    for dotted in sorted(set(_dotted(ROOT / name)) - NOT_PATHS):
        assert _resolves(dotted), dotted


def _resolves(dotted: str) -> bool:
    head, *rest = dotted.split(".")
    found = importlib.import_module(head)
    for at, name in enumerate(rest):
        if not hasattr(found, name) and inspect.ismodule(found):
            with contextlib.suppress(ModuleNotFoundError):
                importlib.import_module(".".join((head, *rest[: at + 1])))
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


@pytest.mark.django_db
class TestGuard:
    def test_the_journal_is_guarded(self) -> None:
        assert guard.missing() == []

    @pytest.mark.parametrize("trigger", [f"{table}_no_{verb}" for table in triggers.APPEND_ONLY for verb in ("update", "delete")])
    def test_verifying_fails_where_one_guard_is_missing(self, trigger: str) -> None:
        on = f" ON {trigger.rpartition('_no_')[0]}" if connection.vendor == "postgresql" else ""
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {trigger}{on}")
        try:
            assert [problem.what for problem in verify.run().problems] == ["unguarded"]
        finally:
            triggers.install(connection)

    @pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite cannot disable a trigger.")
    def test_a_disabled_guard_is_missing(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_update")
        assert guard.missing() == ["audit_entry_no_update"]
