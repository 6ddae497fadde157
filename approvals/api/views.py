"""GET /approvals, and what people do with one."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response

from accounts.api.views import GovernedViewSet
from accounts.choices import Permission
from approvals.api import serializers
from approvals.choices import Status, Verdict
from approvals.models import Request
from approvals.services import decisions, requests
from core.api import problems
from core.api.filters import MomentFilter
from core.errors import DomainError


class RequestFilter(filters.FilterSet):
    status = filters.ChoiceFilter(choices=Status.choices)
    playbook = filters.CharFilter()
    technique = filters.CharFilter()
    action = filters.CharFilter()
    risk_min = filters.NumberFilter(field_name="risk", lookup_expr="gte", min_value=0, max_value=10)
    before = MomentFilter(field_name="created_at", lookup_expr="lt")
    simulated = filters.BooleanFilter()

    class Meta:
        model = Request
        fields: tuple[str, ...] = ()


class ApprovalViewSet(ListModelMixin, RetrieveModelMixin, GovernedViewSet):
    """Approval requests of the tenants that you may read; deciding needs the role that the request asks for."""

    queryset = Request.objects.select_related("claimed_by").prefetch_related("decisions")
    serializer_class = serializers.RequestSerializer
    filterset_class = RequestFilter
    ordering_fields = {
        "id": "id", "requested_at": "created_at", "expires_at": "expires_at", "status": "status", "playbook": "playbook",
        "action": "action", "title": "title",
    }  # fmt: skip
    permissions = {
        "list": Permission.VIEW_RECORDS,
        "retrieve": Permission.VIEW_RECORDS,
        # Who may decide is the request's own rule, which the service checks and names.
        "approve": Permission.VIEW_RECORDS,
        "reject": Permission.VIEW_RECORDS,
        "claim": Permission.VIEW_RECORDS,
        "release": Permission.VIEW_RECORDS,
        "bulk": Permission.VIEW_RECORDS,
    }

    @extend_schema(request=serializers.ApproveSerializer, responses=serializers.RequestSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: HttpRequest, pk: str) -> Response:
        """Approve what has this digest; it runs when enough people have."""
        return self._decide(Verdict.APPROVE)

    @extend_schema(request=serializers.ApproveSerializer, responses=serializers.RequestSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: HttpRequest, pk: str) -> Response:
        """Reject what has this digest, with a reason."""
        return self._decide(Verdict.REJECT)

    @extend_schema(request=None, responses=serializers.RequestSerializer)
    @action(detail=True, methods=["post"])
    def claim(self, request: HttpRequest, pk: str) -> Response:
        """Say that you are working on it."""
        row = requests.claim(request_id=self.get_object().pk, actor=self.actor, now=self.now())
        return self._answer(row)

    @extend_schema(request=None, responses=serializers.RequestSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: HttpRequest, pk: str) -> Response:
        """Give it back to all."""
        row = requests.unclaim(request_id=self.get_object().pk, actor=self.actor, now=self.now())
        return self._answer(row)

    @extend_schema(request=serializers.BulkSerializer, responses=serializers.BulkResultSerializer(many=True))
    @action(detail=False, methods=["post"])
    def bulk(self, request: HttpRequest) -> Response:
        """Decide several; the answer has a result for each, and one that is refused does not keep the others."""
        form = serializers.BulkSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted: dict[str, Any] = form.validated_data
        return Response({"results": [self._one(item, wanted["verdict"], wanted["reason"]) for item in wanted["items"]]})

    def _one(self, item: dict[str, Any], verdict: str, reason: str) -> dict[str, Any]:
        try:
            if not self._readable().filter(pk=item["id"]).exists():
                raise requests.NoSuchRequest
            row = decisions.decide(
                request_id=item["id"],
                verdict=Verdict(verdict),
                digest=item["digest"],
                reason=reason,
                actor=self.actor,
                now=self.now(),
            )
        except DomainError as error:
            body = problems.document(error.http_status, error.code, error.detail, hint=error.hint, fields=error.fields)
            return {"id": str(item["id"]), "error": body}
        return {"id": str(row.pk), "status": row.status}

    def _decide(self, verdict: Verdict) -> Response:
        found: Request = self.get_object()
        requests.must_decide(found, self.user)
        form = serializers.ApproveSerializer(data=self.request.data)
        form.is_valid(raise_exception=True)
        row = decisions.decide(
            request_id=found.pk,
            verdict=verdict,
            digest=form.validated_data["digest"],
            reason=form.validated_data["reason"],
            actor=self.actor,
            now=self.now(),
        )
        return self._answer(row)

    def _answer(self, row: Request) -> Response:
        fresh = self._readable().get(pk=row.pk)
        return Response(serializers.RequestSerializer(fresh).data)

    def _readable(self) -> QuerySet[Request]:
        return self.get_queryset()
