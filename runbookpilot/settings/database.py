"""SQLite in the data folder, tuned for several processes, or PostgreSQL with a pool."""

from typing import Any

from runbookpilot import databases
from runbookpilot.settings.base import DATA_DIR, OPERATOR


def _database() -> dict[str, Any]:
    if not OPERATOR.database_url:
        DATA_DIR.mkdir(parents=True, exist_ok=True)
    config = databases.config(OPERATOR.database_url, DATA_DIR)
    if config["ENGINE"].endswith("postgresql"):
        config["OPTIONS"]["pool"] = {"min_size": 1, "max_size": OPERATOR.database_pool, "timeout": 10}
    return config


DATABASES = {"default": _database()}

#: A request holds a connection for most of its time, so that more at once would only wait for one another.
REQUEST_THREADS = OPERATOR.database_pool
