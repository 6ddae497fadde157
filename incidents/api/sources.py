"""Alert sources: the programs that sign what they send."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import GovernedViewSet
from accounts.choices import Permission
from core.api import queries
from core.api.pagination import CursorPages
from incidents.models import AlertSource
from incidents.services import sources

#: What a playbook's trigger may listen to.
TRIGGER_SOURCES = ("any", "detectforge", "elastic", "manual", "sigma", "suricata")


class AlertSourceSerializer(serializers.Serializer[Any]):
    """A source, without its secret."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    environment = serializers.CharField(source="environment.slug", read_only=True)
    trigger_source = serializers.CharField(read_only=True)
    enabled = serializers.BooleanField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class NewAlertSourceSerializer(AlertSourceSerializer):
    """A source that was just made, with its secret, which is not shown again."""

    secret = serializers.CharField(read_only=True)


class CreateAlertSourceSerializer(serializers.Serializer[Any]):
    """What a source is made of."""

    name = serializers.SlugField(max_length=64)
    trigger_source = serializers.ChoiceField(choices=TRIGGER_SOURCES, default="any")


class AlertSourceViewSet(mixins.ListModelMixin, GovernedViewSet):
    """Alert sources of the tenants that you administer."""

    queryset = AlertSource.objects.select_related("environment")
    serializer_class = AlertSourceSerializer
    pagination_class = CursorPages
    ordering_fields = {name: name for name in ("id", "name", "created_at")}
    asked_with = {"create": (queries.ENVIRONMENT,)}
    permissions = {"list": Permission.MANAGE_ADAPTERS, "create": Permission.MANAGE_ADAPTERS}
    read_permission = Permission.MANAGE_ADAPTERS

    @extend_schema(request=CreateAlertSourceSerializer, responses={201: NewAlertSourceSerializer})
    def create(self, request: Request) -> Response:
        """Add a source; its secret is in this answer and nowhere else."""
        form = CreateAlertSourceSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        tenant = self.tenant_for_write()
        row, secret = sources.create(
            tenant=tenant, environment=self.environment_for_write(tenant), actor=self.actor, now=self.now(), **form.validated_data
        )
        return Response({**AlertSourceSerializer(row).data, "secret": secret}, status=201)
