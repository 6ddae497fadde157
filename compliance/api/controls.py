"""Controls: listed, read, changed, mapped; and whether they are covered."""

import datetime as dt
from collections import Counter
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import GovernedViewSet
from accounts.choices import Permission
from accounts.models import Environment, Tenant, User
from compliance.api import serializers
from compliance.api.filters import ControlFilter
from compliance.models import Control, Framework
from compliance.selectors import coverage, frameworks, mappings
from compliance.services import controls as control_service
from compliance.services import mappings as mapping_service
from core import clock
from core.api import queries
from core.api.pagination import CursorPages
from core.errors import Invalid, NotFound
from playbooks_app.models import Playbook

AS_OF = queries.Parameter("as_of", "A date or time; now by default.")


class WrongMoment(Invalid):
    """`as_of` is not a date or a time with its zone, such as 2026-03-31 or 2026-03-31T12:00:00Z."""

    code = "wrong_moment"


class NoSuchFramework(NotFound):
    """There is no such framework in this tenant: give its slug or id with ?framework=."""


class NoSuch(NotFound):
    """There is no such thing in this tenant."""


class ControlPages(CursorPages):
    """In the catalogue's order."""

    ordering = ("position", "id")


class ControlViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GovernedViewSet):
    """Controls of the tenant's frameworks."""

    queryset = Control.objects.select_related("tenant", "framework", "owner")
    serializer_class = serializers.ControlSerializer
    pagination_class = ControlPages
    filterset_class = ControlFilter
    ordering_fields = {name: name for name in ("id", "position", "identifier", "family", "title")}
    is_configuration = True
    read_permission = Permission.VIEW_EVIDENCE
    asked_with = {
        "coverage": (queries.Parameter("framework", "Slug or id.", required=True), queries.ENVIRONMENT, AS_OF),
        "mappings": (AS_OF,),
    }
    permissions = {
        "list": Permission.VIEW_EVIDENCE,
        "retrieve": Permission.VIEW_EVIDENCE,
        "coverage": Permission.VIEW_EVIDENCE,
        "mappings": Permission.VIEW_EVIDENCE,
        "partial_update": Permission.MANAGE_COMPLIANCE,
        "add_mapping": Permission.MANAGE_COMPLIANCE,
        "add_exception": Permission.MANAGE_COMPLIANCE,
    }

    @extend_schema(request=serializers.ControlChangeSerializer, responses=serializers.ControlSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a control's owner, freshness or whether it applies."""
        control: Control = self.get_object()
        given = self._given(serializers.ControlChangeSerializer)
        if "owner" in given:
            given["owner"] = self._owner(control, given["owner"])
        row = control_service.change(control=control, actor=self.actor, now=self.now(), **given)
        return self.answer(self.get_serializer(self.get_queryset().get(pk=row.pk)).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=False, pagination_class=None, filterset_class=None, filter_backends=[])
    def coverage(self, request: Request) -> Response:
        """Return how each control of a framework stands as of a moment, with reasons; the gaps first to mend."""
        tenant, as_of = self.tenant_for_write(), self._as_of()
        framework = self._framework(tenant, request.query_params.get("framework", ""))
        named = request.query_params.get("environment")
        environment = self._one(Environment.objects.filter(tenant=tenant, slug=named)) if named else None
        rows = coverage.coverage(tenant.pk, framework, as_of, environment)
        body = {
            "framework": {"id": str(framework.pk), "slug": framework.slug, "name": framework.name, "version": framework.version},
            "tenant": tenant.slug,
            "environment": named,
            "as_of": as_of,
            "summary": Counter(str(row.state) for row in rows),
            "families": coverage.by_family(rows),
            "gaps": [str(row.control.pk) for row in coverage.gaps(rows)],
            "playbooks_serving_nothing": [playbook.slug for playbook in coverage.serving_nothing(tenant.pk, as_of)],
            "results": [serializers.coverage_row(row) for row in rows],
            "next": None,
            "previous": None,
        }
        return self.answer(body)

    @extend_schema(responses=serializers.MappingSerializer(many=True))
    @action(detail=True, filter_backends=[])
    def mappings(self, request: Request, pk: str) -> Response:
        """Return the mappings of a control that stand as of a moment."""
        control: Control = self.get_object()
        rows = mappings.of_controls([control.pk], self._as_of())
        data = serializers.MappingSerializer(rows, many=True).data
        return self.answer({"results": data, "next": None, "previous": None})

    @extend_schema(request=serializers.NewMappingSerializer, responses={201: serializers.MappingSerializer})
    @mappings.mapping.post
    def add_mapping(self, request: Request, pk: str) -> Response:
        """Map a playbook to the control."""
        control: Control = self.get_object()
        given = self._given(serializers.NewMappingSerializer)
        given["playbook"] = self._one(Playbook.objects.filter(tenant_id=control.tenant_id, slug=given["playbook"]))
        if "environment" in given:
            rows = Environment.objects.filter(tenant_id=control.tenant_id, slug=given["environment"])
            given["environment"] = self._one(rows)
        row = mapping_service.add(control=control, actor=self.actor, now=self.now(), **given)
        return self.answer(serializers.MappingSerializer(row).data, 201)

    @extend_schema(request=serializers.ExceptionSerializer, responses={201: serializers.ExceptionSerializer})
    @action(detail=True, methods=["post"], url_path="exceptions", url_name="exceptions")
    def add_exception(self, request: Request, pk: str) -> Response:
        """Accept the risk of not meeting the control, until a date."""
        control: Control = self.get_object()
        given = self._given(serializers.ExceptionSerializer)
        row = control_service.accept_risk(control=control, actor=self.actor, now=self.now(), **given)
        return self.answer(serializers.ExceptionSerializer(row).data, 201)

    def _given(self, serializer_class: Any) -> dict[str, Any]:
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def _as_of(self) -> dt.datetime:
        text = self.request.query_params.get("as_of", "")
        if not text:
            return self.now()
        try:
            # A bare date means the end of that day.
            return clock.parse(f"{text}T23:59:59.999999Z" if len(text) == 10 else text)
        except ValueError as error:
            raise WrongMoment from error

    def _framework(self, tenant: Tenant, named: str) -> Framework:
        row = frameworks.named(tenant.pk, named)
        if row is None:
            raise NoSuchFramework(NoSuchFramework.__doc__)
        return row

    def _owner(self, control: Control, username: str) -> User:
        owner: User = self._one(User.objects.filter(username=username, memberships__tenant_id=control.tenant_id).distinct())
        return owner

    def _one(self, rows: Any) -> Any:
        row = rows.first()
        if row is None:
            raise NoSuch
        return row
