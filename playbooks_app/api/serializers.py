"""What the endpoints take; and, for the schema, what they give."""

from typing import Any

from rest_framework import serializers

from core.api.techniques import TechniqueSerializer
from playbooks_app.choices import ExecutionStatus, StepMode, StepStatus

#: What a PATCH may ask of an execution, and of a step.
EXECUTION_VERBS = [
    ("paused", "Pause"),
    ("active", "Resume"),
    ("completed", "Complete"),
    ("abandoned", "Abandon"),
    ("cancelled", "Cancel"),
]
STEP_VERBS = [("completed", "Mark as done"), ("skipped", "Skip")]


class StepSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    action = serializers.CharField(allow_blank=True)
    effect = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=StepStatus.choices())
    mode = serializers.ChoiceField(choices=StepMode.choices(), allow_blank=True)
    attempt = serializers.IntegerField()
    assignee = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    params = serializers.JSONField(allow_null=True)
    output = serializers.JSONField(allow_null=True)
    error = serializers.JSONField(allow_null=True)
    decision = serializers.CharField(allow_blank=True)
    waiting_for = serializers.CharField(allow_blank=True)
    approval = serializers.UUIDField(allow_null=True)


class PlaybookRefSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    version = serializers.CharField()


class ExecutionSummarySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    playbook = PlaybookRefSerializer()
    status = serializers.ChoiceField(choices=ExecutionStatus.choices())
    level = serializers.CharField()
    level_cap = serializers.CharField()
    title = serializers.CharField()
    drill = serializers.BooleanField()
    alert = serializers.UUIDField(allow_null=True)
    incident = serializers.UUIDField(allow_null=True)
    started_by = serializers.CharField()
    started_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    result = serializers.DictField()
    given_up_at = serializers.DateTimeField(allow_null=True, help_text="Since when nobody drives it, because it went on killing its worker.")


class ExecutionSerializer(ExecutionSummarySerializer):
    hint = serializers.CharField(allow_blank=True, help_text="What to do about one that was given up.")
    steps = StepSerializer(many=True)


class EventSerializer(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    event_type = serializers.CharField()
    node_id = serializers.CharField(allow_null=True)
    actor = serializers.CharField()
    timestamp = serializers.DateTimeField()
    simulated = serializers.BooleanField()
    data = serializers.DictField()  # type: ignore[assignment]


class StartSerializer(serializers.Serializer[Any]):
    """Start a playbook; `alert` is the id of one, or an ECS document."""

    playbook = serializers.CharField(max_length=64)
    version = serializers.CharField(max_length=32, required=False)
    alert = serializers.JSONField(required=False)
    inputs = serializers.DictField(required=False, default=dict)
    level = serializers.ChoiceField(choices=["L0", "L1", "L2"], required=False)
    incident = serializers.UUIDField(required=False)
    incident_title = serializers.CharField(max_length=300, required=False)
    drill = serializers.BooleanField(required=False, default=False)


class ExecutionPatchSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=EXECUTION_VERBS)
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class StepPatchSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=STEP_VERBS, required=False)
    assignee = serializers.CharField(max_length=150, required=False)
    note = serializers.CharField(max_length=20_000, required=False, allow_blank=True, default="")
    decision = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")
    output = serializers.DictField(required=False)
    uncertain = serializers.ChoiceField(choices=["look", "happened", "not_happened"], required=False)


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class VersionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    version = serializers.CharField()
    status = serializers.CharField()
    level = serializers.CharField()
    attack = serializers.ListField(child=serializers.CharField())
    d3fend = serializers.ListField(child=serializers.CharField())
    technique_details = TechniqueSerializer(many=True)
    tags = serializers.ListField(child=serializers.CharField())
    author = serializers.CharField()
    sha256 = serializers.CharField()
    origin = serializers.CharField()


class PlaybookSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    enabled = serializers.BooleanField()
    active_version = VersionSerializer(allow_null=True)


class SourceSerializer(serializers.Serializer[Any]):
    """A playbook's text."""

    text = serializers.CharField(max_length=1 << 20, trim_whitespace=False)


class ValidationSerializer(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
    problems = serializers.ListField(child=serializers.DictField())


class StartedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    playbook = serializers.CharField()
    status = serializers.CharField()


class TriggerDecisionSerializer(serializers.Serializer[Any]):
    playbook = serializers.CharField(allow_null=True)
    matched = serializers.BooleanField()
    why = serializers.CharField()


class AlertSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    duplicate = serializers.BooleanField()
    rule = serializers.CharField()
    host = serializers.CharField()
    user = serializers.CharField()
    severity = serializers.FloatField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    techniques = serializers.ListField(child=serializers.CharField())
    technique_details = TechniqueSerializer(many=True)
    received_at = serializers.DateTimeField()
    duplicates = serializers.IntegerField()
    sha256 = serializers.CharField()
    executions = StartedSerializer(many=True)
    decisions = TriggerDecisionSerializer(many=True)
