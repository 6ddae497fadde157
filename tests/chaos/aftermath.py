"""What has to hold after a storm, told from outside: by the vendor's own record, plain SQL, and the command that verifies the trail."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.chaos.houses import House
from tests.chaos.people import THEIRS, Record
from tests.chaos.tree import CLI

ENDED = ("completed", "failed", "cancelled", "abandoned", "rolled_back")
ALERTS = """
    SELECT a.host, a.decided_at IS NOT NULL, count(e.id) FROM incidents_alert a
    LEFT JOIN playbooks_app_execution e ON e.alert_id = a.id GROUP BY a.id, a.host, a.decided_at
"""
STEPS = """
    SELECT a.host, s.step_id, s.status, s.mode, s.error FROM playbooks_app_steprun s
    JOIN playbooks_app_execution e ON e.id = s.execution_id JOIN incidents_alert a ON a.id = e.alert_id
"""
OPEN = f"""
    SELECT a.host, e.status, e.lease_owner FROM playbooks_app_execution e JOIN incidents_alert a ON a.id = e.alert_id
    WHERE e.status NOT IN {ENDED} OR e.lease_owner <> ''
"""
GAPS = "SELECT stream, min(seq), max(seq), count(*) FROM audit_entry GROUP BY stream HAVING min(seq) <> 1 OR max(seq) <> count(*)"


def violations(house: House, record: Record, accepted: list[str]) -> list[str]:
    """Return in sentences all that does not hold."""
    eyes = house.eyes
    try:
        lines = record.lines()
        found = [
            *_outcomes(eyes.rows(ALERTS), accepted), *_twice(lines), *_claims(eyes.rows(STEPS), lines),
            *(f"{host} is {status}, driven by {owner or 'nobody'}" for host, status, owner in eyes.rows(OPEN)),
            *(f"{row[0]} has gaps: {row[1:]}" for row in eyes.rows(GAPS)),
            *(f"{count} deliveries were given up or are left" for (count,) in eyes.rows("SELECT count(*) FROM audit_delivery") if count),
        ]  # fmt: skip
    finally:
        eyes.close()
    done = house.tree.run(*CLI, "audit", "verify")
    return found + ([f"audit verify: {done.stdout}{done.stderr}"] if done.returncode else [])


def statuses(house: House) -> Counter[str]:
    """Return how many executions there are of each status."""
    eyes = house.eyes
    try:
        return Counter(dict(eyes.rows("SELECT status, count(*) FROM playbooks_app_execution GROUP BY status")))
    finally:
        eyes.close()


def under_way(house: House) -> int:
    """Return how many executions have not ended, and how many deliveries are left."""
    eyes = house.eyes
    try:
        return len(eyes.rows(OPEN)) + int(eyes.rows("SELECT count(*) FROM audit_delivery WHERE dead_at IS NULL")[0][0])
    finally:
        eyes.close()


def _outcomes(rows: list[Any], accepted: list[str]) -> Iterator[str]:
    """Every alert that was accepted is there once, was decided, and started its playbook once."""
    found = Counter(host for host, _, _ in rows)
    yield from (f"the alert of {host} was accepted and is not there" for host in accepted if not found[host])
    yield from (f"the alert of {host} is there {count} times" for host, count in found.items() if count > 1)
    for host, decided, count in rows:
        if not decided or count != 1:
            yield f"the alert of {host} was {'decided' if decided else 'not decided'} and started {count} executions"


def _twice(lines: list[dict[str, Any]]) -> Iterator[str]:
    done = Counter((line["action"], line["target"]) for line in lines if line["done"])
    yield from (f"{action} of {target} was carried out {count} times" for (action, target), count in done.items() if count > 1)


def _claims(rows: list[Any], lines: list[dict[str, Any]]) -> Iterator[str]:
    """A step says that a write happened only where the vendor did it, or said so; and that it did not only where it did not."""
    done = {(line["action"], line["target"]) for line in lines if line["done"]}
    lied = {(line["action"], line["target"]) for line in lines if line["told"] == "lies"}
    for host, step, status, mode, error in rows:
        if step not in THEIRS:
            continue
        what = (THEIRS[step], host)
        if status == "completed" and mode == "real" and what not in done | lied:
            yield f"{step} of {host} says completed, and the vendor neither did nor said so"
        if status == "rolled_back" and ("unisolate", host) not in done | lied:
            yield f"{step} of {host} says rolled_back, and the vendor did not take it back"
        if status in ("failed", "skipped", "cancelled") and what in done and not _unknown(error):
            yield f"{step} of {host} says {status}, and the vendor did it"


def _unknown(error: Any) -> bool:
    """Whether the step itself says that nobody knows what became of it."""
    given = json.loads(error) if isinstance(error, str) else error
    return bool(given and given.get("outcome_unknown"))
