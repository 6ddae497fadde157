"""B6: executions of ten steps in one process on SQLite, durable, beside DBOS on SQLite."""

import os
from pathlib import Path

from django.conf import settings
from django.db import connection

from benchmarks import executions, peers, places, worlds
from benchmarks.lines import Line, Target

COUNT = 20
FULL = 2


def measure(_benches: list[str]) -> None:
    """Measure ours and the peer in turn."""
    settings.TASK_BACKEND = "core.tasks.drop"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        if cursor.fetchone()[0] != FULL:
            raise RuntimeError("The database is not synchronous=FULL: what it commits could be lost.")
    world = worlds.make()
    version = world.playbook("nothing", "nothing.read")
    executions.alone(world, version, 5)
    size = places.sizes()
    ours: list[float] = []
    theirs: list[float | None] = []
    peer = f"sqlite:///{Path(os.environ['RUNBOOKPILOT_DATA']) / 'peer.sqlite3'}"
    for _ in range(size.rounds):
        ours.append(executions.alone(world, version, size.of(COUNT)))
        theirs.append(peers.dbos(peer).get("c1"))
    Line(
        bench="B6", what="10 steps, one execution at a time, SQLite", unit="steps/s", target=Target("ratio", ">=", 1.5),
        ours=ours, peer=theirs, peer_name="DBOS on SQLite",
    ).show()  # fmt: skip
