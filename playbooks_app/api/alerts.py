"""Alerts: taken in one by one or in batches, and read with what was decided about them."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Q
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import GovernedViewSet
from accounts.choices import Permission
from core import tasks
from core.api import problems, queries
from core.errors import TooLarge
from core.reads import Read
from incidents.api.signing import SignatureAuthentication
from incidents.models import Alert, AlertSource
from incidents.services import alerts, sources
from playbooks_app.api import serializers, shapes
from playbooks_app.models import Execution, TriggerDecision

SOURCE_HEADER = "X-RunbookPilot-Trigger-Source"


class RawParser(BaseParser):
    """Hands the body on as bytes: alerts are hashed as they came."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body: bytes = stream.read(settings.BATCH_MAX_BYTES + 1)
        if len(body) > settings.BATCH_MAX_BYTES:
            raise TooLarge(f"The body is larger than {settings.BATCH_MAX_BYTES} bytes: send it in parts.")
        return body


class AlertFilter(filters.FilterSet):
    host = filters.CharFilter()
    user = filters.CharFilter()
    rule = filters.CharFilter(field_name="rule_name", lookup_expr="icontains")
    q = filters.CharFilter(method="by_text")

    class Meta:
        model = Alert
        fields: tuple[str, ...] = ()

    def by_text(self, rows: Any, _name: str, value: str) -> Any:
        return rows.filter(Q(rule_name__icontains=value) | Q(host__icontains=value) | Q(user__icontains=value))


class AlertViewSet(GovernedViewSet):
    """Alerts of the tenants that you may read."""

    queryset = Alert.objects.defer("original", "document")
    serializer_class = serializers.AlertSerializer
    filterset_class = AlertFilter
    ordering_fields = {
        "id": "id", "received_at": "received_at", "rule": "rule_name", "host": "host", "user": "user", "duplicates": "duplicates",
    }  # fmt: skip
    asked_with = {"create": (queries.ENVIRONMENT,)}
    permissions = {"list": Permission.VIEW_RECORDS, "retrieve": Permission.VIEW_RECORDS, "create": Permission.INGEST_ALERTS}

    def get_authenticators(self) -> list[Any]:
        known = super().get_authenticators()
        return [SignatureAuthentication(), *known] if self.request is not None and self.request.method == "POST" else known

    def get_parsers(self) -> list[Any]:
        return [RawParser()] if self.request is not None and self.request.method == "POST" else super().get_parsers()

    @extend_schema(responses=serializers.AlertSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Newest first."""
        page = self.page_of(*shapes.ALERT)
        return self.get_paginated_response(_shown(page, [row["id"] for row in page]))

    @extend_schema(responses=serializers.AlertSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One alert, with what was decided about it."""
        alert = self.get_object()
        return Response(_shown([shapes.columns(alert, shapes.ALERT)], [alert.pk])[0])

    @extend_schema(
        request={"application/json": {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}},
        responses={
            202: serializers.AlertSerializer,
            207: {"type": "object", "properties": {"results": {"type": "array", "items": {}}}},
        },
    )
    def create(self, request: Request) -> Response:
        """Take in one ECS document, an array of them, or NDJSON. One that is refused never loses the others.

        Sent with a token, or signed by an alert source, which decides tenant, environment and trigger source.
        """
        body = request.data if isinstance(request.data, bytes) else b""
        batch = alerts.ingest(
            **self._sender(request),
            body=body,
            content_type=request.content_type or "",
            headers=dict(request.headers),
            now=self.now(),
        )
        if isinstance(request.auth, AlertSource):
            # After the alerts are stored: sent twice before this, they are duplicates.
            sources.remember(headers=dict(request.headers), now=self.now())
        return _answer(batch)

    def _sender(self, request: Request) -> dict[str, Any]:
        """Return who sends, for whom, and what the sender declared."""
        if isinstance(request.auth, AlertSource):
            source = request.auth
            return {
                "tenant": source.tenant,
                "environment": source.environment,
                "source": source,
                "trigger_source": source.trigger_source,
                "actor": sources.actor_of(source),
            }
        tenant = self.tenant_for_write()
        return {
            "tenant": tenant,
            "environment": self.environment_for_write(tenant),
            "source": None,
            "trigger_source": request.headers.get(SOURCE_HEADER, ""),
            "actor": self.actor,
        }


def _answer(batch: Any) -> Response:
    accepted = [item for item in batch.results if isinstance(item, alerts.Accepted)]
    repeated = [item.duplicate for item in accepted]
    # Of an alert that is new, a worker has yet to decide.
    decided = [item.alert.pk for item in accepted if item.duplicate or tasks.runs_inline()]
    shown = iter(_shown([shapes.columns(item.alert, shapes.ALERT) for item in accepted], decided, repeated))
    results = [
        next(shown) if isinstance(item, alerts.Accepted) else {"error": _problem(item.error)} for item in batch.results
    ]
    if batch.single:
        if not accepted:
            raise batch.results[0].error
        return Response(results[0], status=202)
    return Response({"results": results}, status=202 if len(accepted) == len(results) else 207)


def _problem(error: Any) -> dict[str, Any]:
    return problems.document(error.http_status, error.code, error.detail, hint=error.hint, fields=error.fields)


def _shown(rows: Sequence[shapes.Columns], decided: Sequence[uuid.UUID], repeated: Sequence[bool] = ()) -> "list[dict[str, Any]]":
    """Return alerts as programs get them, with what was decided about those named, and which were there already."""
    decisions = _by_alert(shapes.DECISION, _DECISIONS.all(alerts=list(decided)))
    started = _by_alert(shapes.STARTED, _STARTED.all(alerts=list(decided)))
    return [
        shapes.alert(row, decisions.get(row["id"], ()), started.get(row["id"], ()), duplicate=duplicate)
        for row, duplicate in zip(rows, repeated or [False] * len(rows), strict=True)
    ]


_DECISIONS = Read(lambda alerts: TriggerDecision.objects.filter(alert__id__in=alerts).order_by("id").values_list(*shapes.DECISION))
_STARTED = Read(lambda alerts: Execution.objects.filter(alert__id__in=alerts).order_by("id").values_list(*shapes.STARTED))


def _by_alert(names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> "dict[Any, list[shapes.Columns]]":
    found: dict[Any, list[shapes.Columns]] = {}
    for row in rows:
        columns = dict(zip(names, row, strict=True))
        found.setdefault(columns["alert_id"], []).append(columns)
    return found
