"""Playbooks: list, read, import, review."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import GovernedViewSet
from accounts.choices import Permission
from core.errors import NotFound
from playbooks_app.api import serializers, shapes
from playbooks_app.models import Playbook, PlaybookVersion
from playbooks_app.selectors import library
from playbooks_app.services import playbooks
from playbooks_app.spec import loader


class PlaybookFilter(filters.FilterSet):
    q = filters.CharFilter(method="by_text", max_length=200, label="In its name, text or tags, or a technique by id or name")

    class Meta:
        model = Playbook
        fields: tuple[str, ...] = ()

    def by_text(self, rows: Any, _name: str, value: str) -> Any:
        return library.search(rows, value)


class NoSuchVersion(NotFound):
    """This playbook has no such version."""


class PlaybookViewSet(GovernedViewSet):
    """Playbooks of the tenants that you may read, by slug."""

    queryset = Playbook.objects.select_related("active_version")
    serializer_class = serializers.PlaybookSerializer
    filterset_class = PlaybookFilter
    ordering_fields = {"id": "slug", "name": "name", "created_at": "created_at"}
    is_configuration = True
    lookup_field = "slug"
    lookup_value_regex = "[a-z0-9-]+"
    permissions = {
        "list": Permission.VIEW_RECORDS,
        "retrieve": Permission.VIEW_RECORDS,
        "versions": Permission.VIEW_RECORDS,
        "validate": Permission.VIEW_RECORDS,
        "create": Permission.EDIT_PLAYBOOKS,
        "submit": Permission.EDIT_PLAYBOOKS,
        "activate": Permission.ACTIVATE_PLAYBOOKS,
    }

    @extend_schema(responses=serializers.PlaybookSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Playbooks, newest first."""
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([shapes.playbook(row) for row in page])

    @extend_schema(responses=serializers.PlaybookSerializer)
    def retrieve(self, request: Request, slug: str) -> Response:
        """One playbook."""
        return Response(shapes.playbook(self.get_object()))

    @extend_schema(request=serializers.SourceSerializer, responses={201: serializers.VersionSerializer})
    def create(self, request: Request) -> Response:
        """Import a version from its text; every problem at once where it is not valid."""
        form = serializers.SourceSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        tenant = self.tenant_for_write()
        row = playbooks.import_version(
            tenant=tenant, source=form.validated_data["text"], actor=self.actor, now=self.now(), origin="api"
        )
        return Response(shapes.version(row), status=201)

    @extend_schema(request=serializers.SourceSerializer, responses=serializers.ValidationSerializer)
    @action(detail=False, methods=["post"])
    def validate(self, request: Request) -> Response:
        """Check a playbook's text without storing it."""
        form = serializers.SourceSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        loaded = loader.load(form.validated_data["text"], catalogue=playbooks.catalogue())
        return Response({"valid": loaded.is_valid, "problems": [problem.to_dict() for problem in loaded.problems]})

    @extend_schema(responses=serializers.VersionSerializer(many=True))
    @action(detail=True)
    def versions(self, request: Request, slug: str) -> Response:
        """All versions, newest first."""
        rows = self.get_object().versions.order_by("-id")[:200]
        return Response({"results": [shapes.version(row) for row in rows], "next": None, "previous": None})

    @extend_schema(request=None, responses=serializers.VersionSerializer)
    @action(detail=True, methods=["post"], url_path=r"versions/(?P<number>[0-9A-Za-z.+-]{1,32})/submit")
    def submit(self, request: Request, slug: str, number: str) -> Response:
        """Put a draft up for review."""
        return Response(shapes.version(playbooks.submit(version=self._version(number), actor=self.actor, now=self.now())))

    @extend_schema(request=None, responses=serializers.VersionSerializer)
    @action(detail=True, methods=["post"], url_path=r"versions/(?P<number>[0-9A-Za-z.+-]{1,32})/activate")
    def activate(self, request: Request, slug: str, number: str) -> Response:
        """Make a reviewed version the active one; whoever imported or submitted it may not."""
        return Response(shapes.version(playbooks.activate(version=self._version(number), actor=self.actor, now=self.now())))

    def _version(self, number: str) -> PlaybookVersion:
        row: PlaybookVersion | None = self.get_object().versions.filter(number=number).first()
        if row is None:
            raise NoSuchVersion
        return row
