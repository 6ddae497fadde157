"""Databases by their addresses: how one is configured, and how a second one is opened beside that of this process."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import environ
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

_SQLITE: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON; "
        "PRAGMA foreign_keys=ON; PRAGMA busy_timeout=20000; PRAGMA cache_size=-16000; PRAGMA temp_store=MEMORY"
    ),
}
#: The ORM binds on the client and is not concerned. What `core.statements` asks finds few rows by their keys, whatever they are: it
#: is prepared when it is asked again, and planned once instead of for each of the next five values.
_POSTGRES: dict[str, Any] = {"prepare_threshold": 1, "options": "-c plan_cache_mode=force_generic_plan"}
FILE = "runbookpilot.sqlite3"


def config(url: str, data: Path) -> dict[str, Any]:
    """Return Django's configuration of the database at `url`; `sqlite`, or nothing, is the file in the data folder."""
    if url in ("", "sqlite"):
        return sqlite(data / FILE)
    found: dict[str, Any] = environ.Env.db_url_config(url)
    if found["ENGINE"].endswith("sqlite3"):
        return {**found, "OPTIONS": dict(_SQLITE), "CONN_MAX_AGE": None}
    return {**found, "OPTIONS": {**_POSTGRES, **found.get("OPTIONS", {})}, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}


def sqlite(file: Path) -> dict[str, Any]:
    """Return Django's configuration of a database in a file."""
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": file, "OPTIONS": dict(_SQLITE), "CONN_MAX_AGE": None}


def shown(settings: dict[str, Any]) -> str:
    """Return where a configuration leads, without its password."""
    if settings["ENGINE"].endswith("sqlite3"):
        return f"sqlite:///{settings['NAME']}"
    host = settings.get("HOST") or "localhost"
    return f"postgresql://{host}:{settings.get('PORT') or 5432}/{settings['NAME']}"


@contextlib.contextmanager
def opened(alias: str, settings: dict[str, Any]) -> Iterator[BaseDatabaseWrapper]:
    """Open a second database under a name of its own, without a pool, and close it again."""
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
    own = {**settings, "OPTIONS": options}
    connections.settings |= connections.configure_settings({"default": connections.settings["default"], alias: own})
    try:
        yield connections[alias]
    finally:
        connections[alias].close()
        del connections[alias], connections.settings[alias]


@contextlib.contextmanager
def as_default(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let everything in this thread use another database, so that services work there as they do here."""
    before = connections["default"]
    connections["default"] = connection
    try:
        yield
    finally:
        connections["default"] = before
