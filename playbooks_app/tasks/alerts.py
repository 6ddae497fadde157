"""Matching alerts."""

import uuid

from audit.selectors.entries import EntryView
from core import clock
from playbooks_app.services import triggers


def match_alert(*, entry: EntryView) -> None:
    """Decide what an alert starts."""
    triggers.match(alert_id=uuid.UUID(entry.subject_id), now=clock.now())
