"""One stream of what happened around an incident."""

from audit.selectors import entries
from incidents.models import Incident


def of(incident: Incident, *, limit: int = 200) -> list[entries.EntryView]:
    """Return the newest entries about the incident and what is linked to it, oldest first."""
    linked = list(incident.links.values_list("kind", "ref_id"))
    return entries.about([("incident", incident.pk), *linked], limit=limit)
