"""Frameworks: listed, read and imported."""

from typing import Any

from django.db.models import Count
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import GovernedViewSet
from accounts.choices import Permission
from compliance.api.filters import FrameworkFilter
from compliance.api.serializers import FrameworkSerializer
from compliance.models import Framework
from compliance.services import frameworks
from compliance.spec import catalogues
from core.api import queries
from core.errors import Invalid


class SlugNeeded(Invalid):
    """Name the framework with ?slug=, in small letters, digits and dashes."""

    code = "slug_needed"


class FrameworkViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GovernedViewSet):
    """Catalogues of controls that a tenant works with."""

    queryset = Framework.objects.select_related("tenant").annotate(control_count=Count("controls"))
    serializer_class = FrameworkSerializer
    filterset_class = FrameworkFilter
    ordering_fields = {name: name for name in ("id", "slug", "name", "created_at")}
    is_configuration = True
    read_permission = Permission.VIEW_EVIDENCE
    asked_with = {
        "create": (
            queries.Parameter("slug", "Small letters, digits and dashes.", required=True),
            queries.Parameter("name", "Of a CSV."),
            queries.Parameter("version", "Of a CSV."),
        )
    }
    permissions = {
        "list": Permission.VIEW_EVIDENCE,
        "retrieve": Permission.VIEW_EVIDENCE,
        "create": Permission.MANAGE_COMPLIANCE,
    }

    @extend_schema(
        request={"application/json": OpenApiTypes.OBJECT, "text/csv": OpenApiTypes.BINARY},
        responses={201: FrameworkSerializer},
    )
    def create(self, request: Request) -> Response:
        """Import the body: an OSCAL catalogue in JSON, or with `Content-Type: text/csv` a CSV of controls."""
        slug, tenant = request.query_params.get("slug", ""), self.tenant_for_write()
        if not slug or len(slug) > 64 or not slug.replace("-", "").replace("_", "").isalnum() or not slug.isascii():
            raise SlugNeeded
        given: dict[str, Any] = {"tenant": tenant, "slug": slug, "actor": self.actor, "now": self.now()}
        # The parser is bounded for alerts; a catalogue is read here, by the bound of catalogues.
        given["content"] = request._request.read(catalogues.MAX_BYTES + 1)
        if (request.content_type or "").startswith("text/csv"):
            name, version = request.query_params.get("name", slug)[:300], request.query_params.get("version", "")[:64]
            row = frameworks.import_csv(**given, name=name, version=version)
        else:
            row = frameworks.import_oscal(**given)
        return self.answer(self.get_serializer(self.get_queryset().get(pk=row.pk)).data, 201)
