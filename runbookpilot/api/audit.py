"""The audit trail over REST: entries, each with its canonical form and hash; verification; export."""

import itertools
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import GovernedViewSet
from accounts.choices import Permission
from accounts.models import Tenant
from accounts.selectors import access
from audit import journal
from audit.choices import Kind
from audit.journal import chain
from audit.selectors import entries
from audit.services import export, verify
from core.api import queries, streaming
from core.api.filters import MomentFilter
from core.api.pagination import CursorPages
from core.errors import Invalid, NotFound

LINES = 500
FORMS = {"jsonl": (export.json_lines, "application/x-ndjson"), "csv": (export.comma_separated, "text/csv; charset=utf-8")}


class NoSuchEntry(NotFound):
    """There is no such entry, or not for you."""


class NoSuchForm(Invalid):
    """The trail is exported as jsonl or csv."""


class EntrySerializer(serializers.Serializer[Any]):
    """An entry as it stands in the journal. `canonical` is what its hash covers."""

    id = serializers.UUIDField()
    stream = serializers.CharField()
    seq = serializers.IntegerField()
    kind = serializers.CharField()
    sentence = serializers.CharField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    subject = serializers.DictField()
    simulated = serializers.BooleanField()
    refs = serializers.ListField()
    data = serializers.DictField()  # type: ignore[assignment]
    prev_hash = serializers.CharField()
    hash = serializers.CharField()
    canonical = serializers.DictField(required=False)


class TrailVerificationSerializer(serializers.Serializer[Any]):
    """What a verification found; `problems` is empty where everything holds."""

    ok = serializers.BooleanField()
    entries = serializers.IntegerField()
    streams = serializers.IntegerField()
    problems = serializers.ListField(child=serializers.DictField())


class VerifySerializer(serializers.Serializer[Any]):
    """What to verify: one stream, or all of the tenant's."""

    stream = serializers.CharField(max_length=100, default="", allow_blank=True)


class EntryFilter(filters.FilterSet):
    """Entries by stream, kind, actor, subject and time."""

    stream = filters.CharFilter()
    kind = filters.ChoiceFilter(choices=Kind.choices)
    actor = filters.CharFilter(field_name="actor_name")
    subject_kind = filters.CharFilter()
    subject_id = filters.CharFilter()
    after = MomentFilter(field_name="at", lookup_expr="gte")
    before = MomentFilter(field_name="at", lookup_expr="lt")


class AuditViewSet(mixins.ListModelMixin, GovernedViewSet):
    """What happened in the tenants that you may audit, in order."""

    queryset = entries.queryset()
    serializer_class = EntrySerializer
    pagination_class = CursorPages
    filterset_class = EntryFilter
    ordering_fields = {name: name for name in ("id", "at", "stream", "kind")}
    checks = ("verify",)
    asked_with = {"export": (queries.Parameter("form", "How it is written; jsonl by default.", choices=tuple(FORMS)),)}
    filtered = ("list", "export")
    permissions = dict.fromkeys(("list", "retrieve", "verify", "export"), Permission.VIEW_EVIDENCE)

    def get_queryset(self) -> QuerySet[Any]:
        rows = entries.queryset()
        return rows.none() if getattr(self, "swagger_fake_view", False) else rows.filter(tenant_id__in=self._tenants())

    @extend_schema(responses=EntrySerializer(many=True))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first."""
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([_shape(entries.view(row)) for row in page])

    @extend_schema(responses=EntrySerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One entry, with the canonical form that its hash covers."""
        row = self.get_queryset().filter(pk=_id(pk)).first()
        if row is None:
            raise NoSuchEntry
        view = entries.view(row)
        return Response({**_shape(view), "canonical": chain.canonical_form(view)})

    @extend_schema(request=VerifySerializer, responses=TrailVerificationSerializer)
    def verify(self, request: Request) -> Response:
        """Compute the hashes of a stream, or of all that the tenant has, again."""
        form = VerifySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        tenant = self.tenant_for_write()
        report = verify.run(tenant_ids=[tenant.pk], stream=form.validated_data["stream"])
        with transaction.atomic():
            journal.append(
                stream=f"tenant:{tenant.pk}", kind=Kind.AUDIT_VERIFIED, actor=self.actor, now=self.now(),
                subject=("audit", form.validated_data["stream"] or "trail"), tenant_id=tenant.pk,
                data={"ok": report.ok, "entries": report.entries, "problems": len(report.problems)},
            )  # fmt: skip
        return Response(report.to_dict())

    @extend_schema(responses={(200, "application/x-ndjson"): OpenApiTypes.STR, (200, "text/csv"): OpenApiTypes.STR})
    def export(self, request: Request) -> StreamingHttpResponse:
        """The entries that the filters name, oldest first, streamed: `?form=jsonl` (default) or `csv`."""
        form = request.query_params.get("form", "jsonl")
        if form not in FORMS:
            raise NoSuchForm(fields={"form": list(FORMS)})
        write, media_type = FORMS[form]
        rows = entries.in_chunks(self.filter_queryset(self.get_queryset()))
        return streaming.stream(request, _joined(write(rows)), content_type=media_type, filename=f"audit.{form}")

    def _tenants(self) -> "QuerySet[Tenant, Any]":
        rows = Tenant.objects.permitting(self.user, Permission.VIEW_EVIDENCE)
        named = self.named_tenant()
        if named:
            chosen = [tenant.pk for tenant in access.tenants_of(self.user) if named in (tenant.slug, str(tenant.pk))]
            rows = rows.filter(pk__in=chosen)
        return rows.values("pk")


def _joined(lines: Iterable[str]) -> Iterator[bytes]:
    rest = iter(lines)
    while batch := list(itertools.islice(rest, LINES)):
        yield "".join(batch).encode()


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise NoSuchEntry from error


def _shape(entry: entries.EntryView) -> dict[str, Any]:
    return {
        "id": entry.id,
        "stream": entry.stream,
        "seq": entry.seq,
        "kind": entry.kind,
        "sentence": f"{entry.actor_name} {entry.verb}",
        "at": entry.at,
        "actor": entry.actor_name,
        "subject": {"kind": entry.subject_kind, "id": entry.subject_id},
        "simulated": entry.simulated,
        "refs": entry.refs,
        "data": entry.data,
        "prev_hash": entry.prev_hash,
        "hash": entry.hash,
    }
