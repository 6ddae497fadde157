"""Executions, their steps, and notes."""

import functools

from django.conf import settings
from django.db import models

from accounts.models import Environment, Governed, Tenant
from core import clock, ids
from core.fields import EncryptedJSONField
from incidents.models import Alert, Incident
from playbooks_app.choices import ExecutionStatus, StepMode, StepStatus
from playbooks_app.models.playbooks import PlaybookVersion


class Execution(Governed):
    """One run of one playbook version, pinned to it.

    `lease_owner`, `lease_until` and `fence` say which worker drives it: a worker commits only while the fence is its own.
    `lease_until` changes with each renewal, and is compared with no clock; an owner without it is one that was lost.
    `control` holds what people asked of it and the engine has yet to do (cancel, pause, rollback), of the execution above too
    where that is a pause. Whoever changes an execution or its steps beside the worker that drives it sets `wake_at`, so that
    this worker reads it anew.
    `losses` counts workers that were lost in a row at the same place; one that is given up is driven by nobody.
    """

    # Each index is written with each change of a status: those that nothing asks for are left out.
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.ForeignKey(PlaybookVersion, on_delete=models.PROTECT, related_name="executions")
    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, null=True, related_name="executions", db_index=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, null=True, related_name="executions", db_index=False)
    title = models.CharField(max_length=300)
    status = models.CharField(max_length=20, choices=ExecutionStatus.choices(), default=ExecutionStatus.IDLE)
    level = models.CharField(max_length=2)
    level_cap = models.CharField(max_length=200, help_text="The term that capped the level, in words.")
    drill = models.BooleanField(default=False)
    inputs = models.JSONField(default=dict)
    event = models.JSONField(default=dict, help_text="The alert document that this run reads.")
    enrichment = models.JSONField(default=dict)
    started_by = models.CharField(max_length=150)
    started_by_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    started_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    deadline = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)
    control = models.JSONField(default=dict)
    parent_step = models.ForeignKey("StepRun", on_delete=models.PROTECT, null=True, related_name="children", db_index=False)
    depth = models.PositiveSmallIntegerField(default=0, help_text="How many executions stand above it.")
    trace_id = models.CharField(max_length=64, blank=True)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveBigIntegerField(default=0)
    losses = models.PositiveSmallIntegerField(default=0, db_default=0)
    given_up_at = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True, help_text="When it has to be looked at again, whatever happens.")

    wake_noted_at = models.DateTimeField(null=True, help_text="When `wake_at` was noted: later than now where a clock was set back.")

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "-id"], name="execution_recent"),
            models.Index(fields=["tenant", "status", "-id"], name="execution_by_status"),
            models.Index(fields=["alert"], condition=models.Q(alert__isnull=False), name="execution_of_alert"),
            models.Index(fields=["incident"], condition=models.Q(incident__isnull=False), name="execution_of_incident"),
            models.Index(fields=["wake_at"], condition=models.Q(wake_at__isnull=False), name="execution_due"),
            models.Index(fields=["wake_noted_at"], condition=models.Q(wake_at__isnull=False), name="execution_misdated"),
            models.Index(fields=["id"], condition=~models.Q(lease_owner=""), name="execution_driven"),
            models.Index(
                # SQLite looks nothing up in an index by whose columns nobody asks.
                fields=["status"],
                condition=models.Q(status=ExecutionStatus.EXECUTING, lease_owner="", wake_at__isnull=True),
                name="execution_unseen",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "version"], condition=models.Q(started_by="trigger"), name="alert_starts_version_once"
            ),
            models.UniqueConstraint(
                fields=["parent_step"], condition=models.Q(parent_step__isnull=False), name="step_starts_one_child"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @functools.cached_property
    def stream(self) -> str:
        """The stream of its journal entries."""
        return f"execution:{self.pk}"


class StepRun(Governed):
    """One step of one execution, there from the start; an undo is a step run of its own."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="steps", db_index=False)
    step_id = models.CharField(
        max_length=128, help_text="Its id in the playbook, `sweep[0]` for an iteration, `undo:` and the step's for an undo."
    )
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=16)
    action = models.CharField(max_length=64, blank=True)
    effect = models.CharField(max_length=12, blank=True)
    undo_of = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="undos", db_index=False)
    iteration_of = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="iterations", db_index=False)
    number = models.PositiveSmallIntegerField(null=True, help_text="Which iteration it is, from 0.")
    item = models.JSONField(null=True, help_text="The item of an iteration.")
    status = models.CharField(max_length=20, choices=StepStatus.choices(), default=StepStatus.NOT_STARTED)
    mode = models.CharField(max_length=9, choices=StepMode.choices(), blank=True)
    level = models.CharField(max_length=2, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    idempotency_key = models.CharField(max_length=64, blank=True)
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    params = EncryptedJSONField(null=True)
    params_shown = models.JSONField(null=True, help_text="Redacted copy of the parameters.")
    output = models.JSONField(null=True)
    simulation = models.JSONField(null=True, help_text="What a dry run found: impact, before and after.")
    error = models.JSONField(null=True)
    waiting_for = models.CharField(max_length=300, blank=True, help_text="In words: who or what it waits for.")
    decision = models.CharField(max_length=64, blank=True)
    approval_id = models.UUIDField(null=True)
    call_id = models.UUIDField(null=True)
    built_on_simulated = models.BooleanField(default=False)
    evaluations = models.JSONField(default=list, help_text="Conditions with their results and the values they read.")
    retry_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    deadline = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["execution", "step_id"], name="step_once_per_execution")]
        indexes = [
            models.Index(fields=["undo_of"], condition=models.Q(undo_of__isnull=False), name="step_undone"),
            models.Index(fields=["assignee"], condition=models.Q(assignee__isnull=False), name="step_of_assignee"),
            models.Index(fields=["iteration_of"], condition=models.Q(iteration_of__isnull=False), name="step_repeated"),
        ]


class Note(models.Model):
    """What somebody wrote on an execution or one of its steps. Never changed."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="notes")
    step = models.ForeignKey(StepRun, on_delete=models.CASCADE, null=True, related_name="notes")
    author = models.CharField(max_length=150)
    text = models.TextField()
    at = models.DateTimeField(default=clock.now)
