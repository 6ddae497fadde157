"""Connections to the database that nobody needs for a while."""

from django.db import connection


def give_back() -> None:
    """Give this thread's connection back to its pool, as before a network answers; where there is no pool, keep it."""
    if not connection.in_atomic_block and connection.settings_dict["OPTIONS"].get("pool"):
        connection.close()
