"""Dead letters over REST: what gave up, and sending it again or dropping it."""

import uuid
from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import GovernedViewSet
from accounts.choices import Permission
from accounts.models import Tenant
from accounts.selectors import access
from audit.selectors import deliveries
from audit.services import dead_letters
from core.api.pagination import CursorPages


class DeadLetterSerializer(serializers.Serializer[Any]):
    """Work that was tried again and again, and gave up. `entry` is the entry of the journal that asked for it."""

    id = serializers.UUIDField()
    what = serializers.CharField()
    task = serializers.CharField()
    kind = serializers.CharField()
    stream = serializers.CharField()
    entry = serializers.UUIDField(allow_null=True)
    attempts = serializers.IntegerField()
    error = serializers.CharField()
    dead_at = serializers.DateTimeField()


class DropSerializer(serializers.Serializer[Any]):
    """Why it need not be done."""

    reason = serializers.CharField(max_length=500)


class DeadLetterViewSet(mixins.ListModelMixin, GovernedViewSet):
    """What gave up in the tenants that you administer; a superuser sees also what belongs to nobody."""

    queryset = deliveries.dead_letters()
    serializer_class = DeadLetterSerializer
    pagination_class = CursorPages
    ordering_fields = {name: name for name in ("id", "dead_at")}
    permissions = dict.fromkeys(("list", "retrieve", "send", "drop"), Permission.MANAGE_TENANT)

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return deliveries.dead_letters().none()
        return deliveries.dead_letters(self._tenants())

    @extend_schema(responses=DeadLetterSerializer(many=True))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first."""
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([_shape(deliveries.view(row)) for row in page])

    @extend_schema(responses=DeadLetterSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One, with its last error."""
        return Response(_shape(self._letter(pk)))

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def send(self, request: Request, pk: str) -> Response:
        """Give it its attempts back. Mend the cause first."""
        dead_letters.send(delivery_id=self._letter(pk).id, tenant_ids=self._tenants(), actor=self.actor, now=self.now())
        return Response(status=204)

    @extend_schema(request=DropSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def drop(self, request: Request, pk: str) -> Response:
        """Forget it for good: what it was to do is then never done. The trail keeps the reason."""
        letter, form = self._letter(pk), DropSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        dead_letters.drop(
            delivery_id=letter.id, reason=form.validated_data["reason"], tenant_ids=self._tenants(), actor=self.actor, now=self.now()
        )
        return Response(status=204)

    def _letter(self, pk: str) -> deliveries.DeadLetter:
        try:
            row = self.get_queryset().filter(pk=uuid.UUID(pk)).first()
        except ValueError:
            row = None
        if row is None:
            raise dead_letters.NoSuchDeadLetter(dead_letters.NoSuchDeadLetter.__doc__)
        return deliveries.view(row)

    def _tenants(self) -> Collection[uuid.UUID] | None:
        named = self.named_tenant()
        if self.user.is_superuser and not named:
            return None
        rows = Tenant.objects.permitting(self.user, Permission.MANAGE_TENANT)
        if named:
            rows = rows.filter(pk__in=[tenant.pk for tenant in access.tenants_of(self.user) if named in (tenant.slug, str(tenant.pk))])
        return [*rows.values_list("pk", flat=True)]


def _shape(letter: deliveries.DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "what": letter.sentence,
        "task": letter.task,
        "kind": letter.kind or "task",
        "stream": letter.stream,
        "entry": letter.entry_id,
        "attempts": letter.attempts,
        "error": letter.error,
        "dead_at": letter.dead_at,
    }
