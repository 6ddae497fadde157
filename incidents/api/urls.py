"""The addresses of incidents."""

from incidents.api.views import IncidentViewSet

routes = [("incidents", IncidentViewSet, "incident")]
