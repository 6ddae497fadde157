"""What a storm left, read from outside by plain SQL and the vendor's own record, and what of it does not hold."""

import dataclasses
import json
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.chaos import invariants
from tests.chaos.houses import House
from tests.chaos.invariants import Alert, Consent, Execution, Step, Told
from tests.chaos.people import Record
from tests.chaos.tree import CLI, Eyes

ALERTS = """
    SELECT a.id, a.host, a.decided_at IS NOT NULL, p.slug FROM incidents_alert a
    LEFT JOIN playbooks_app_execution e ON e.alert_id = a.id AND e.parent_step_id IS NULL
    LEFT JOIN playbooks_app_playbookversion v ON v.id = e.version_id LEFT JOIN playbooks_app_playbook p ON p.id = v.playbook_id
"""
EXECUTIONS = """
    SELECT e.id, a.host, p.slug, e.status, e.result, e.control, e.lease_owner, e.parent_step_id FROM playbooks_app_execution e
    JOIN incidents_alert a ON a.id = e.alert_id
    JOIN playbooks_app_playbookversion v ON v.id = e.version_id JOIN playbooks_app_playbook p ON p.id = v.playbook_id
"""
STEPS = """
    SELECT s.id, s.execution_id, s.step_id, s.status, s.action, s.kind, s.mode, s.error FROM playbooks_app_steprun s
    WHERE s.id NOT IN (SELECT iteration_of_id FROM playbooks_app_steprun WHERE iteration_of_id IS NOT NULL)
"""
CONSENTS = """
    SELECT r.stream, r.labels, r.status, count(d.id) FROM approvals_request r
    LEFT JOIN approvals_decision d ON d.request_id = r.id AND d.verdict = 'approve' GROUP BY r.id, r.stream, r.labels, r.status
"""
WAITING = """
    SELECT s.execution_id, a.host, s.step_id, s.kind, s.action, s.status FROM playbooks_app_steprun s
    JOIN playbooks_app_execution e ON e.id = s.execution_id JOIN incidents_alert a ON a.id = e.alert_id
    WHERE s.status IN ('awaiting_input', 'uncertain')
"""
GAPS = "SELECT stream, min(seq), max(seq), count(*) FROM audit_entry GROUP BY stream HAVING min(seq) <> 1 OR max(seq) <> count(*)"
#: What has not ended: executions, what is left of them after their end, what nobody has decided, and deliveries that are tried.
OPEN = (
    "SELECT count(*) FROM playbooks_app_execution WHERE status NOT IN ('completed','failed','cancelled','abandoned','rolled_back')"
    " OR lease_owner <> ''",
    "SELECT count(*) FROM playbooks_app_steprun s JOIN playbooks_app_execution e ON e.id = s.execution_id"
    " WHERE s.status IN ('in_progress','uncertain') AND e.status IN ('completed','failed','cancelled','abandoned','rolled_back')",
    "SELECT count(*) FROM approvals_request WHERE status IN ('pending','approved')",
    "SELECT count(*) FROM audit_delivery WHERE dead_at IS NULL",
)
DELIVERIES = "SELECT handler, arguments, attempts, dead_at IS NOT NULL, error FROM audit_delivery"


@dataclasses.dataclass(frozen=True)
class Found:
    """All that is read after a storm."""

    alerts: list[Alert]
    executions: list[Execution]
    steps: list[Step]
    consents: list[Consent]
    gaps: list[Any]
    deliveries: list[Any]


def violations(house: House, record: Record, accepted: list[str], seed: str) -> list[str]:
    """Return in sentences all that does not hold."""
    eyes = house.eyes
    try:
        sentences = judged(read(eyes), record.lines(), accepted, seed)
    finally:
        eyes.close()
    done = house.tree.run(*CLI, "audit", "verify")
    return sentences + ([f"audit verify: {done.stdout}{done.stderr}"] if done.returncode else [])


