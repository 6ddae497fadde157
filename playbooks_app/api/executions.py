"""Executions: list, start, read, act on."""

import uuid
from typing import Any

from django.db.models import Prefetch, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import GovernedViewSet
from accounts.choices import Permission
from accounts.models import Tenant, User
from audit.selectors import entries
from core.api import queries
from core.api.filters import MomentFilter
from core.errors import Invalid
from incidents.models import Alert, Incident
from playbooks_app.api import serializers, shapes
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus
from playbooks_app.models import Execution, Playbook, StepRun
from playbooks_app.services import closing, executions, uncertain

#: What a PATCH of the status asks for.
VERBS = {
    "paused": executions.pause,
    "active": executions.resume,
    "completed": closing.complete,
    "abandoned": closing.abandon,
    "cancelled": executions.cancel,
}


class NoSuchPlaybook(Invalid):
    """There is no such playbook, or version of it, in this tenant."""

    code = "no_such_playbook"


class ExecutionFilter(filters.FilterSet):
    status = filters.ChoiceFilter(choices=[("active", "Active"), *ExecutionStatus.choices()], method="by_status")
    playbook = filters.CharFilter(field_name="version__playbook__slug")
    started_after = MomentFilter(field_name="started_at", lookup_expr="gte")
    started_before = MomentFilter(field_name="started_at", lookup_expr="lt")
    alert = filters.UUIDFilter(field_name="alert_id")
    given_up = filters.BooleanFilter(field_name="given_up_at", lookup_expr="isnull", exclude=True, label="Nobody drives it any more")

    class Meta:
        model = Execution
        fields: tuple[str, ...] = ()

    def by_status(self, rows: QuerySet[Execution], _name: str, value: str) -> QuerySet[Execution]:
        return rows.exclude(status__in=FINAL_EXECUTION) if value == "active" else rows.filter(status=value)


