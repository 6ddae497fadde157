"""Connections to the database that nobody needs for a while, or that belong to another process."""

import os
from typing import Any

from django.db import connection, connections

#: What a forked process has inherited is kept, never used and never closed: it is its parent's.
_inherited: list[Any] = []


def give_back() -> None:
    """Give this thread's connection back to its pool, as before a network answers; where there is no pool, keep it."""
    if not connection.in_atomic_block and connection.settings_dict["OPTIONS"].get("pool"):
        connection.close()


def part_at_forks() -> None:
    """Let each process that is forked from now on open connections of its own.

    Two processes on one connection read each other's answers and commit each other's work.
    """
    os.register_at_fork(after_in_child=_forget)


def _forget() -> None:
    for wrapper in connections.all(initialized_only=True):
        _inherited.append((wrapper, wrapper.connection))
        pools = getattr(type(wrapper), "_connection_pools", None)
        if pools:
            _inherited.append(dict(pools))
            pools.clear()
        del connections[wrapper.alias]