def judged(found: Found, lines: list[dict[str, Any]], accepted: list[str], seed: str) -> list[str]:
    """Return what does not hold of what was read and of what the vendor wrote down."""
    told = Told(lines)
    return [
        *invariants.outcomes(found.alerts, accepted, seed),
        *invariants.ends(found.executions, found.steps, found.consents),
        *invariants.failures(found.steps),
        *invariants.repeats(told),
        *invariants.claims(found.steps, told),
        *invariants.consented(found.steps, found.consents, told),
        *invariants.undoing(found.steps),
        *invariants.children(found.steps, found.executions),
        *(f"{row[0]} has gaps: {row[1:]}" for row in found.gaps),
        *map(_left, found.deliveries),
    ]


def read(eyes: Eyes) -> Found:
    """Return what the database says."""
    executions = {row[0]: _execution(row) for row in eyes.rows(EXECUTIONS)}
    return Found(
        _alerts(eyes.rows(ALERTS)),
        list(executions.values()),
        [_step(row, executions[row[1]]) for row in eyes.rows(STEPS)],
        [_consent(row) for row in eyes.rows(CONSENTS)],
        eyes.rows(GAPS),
        eyes.rows(DELIVERIES),
    )


def executions(house: House) -> Counter[str]:
    """Return how many executions there are of each playbook and status."""
    eyes = house.eyes
    try:
        return Counter(f"{row[2]}: {row[3]}" for row in eyes.rows(EXECUTIONS))
    finally:
        eyes.close()


def waiting(house: House) -> list[tuple[Any, ...]]:
    """Return the steps that wait for a person: execution, host, step, kind, action and status."""
    eyes = house.eyes
    try:
        return [(_id(row[0]), *row[1:]) for row in eyes.rows(WAITING)]
    finally:
        eyes.close()


def under_way(house: House, statements: Sequence[str] = OPEN) -> int:
    """Return how much has not ended."""
    eyes = house.eyes
    try:
        return sum(int(eyes.rows(statement)[0][0]) for statement in statements)
    finally:
        eyes.close()


def _left(delivery: Any) -> str:
    handler, arguments, attempts, dead, error = delivery
    what = f"a delivery to {handler}" if arguments is None else f"the failed task {handler} with {arguments}"
    return f"{what} {'was given up' if dead else 'is left'} after {attempts} attempts: {error or 'no error'}"


def _alerts(rows: list[Any]) -> list[Alert]:
    found: dict[Any, Alert] = {}
    for pk, host, decided, slug in rows:
        started = (*(found[pk].started if pk in found else ()), *((slug,) if slug else ()))
        found[pk] = Alert(host=host, decided=bool(decided), started=started)
    return list(found.values())


def _execution(row: Any) -> Execution:
    pk, host, slug, status, result, control, driver, parent = row
    told = _json(result) or {}
    return Execution(
        id=_id(pk), host=host, playbook=slug, status=status, outcome=told.get("outcome", ""), why=told.get("why", ""),
        asked=frozenset(_json(control) or ()), driver=driver, parent=_id(parent) if parent else "",
    )  # fmt: skip


def _step(row: Any, execution: Execution) -> Step:
    pk, _, step, status, action, kind, mode, error = row
    unknown = bool((_json(error) or {}).get("outcome_unknown"))
    return Step(id=_id(pk), execution=execution, step=step, status=status, action=action, kind=kind, mode=mode, unknown=unknown)


def _consent(row: Any) -> Consent:
    stream, labels, status, approvals = row
    return Consent(
        execution=stream.removeprefix("execution:"), step=_json(labels)["step"], status=status, approvals=int(approvals)
    )


def _json(value: Any) -> Any:
    """SQLite keeps JSON as text."""
    return json.loads(value) if isinstance(value, str) else value


def _id(value: Any) -> str:
    """SQLite keeps ids without their dashes."""
    return str(uuid.UUID(str(value)))
