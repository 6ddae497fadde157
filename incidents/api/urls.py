"""The addresses of incidents and alert sources."""

from incidents.api.sources import AlertSourceViewSet
from incidents.api.views import IncidentViewSet

routes = [("incidents", IncidentViewSet, "incident"), ("alert-sources", AlertSourceViewSet, "alert-source")]
