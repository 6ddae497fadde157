"""Incidents that executions declare."""

import uuid

from audit.selectors.entries import EntryView
from core import clock
from playbooks_app.services import journaling, linking


def link_incident(*, entry: EntryView) -> None:
    """Let the execution that declared an incident belong to it."""
    execution_id = entry.ref("execution")
    if execution_id:
        linking.link(
            execution_id=uuid.UUID(execution_id),
            incident_id=uuid.UUID(entry.subject_id),
            actor=journaling.ENGINE,
            now=clock.now(),
        )
