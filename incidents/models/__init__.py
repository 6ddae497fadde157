"""Alerts and incidents."""

from incidents.models.alerts import Alert, AlertSource, UsedSignature
from incidents.models.incidents import Incident, IncidentLink, IncidentNote, IncidentRoleAssignment

__all__ = ["Alert", "AlertSource", "Incident", "IncidentLink", "IncidentNote", "IncidentRoleAssignment", "UsedSignature"]
