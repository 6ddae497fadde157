"""SQLite in the data folder, tuned for several processes, or PostgreSQL with a pool."""

from typing import Any

import environ

from runbookpilot.settings.base import DATA_DIR, OPERATOR

_SQLITE: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON; "
        "PRAGMA foreign_keys=ON; PRAGMA busy_timeout=20000; PRAGMA cache_size=-16000; PRAGMA temp_store=MEMORY"
    ),
}


def _database() -> dict[str, Any]:
    if not OPERATOR.database_url:
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "runbookpilot.sqlite3",
            "OPTIONS": _SQLITE,
            "CONN_MAX_AGE": None,
        }
    config: dict[str, Any] = environ.Env.db_url_config(OPERATOR.database_url)
    if config["ENGINE"].endswith("sqlite3"):
        return {**config, "OPTIONS": _SQLITE, "CONN_MAX_AGE": None}
    config.setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": OPERATOR.database_pool, "timeout": 10}
    # The ORM binds on the client and is not concerned; the one statement that is long and frequent is prepared.
    config["OPTIONS"].setdefault("prepare_threshold", 3)
    return {**config, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}


DATABASES = {"default": _database()}
