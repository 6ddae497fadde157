"""Moving a deployment to another database: embedded to production, or back. Nothing of ours may run meanwhile."""

import datetime as dt
from pathlib import Path
from typing import Any

import psycopg
from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.services import stops
from audit import journal
from audit.choices import Kind
from core.actors import Actor
from core.errors import Conflict, NotFound
from runbookpilot import databases, transfer

SOURCE, TARGET = "move-source", "move-target"
#: Seconds that a process which is just ending may take to let go of the database.
PATIENCE = 5


class InUse(Conflict):
    """Something still works with the database."""

    code = "database_in_use"


class NothingThere(NotFound):
    """There is no database to move."""

    code = "no_database"


def move(
    *, source: dict[str, Any], target: dict[str, Any], actor: Actor, now: dt.datetime, progress: transfer.Progress
) -> transfer.Copy:
    """Copy everything into the empty `target`, verified, and stop all writes of the `source`, so that nothing runs twice.

    Raises InUse, NothingThere, and what `transfer.copy` raises; then the target is as empty as before.
    """
    where = {"from": databases.shown(source), "to": databases.shown(target)}
    if source["ENGINE"].endswith("sqlite3") and not Path(source["NAME"]).is_file():
        raise NothingThere(f"{NothingThere.__doc__} {where['from']} is not there.")

    def finish(made: transfer.Copy) -> None:
        journal.append(
            stream="deployment", kind=Kind.DEPLOYMENT_MOVED, actor=actor, now=now, subject=("deployment", "database"),
            data={**where, "rows": made.rows, "entries": made.report.entries},
        )  # fmt: skip

    with databases.opened(SOURCE, _alone(source)) as old, databases.opened(TARGET, target) as new:
        _require_alone(old)
        with transaction.atomic(using=SOURCE):
            _hold(old)
            made = transfer.copy(old, new, progress=progress, finish=finish)
            with databases.as_default(old):
                stops.engage(tenant=None, reason=f"This deployment was moved to {where['to']}.", actor=actor, now=now)
    return made


def _alone(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with which the source is read by us alone, as it stands at one moment."""
    options = dict(settings["OPTIONS"])
    if settings["ENGINE"].endswith("sqlite3"):
        start = f"PRAGMA busy_timeout={PATIENCE * 1000}; PRAGMA locking_mode=EXCLUSIVE; PRAGMA foreign_keys=ON"
        options |= {"timeout": PATIENCE, "init_command": start}
    else:
        options["isolation_level"] = psycopg.IsolationLevel.REPEATABLE_READ
    return {**settings, "OPTIONS": options}


def _require_alone(source: BaseDatabaseWrapper) -> None:
    """Raise InUse where anybody else has the database open."""
    others = []
    try:
        with source.cursor() as cursor:
            if source.vendor == "postgresql":
                cursor.execute(
                    "SELECT pid, coalesce(nullif(application_name, ''), 'a program'), coalesce(host(client_addr), 'this machine') "
                    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
                    "AND backend_type = 'client backend' ORDER BY pid"
                )
                others = [f"{name} from {host} (backend {pid})" for pid, name, host in cursor.fetchall()]
            else:
                cursor.execute("BEGIN EXCLUSIVE")
                cursor.execute("ROLLBACK")
    except OperationalError as error:
        if "locked" not in str(error):
            raise
        others = ["another process"]
    if others:
        raise _in_use(others)


def _hold(source: BaseDatabaseWrapper) -> None:
    """Let nobody write until the source's transaction ends; SQLite's lock is held already."""
    if source.vendor != "postgresql":
        return
    with source.cursor() as cursor:
        tables = ", ".join(source.ops.quote_name(name) for name in source.introspection.table_names(cursor))
        try:
            cursor.execute(f"LOCK TABLE {tables} IN SHARE MODE NOWAIT")
        except OperationalError as error:
            raise _in_use(["another process"]) from error


def _in_use(others: list[str]) -> InUse:
    return InUse(
        f"The database is in use by {', '.join(others[:5])}, and what was written meanwhile would be lost.",
        hint=(
            "Stop web, workers and beat first: Ctrl-C where `runbookpilot up` runs, or "
            "systemctl stop 'runbookpilot-*' where units do. What is under way is given back and goes on after the move."
        ),
    )
