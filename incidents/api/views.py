"""Incidents: listed, declared, worked."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import GovernedViewSet
from accounts.choices import Permission
from accounts.models import User
from core.api import queries
from core.api.pagination import CursorPages
from core.errors import NotFound
from incidents.api import serializers, shapes
from incidents.models import Incident
from incidents.selectors import timeline
from incidents.services import incidents


class NoSuchPerson(NotFound):
    """There is no such user in this tenant."""


class IncidentFilter(django_filters.FilterSet):
    class Meta:
        model = Incident
        fields = ["status", "severity", "number", "category"]


class IncidentViewSet(mixins.RetrieveModelMixin, GovernedViewSet):
    """Incidents of the tenants that the user may read."""

    queryset = Incident.objects.select_related("tenant", "environment").prefetch_related("roles__user", "links")
    serializer_class = serializers.IncidentSerializer
    pagination_class = CursorPages
    filterset_class = IncidentFilter
    ordering_fields = {name: name for name in ("id", "number", "severity", "status", "title", "declared_at")}
    asked_with = {"create": (queries.ENVIRONMENT,)}
    permissions = {
        "list": Permission.VIEW_RECORDS,
        "retrieve": Permission.VIEW_RECORDS,
        "timeline": Permission.VIEW_RECORDS,
        "create": Permission.WORK_INCIDENTS,
        "partial_update": Permission.WORK_INCIDENTS,
        "change_status": Permission.WORK_INCIDENTS,
        "notes": Permission.WORK_INCIDENTS,
        "roles": Permission.WORK_INCIDENTS,
        "links": Permission.WORK_INCIDENTS,
    }

    @extend_schema(responses=serializers.IncidentSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Newest first."""
        return self.get_paginated_response(shapes.incidents(self.page_of(*shapes.COLUMNS)))

    @extend_schema(request=serializers.DeclareSerializer, responses={201: serializers.IncidentSerializer})
    def create(self, request: Request) -> Response:
        """Declare an incident."""
        tenant = self.tenant_for_write()
        given = self._given(serializers.DeclareSerializer)
        row = incidents.declare(
            tenant=tenant, environment=self.environment_for_write(tenant), actor=self.actor, now=self.now(), **given
        )
        return self._shown(row, 201)

    @extend_schema(request=serializers.ClassifySerializer, responses=serializers.IncidentSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change its title, summary, severity, category or techniques."""
        row: Incident = self.get_object()
        given = self._given(serializers.ClassifySerializer)
        return self._shown(incidents.classify(incident_id=row.pk, actor=self.actor, now=self.now(), **given))

    @extend_schema(request=serializers.StatusSerializer, responses=serializers.IncidentSerializer)
    @action(detail=True, methods=["post"], url_path="status", url_name="status")
    def change_status(self, request: Request, pk: str) -> Response:
        """Take it to another status; 409 says where it can go."""
        row: Incident = self.get_object()
        given = self._given(serializers.StatusSerializer)
        return self._shown(incidents.change_status(incident_id=row.pk, actor=self.actor, now=self.now(), **given))

    @extend_schema(request=serializers.NoteSerializer, responses={201: serializers.NoteSerializer})
    @action(detail=True, methods=["post"])
    def notes(self, request: Request, pk: str) -> Response:
        """Add a note."""
        row: Incident = self.get_object()
        given = self._given(serializers.NoteSerializer)
        made = incidents.note(incident_id=row.pk, text=given["text"], actor=self.actor, now=self.now())
        return self.answer(serializers.NoteSerializer(made).data, 201)

    @extend_schema(request=serializers.RoleSerializer, responses=serializers.RoleSerializer)
    @action(detail=True, methods=["post"])
    def roles(self, request: Request, pk: str) -> Response:
        """Give a member of the tenant a role."""
        row: Incident = self.get_object()
        given = self._given(serializers.RoleSerializer)
        members = User.objects.filter(username=given["user"]["username"], memberships__tenant_id=row.tenant_id)
        user = members.distinct().first()
        if user is None:
            raise NoSuchPerson
        held = incidents.assign(incident_id=row.pk, role=given["role"], user=user, actor=self.actor, now=self.now())
        return self.answer(serializers.RoleSerializer(held).data)

    @extend_schema(request=serializers.LinkSerializer, responses={201: serializers.LinkSerializer})
    @action(detail=True, methods=["post"])
    def links(self, request: Request, pk: str) -> Response:
        """Link an alert, execution or bundle."""
        row: Incident = self.get_object()
        given = self._given(serializers.LinkSerializer)
        made = incidents.link(incident_id=row.pk, kind=given["kind"], ref_id=given["ref_id"], actor=self.actor, now=self.now())
        return self.answer(serializers.LinkSerializer(made).data, 201)

    @extend_schema(responses=serializers.IncidentEventSerializer(many=True))
    @action(detail=True, pagination_class=None, filter_backends=[])
    def timeline(self, request: Request, pk: str) -> Response:
        """Return what happened around it, oldest first."""
        found = timeline.of(self.get_object())
        data = serializers.IncidentEventSerializer(found, many=True).data
        return self.answer({"results": data, "next": None, "previous": None})

    def _given(self, serializer_class: Any) -> dict[str, Any]:
        form = serializer_class(data=self.request.data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def _shown(self, row: Incident, status: int = 200) -> Response:
        return self.answer(serializers.IncidentSerializer(self.get_queryset().get(pk=row.pk)).data, status)