class ExecutionViewSet(ListModelMixin, GovernedViewSet):
    """Executions of the tenants that you may read."""

    queryset = Execution.objects.select_related("version__playbook")
    serializer_class = serializers.ExecutionSerializer
    filterset_class = ExecutionFilter
    ordering_fields = {name: name for name in ("id", "started_at", "status", "level", "title", "started_by")}
    asked_with = {
        "create": (queries.ENVIRONMENT,),
        "timeline": (queries.Parameter("after", "The number of the last event that you have."),),
    }
    permissions = {
        "list": Permission.VIEW_RECORDS,
        "retrieve": Permission.VIEW_RECORDS,
        "timeline": Permission.VIEW_RECORDS,
        "create": Permission.WORK_EXECUTIONS,
        "partial_update": Permission.WORK_EXECUTIONS,
        "step": Permission.WORK_EXECUTIONS,
        "rollback": Permission.WORK_EXECUTIONS,
    }

    @extend_schema(responses=serializers.ExecutionSummarySerializer(many=True))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first."""
        return self.get_paginated_response([shapes.summary(row) for row in self.page_of(*shapes.EXECUTION)])

    @extend_schema(responses=serializers.ExecutionSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One execution with its steps."""
        return self._shown(self.get_object().pk)

    @extend_schema(request=serializers.StartSerializer, responses={201: serializers.ExecutionSerializer})
    def create(self, request: Request) -> Response:
        """Start a playbook."""
        form = serializers.StartSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted: dict[str, Any] = form.validated_data
        if "incident_title" in wanted:
            raise Invalid(
                "Declare the incident first, with POST /incidents, and name it here.", fields={"incident_title": "not here"}
            )
        tenant = self.tenant_for_write()
        alert, event = self._alert(tenant, wanted.get("alert"))
        row = executions.start(
            tenant=tenant,
            environment=self.environment_for_write(tenant),
            version=self._version(tenant, wanted),
            alert=alert,
            event=event,
            inputs=wanted["inputs"],
            level=wanted.get("level"),
            drill=wanted["drill"],
            incident=self._incident(tenant, wanted.get("incident")),
            actor=self.actor,
            now=self.now(),
        )
        return self._shown(row.pk, status=201)

    @extend_schema(request=serializers.ExecutionPatchSerializer, responses=serializers.ExecutionSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Pause, resume, cancel, complete or abandon it."""
        row = self.get_object()
        form = serializers.ExecutionPatchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        status, reason = form.validated_data["status"], form.validated_data["reason"]
        VERBS[status](execution_id=row.pk, reason=reason, actor=self.actor, now=self.now())
        return self._shown(row.pk)

    @extend_schema(request=serializers.StepPatchSerializer, responses=serializers.ExecutionSerializer)
    @action(detail=True, methods=["patch"], url_path=r"steps/(?P<step>[^/]{1,128})")
    def step(self, request: Request, pk: str, step: str) -> Response:
        """Take a step, decide it, mark it done or skipped, or say what became of an uncertain one."""
        row = self.get_object()
        form = serializers.StepPatchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted: dict[str, Any] = form.validated_data
        common: dict[str, Any] = {"execution_id": row.pk, "step_id": step, "actor": self.actor, "now": self.now()}
        if "uncertain" in wanted:
            uncertain.answer(said=wanted["uncertain"], reason=wanted["note"], **common)
        else:
            executions.update_step(
                status=wanted.get("status"), assignee_id=self._assignee(row, wanted.get("assignee")), note=wanted["note"],
                decision=wanted["decision"], output=wanted.get("output"), **common,
            )  # fmt: skip
        return self._shown(row.pk)

    @extend_schema(responses=serializers.EventSerializer(many=True))
    @action(detail=True)
    def timeline(self, request: Request, pk: str) -> Response:
        """What happened, in order, numbered without gaps."""
        after = request.query_params.get("after", "0")
        if not after.isascii() or not after.isdecimal() or len(after) > 15:
            raise Invalid("`after` is the number of an event.")
        found = entries.of_stream(f"execution:{self.get_object().pk}", after=int(after), limit=1000)
        return Response({"results": [shapes.event(entry) for entry in found], "next": None, "previous": None})

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.ExecutionSerializer)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: str) -> Response:
        """Undo what it changed, last first."""
        row = self.get_object()
        form = serializers.ReasonSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        executions.rollback(execution_id=row.pk, reason=form.validated_data["reason"], actor=self.actor, now=self.now())
        return self._shown(row.pk)

    def _shown(self, pk: uuid.UUID, *, status: int = 200) -> Response:
        steps = Prefetch("steps", StepRun.objects.select_related("assignee").order_by("position", "id"))
        row = Execution.objects.select_related("version__playbook").prefetch_related(steps).get(pk=pk)
        return Response(shapes.execution(row, steps=True), status=status)

    def _version(self, tenant: Tenant, wanted: dict[str, Any]) -> Any:
        playbook = Playbook.objects.filter(tenant=tenant, slug=wanted["playbook"]).select_related("active_version").first()
        if playbook is None:
            raise NoSuchPlaybook(f"There is no playbook {wanted['playbook']!r} in this tenant.")
        if wanted.get("version", playbook.active_version.number if playbook.active_version else "") != (
            playbook.active_version.number if playbook.active_version else ""
        ):
            raise NoSuchPlaybook("Only the active version can be started.")
        return playbook.active_version

    def _alert(self, tenant: Tenant, given: Any) -> tuple[Alert | None, dict[str, Any] | None]:
        if given is None or isinstance(given, dict):
            return None, given
        try:
            return Alert.objects.get(tenant=tenant, pk=uuid.UUID(str(given))), None
        except (ValueError, Alert.DoesNotExist) as error:
            raise Invalid("`alert` is the id of an alert of this tenant, or an ECS document.") from error

    def _incident(self, tenant: Tenant, given: uuid.UUID | None) -> Incident | None:
        if given is None:
            return None
        row = Incident.objects.filter(tenant=tenant, pk=given).first()
        if row is None:
            raise Invalid("There is no such incident in this tenant.")
        return row

    def _assignee(self, row: Execution, username: str | None) -> uuid.UUID | None:
        if username is None:
            return None
        found = User.objects.filter(username=username, memberships__tenant=row.tenant_id, is_active=True).first()
        if found is None:
            raise Invalid(f"{username!r} is no member of this tenant.")
        return found.pk
