"""B8: lists of 50 rows of 10,000 over HTTP, with token, tenant and permissions, in turn with a bare view of the same table."""

import datetime as dt
import time
from collections.abc import Sequence
from typing import Any

from django.db import connection

from accounts.choices import Role
from benchmarks import bare, places, web, worlds
from benchmarks.lines import Line, Target, p95
from core import clock
from incidents.models import Alert, Incident
from playbooks_app.models import Execution, PlaybookVersion, TriggerDecision

ROWS = 10_000
ASKS = 40
ENOUGH = 0.6


def measure(_benches: list[str]) -> None:
    """Fill two tenants, and ask for the newest rows of one, round after round."""
    size = places.sizes()
    world, other = worlds.make(), worlds.make()
    for one in (world, other):
        _fill(one, one.playbook("nothing", "nothing.read"), max(size.of(ROWS) // 2, bare.ROWS + 1))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    token = world.person(Role.ANALYST)[1]
    connection.close()
    with web.serving() as port:
        client = web.Client(port, token)
        for name in bare.LISTS:
            _compare(client, name, size).show()
        client.close()


def _compare(client: web.Client, name: str, size: places.Sizes) -> Line:
    ours, theirs = ("GET", f"/api/v1/{name}", b""), ("GET", f"/bare/{name}", b"")
    web.timed(client, [ours, theirs] * 5, 200)
    rates: list[float] = []
    bares: list[float | None] = []
    slowest = []
    for _ in range(size.rounds):
        took, others = _in_turn(client, ours, theirs, size.of(ASKS))
        rates.append(len(took) / sum(took))
        bares.append(len(others) / sum(others))
        slowest.append(p95(took))
    return Line(
        bench="B8", what=f"a page of {name}", unit="pages/s", target=Target("ratio", ">=", ENOUGH), ours=rates, peer=bares,
        peer_name="a bare JsonResponse of the same rows", also={"p95_ms": round(sorted(slowest)[len(slowest) // 2] * 1000, 1)},
    )  # fmt: skip


def _in_turn(client: web.Client, ours: web.Ask, theirs: web.Ask, times: int) -> tuple[list[float], list[float]]:
    took = web.timed(client, [ours, theirs] * times, 200)
    return took[::2], took[1::2]


def _fill(world: worlds.World, version: PlaybookVersion, count: int) -> None:
    now = clock.now()
    at = [now - dt.timedelta(seconds=count - number) for number in range(count)]
    common: dict[str, Any] = {"tenant": world.tenant, "environment": world.environment}
    alerts = [
        Alert(
            **common, dedup_key=f"d{number}", external_id=str(number), original=b"{}", sha256="0" * 64, document={"event": {"id": number}},
            rule_name="Process started from an unusual parent", host=f"ws-{number % 500}", user=f"user-{number % 300}", severity=70,
            techniques=["T1047"], received_at=at[number], decided_at=at[number],
        )
        for number in range(count)
    ]  # fmt: skip
    _saved(Alert, alerts)
    executions = [
        Execution(
            **common, version=version, alert=alert, title=f"{alert.rule_name} on {alert.host}", status="completed", level="L1",
            level_cap="playbook", started_by="trigger", started_at=alert.received_at, completed_at=alert.received_at,
        )
        for alert in alerts
    ]  # fmt: skip
    _saved(Execution, executions)
    decisions = [
        TriggerDecision(
            tenant=world.tenant, alert=run.alert, playbook=version.playbook, execution=run, matched=True, why="Its condition holds.",
        )
        for run in executions
    ]  # fmt: skip
    _saved(TriggerDecision, decisions)
    incidents = [
        Incident(
            **common, number=number + 1, title=f"Incident {number}", summary="Seen, contained, told.", declared_by="somebody",
            category="intrusion", techniques=["T1047"], declared_at=at[number],
        )
        for number in range(count)
    ]  # fmt: skip
    _saved(Incident, incidents)


def _saved(model: Any, rows: Sequence[Any]) -> None:
    # Ids are made in order of time within a process, a moment apart at least.
    time.sleep(0.002)
    model.objects.bulk_create(rows, batch_size=1000)
