"""Whether the database still guards the journal."""

from django.db import connection

from audit.models import triggers


def missing() -> list[str]:
    """Return the names of the triggers that should stand and do not."""
    return [trigger.name for trigger in triggers.missing(connection)]
