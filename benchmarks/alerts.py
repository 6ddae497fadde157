"""B7: alerts over HTTP into one web process, from 8 clients at once, matched by a worker meanwhile; nothing may be lost."""

import itertools
import json
import os
import time
from typing import Any

from django.db import connection

from accounts.choices import Role
from benchmarks import executions, places, web, worlds
from benchmarks.lines import Line, Target, p95
from incidents.models import Alert
from playbooks_app.models import Execution

WARM_UP = 20
EACH = 150
SLOWEST = 0.05
#: One alert in so many starts an execution.
MATCHING = 10
_numbers = itertools.count()


def measure(_benches: list[str]) -> None:
    """Send, round after round, and wait until all of it is decided."""
    world = worlds.make()
    trigger = {"triggers": [{"source": "any", "technique": "T1047"}]}
    world.playbook("matching", "nothing.read", **trigger)
    size = places.sizes()
    tokens = [world.person(Role.ANALYST)[1] for _ in range(web.CLIENTS)]
    connection.close()
    rates, slowest, matched, lost = [], [], [], 0
    with executions.workers(executions.EIGHT, processes=1), web.serving() as port:
        clients = [web.Client(port, token) for token in tokens]
        web.at_once(clients, lambda _: _asks(WARM_UP), 202)
        places.analyze(os.environ["RUNBOOKPILOT_DATABASE_URL"])
        for _ in range(size.rounds):
            sent = size.of(EACH)
            before = _stored()
            begun = time.perf_counter()
            seconds, took = web.at_once(clients, lambda _: _asks(sent), 202)  # noqa: B023  It is called at once.
            lost += sent * len(clients) - (_stored() - before)
            rates.append(len(took) / seconds)
            slowest.append(p95(took))
            places.until(_all_decided, "alerts were left undecided", seconds=120, pause=0.1)
            matched.append(len(took) / (time.perf_counter() - begun))
            connection.close()
        places.until(_all_driven, "executions were left", seconds=120, pause=0.1)
        for client in clients:
            client.close()
    worst = round(sorted(slowest)[len(slowest) // 2] * 1000, 1)
    Line(
        bench="B7", what="alerts accepted over HTTP, 8 clients, one process", unit="alerts/s", target=Target("ours", ">=", 200), ours=rates,
        also={"p95_ms": worst, "most_p95_ms": SLOWEST * 1000, "lost": lost, "matched_per_s": round(sorted(matched)[len(matched) // 2], 1)},
        holds=worst <= SLOWEST * 1000 and not lost,
    ).show()  # fmt: skip


def _asks(count: int) -> list[web.Ask]:
    return [("POST", "/api/v1/alerts", json.dumps(alert(next(_numbers))).encode()) for _ in range(count)]


def alert(number: int) -> dict[str, Any]:
    """Return an alert as an endpoint agent sends it, of which one in ten matches."""
    technique = "T1047" if number % MATCHING == 0 else "T1566"
    return {
        "@timestamp": "2026-03-04T05:06:07Z",
        "event": {"id": f"bench-{number}", "kind": "alert", "severity": 70, "category": ["process"]},
        "rule": {"id": "r-1", "name": "Process started from an unusual parent"},
        "host": {"name": f"ws-{number % 500}", "ip": [f"10.0.{number % 200}.{number % 250}"]},
        "user": {"name": f"user-{number % 300}"},
        "process": {"pid": number, "command_line": "powershell -nop -w hidden " + "A" * 300, "parent": {"name": "winword.exe"}},
        "threat": {"technique": [{"id": technique}]},
        "labels": {f"label-{index}": f"value {index}" for index in range(20)},
    }


def _stored() -> int:
    return Alert.objects.count()


def _all_decided() -> bool:
    return not Alert.objects.filter(decided_at=None).exists()


def _all_driven() -> bool:
    return not Execution.objects.exclude(status="completed").exists()
