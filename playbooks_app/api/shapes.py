"""Rows as programs get them.

Lists read columns, not rows: making a model of each row costs several times as much as reading and showing it.
"""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

from audit.selectors.entries import EntryView
from core import attack, clock
from playbooks_app.models import Execution, Playbook, PlaybookVersion, StepRun

#: The columns that are shown of an execution, of an alert, and of what an alert led to.
EXECUTION = (
    "id", "version__playbook__slug", "version__number", "status", "level", "level_cap", "title", "drill", "alert_id", "incident_id",
    "started_by", "started_at", "completed_at", "result", "given_up_at",
)  # fmt: skip
ALERT = (
    "id", "rule_name", "host", "user", "severity", "confidence", "techniques", "received_at", "duplicates", "sha256",
)  # fmt: skip
STARTED = ("alert_id", "id", "version__playbook__slug", "status")
DECISION = ("alert_id", "playbook__slug", "matched", "why")

#: What to do about an execution that nobody drives any more.
WAY_OUT = (
    "Its worker was lost time and again, and nobody drives it: mend the cause, then send its dead letter again"
    " (GET /api/v1/dead-letters, POST /api/v1/dead-letters/{id}/send); or abandon it (PATCH, status abandoned)."
)

Columns = Mapping[str, Any]


def execution(row: Execution, *, steps: bool) -> dict[str, Any]:
    """Return an execution, with its steps where asked."""
    found = {**summary(columns(row, EXECUTION)), "hint": WAY_OUT if row.given_up_at else ""}
    return {**found, "steps": [step(run) for run in row.steps.all()]} if steps else found


def columns(row: Any, names: Iterable[str]) -> Columns:
    """Return columns of a row that was read as a whole, as `.values()` would."""
    return {name: attrgetter(name.replace("__", "."))(row) for name in names}


def summary(row: Columns) -> dict[str, Any]:
    """Return an execution without its steps, from the columns of EXECUTION."""
    return {
        "id": str(row["id"]),
        "playbook": {"id": row["version__playbook__slug"], "version": row["version__number"]},
        "status": row["status"],
        "level": row["level"],
        "level_cap": row["level_cap"],
        "title": row["title"],
        "drill": row["drill"],
        "alert": str(row["alert_id"]) if row["alert_id"] else None,
        "incident": str(row["incident_id"]) if row["incident_id"] else None,
        "started_by": row["started_by"],
        "started_at": clock.iso(row["started_at"]),
        "completed_at": clock.iso(row["completed_at"]) if row["completed_at"] else None,
        "result": row["result"],
        "given_up_at": clock.iso(row["given_up_at"]) if row["given_up_at"] else None,
    }


def step(run: StepRun) -> dict[str, Any]:
    """Return a step; its parameters are the redacted copy."""
    return {
        "id": run.step_id,
        "name": run.name,
        "kind": run.kind,
        "action": run.action,
        "effect": run.effect,
        "status": run.status,
        "mode": run.mode,
        "attempt": run.attempt,
        "assignee": run.assignee.username if run.assignee else None,
        "started_at": clock.iso(run.started_at) if run.started_at else None,
        "completed_at": clock.iso(run.completed_at) if run.completed_at else None,
        "params": run.params_shown,
        "output": run.output,
        "error": run.error,
        "decision": run.decision,
        "waiting_for": run.waiting_for,
        "approval": str(run.approval_id) if run.approval_id else None,
    }


def event(entry: EntryView) -> dict[str, Any]:
    """Return an entry of an execution's stream as an event of its timeline."""
    return {
        "seq": entry.seq,
        "event_type": entry.kind,
        "node_id": entry.data.get("step"),
        "actor": entry.actor_name,
        "timestamp": clock.iso(entry.at),
        "simulated": entry.simulated,
        "data": entry.data,
    }


def playbook(row: Playbook) -> dict[str, Any]:
    """Return a playbook with its active version."""
    return {
        "id": row.slug,
        "name": row.name,
        "description": row.description,
        "enabled": row.enabled,
        "active_version": version(row.active_version) if row.active_version else None,
    }


def version(row: PlaybookVersion) -> dict[str, Any]:
    """Return a version without its text."""
    return {
        "id": str(row.pk),
        "version": row.number,
        "status": row.status,
        "level": row.level,
        "attack": row.techniques,
        "d3fend": row.d3fend,
        "technique_details": attack.described([*row.techniques, *row.d3fend]),
        "tags": row.tags,
        "author": row.author,
        "sha256": row.digest,
        "origin": row.origin,
    }


def alert(row: Columns, decisions: Iterable[Columns], executions: Iterable[Columns], *, duplicate: bool) -> dict[str, Any]:
    """Return an alert, from the columns of ALERT, with what was decided about it and what that started."""
    return {
        "id": str(row["id"]),
        "duplicate": duplicate,
        "rule": row["rule_name"],
        "host": row["host"],
        "user": row["user"],
        "severity": row["severity"],
        "confidence": row["confidence"],
        "techniques": row["techniques"],
        "technique_details": attack.described(row["techniques"]),
        "received_at": clock.iso(row["received_at"]),
        "duplicates": row["duplicates"],
        "sha256": row["sha256"],
        "executions": [
            {"id": str(item["id"]), "playbook": item["version__playbook__slug"], "status": item["status"]} for item in executions
        ],
        "decisions": [
            {"playbook": item["playbook__slug"], "matched": item["matched"], "why": item["why"]} for item in decisions
        ],
    }
