"""`runbookpilot doctor`"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import click
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from adapters import registry
from adapters.choices import Health
from adapters.models import AdapterInstance
from audit.selectors import deliveries, guard
from core import secrets
from core.plurals import counted
from runbookpilot.cli import output

Finding = tuple[bool, str, str]
ENOUGH = 1 << 30


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return sys.version_info >= (3, 11), f"Python {version}", "Install Python 3.11 or later."


def _data() -> Finding:
    folder = Path(settings.DATA_DIR)
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    return free > ENOUGH, f"{free >> 20} MiB free in {folder}", "Make room: below 1 GiB the journal may fail to write."


def _database() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return False, f"The database does not answer: {error}", "Check RUNBOOKPILOT_DATABASE_URL and that the server runs."
    return True, f"The database answers ({connection.vendor})", ""


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return not plan, f"{counted(len(plan), 'migration')} to apply", "Run: python manage.py migrate"


def _journal() -> Finding:
    missing = guard.missing()
    return not missing, f"Journal triggers missing: {', '.join(missing) or 'none'}", "Run: python manage.py migrate"


def _secrets() -> Finding:
    opens = secrets.decrypt(secrets.encrypt(b"probe")) == b"probe"
    return opens, "Secrets can be encrypted and opened", "Check RUNBOOKPILOT_SECRET_KEYS."


def _deliveries() -> Finding:
    counts = deliveries.counts()
    return (
        not counts["dead"],
        f"{counted(counts['due'], 'delivery', 'deliveries')} under way, {counts['dead']} gave up",
        "Run: runbookpilot dead-letters list; mend the cause, then: runbookpilot dead-letters send --all",
    )


def _adapters() -> Finding:
    ill = list(AdapterInstance.objects.filter(enabled=True, health=Health.UNHEALTHY).values_list("name", flat=True))
    return not ill, f"Unhealthy adapters: {', '.join(ill) or 'none'}", "Run: runbookpilot adapters check NAME"


def _refused() -> Finding:
    found = "; ".join(f"{name} ({reason})" for name, reason in registry.refused().items())
    return not found, f"Refused adapters: {found or 'none'}", "Update or remove the package that brings it."


CHECKS: tuple[Callable[[], Finding], ...] = (_python, _data, _database, _migrations, _journal, _secrets, _deliveries, _adapters, _refused)


@click.command("doctor")
@output.as_json
def doctor(as_json: bool) -> None:
    """Check everything and say how to mend it. Exit code 1 where something is wrong."""
    findings: list[dict[str, object]] = []
    for check in CHECKS:
        try:
            good, what, mend = check()
        except DatabaseError as error:
            good, what, mend = False, f"{check.__name__.strip('_')}: {error}".splitlines()[0], "Mend what stands above first."
        findings.append({"ok": good, "what": what, "mend": "" if good else mend})
    if as_json:
        output.dump({"ok": all(item["ok"] for item in findings), "findings": findings})
    else:
        for item in findings:
            click.echo(f"{'ok  ' if item['ok'] else 'FAIL'} {item['what']}" + (f"\n     {item['mend']}" if item["mend"] else ""))
    raise SystemExit(0 if all(item["ok"] for item in findings) else 1)


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return doctor
