"""What the endpoints of approvals take and give."""

from typing import Any

from rest_framework import serializers

from approvals.choices import Status, Verdict
from approvals.models import Request
from approvals.selectors import queue


class ImpactSerializer(serializers.Serializer[Any]):
    summary = serializers.CharField()
    risk = serializers.IntegerField(allow_null=True)
    terms = serializers.ListField(child=serializers.DictField())
    targets = serializers.ListField(child=serializers.CharField())


class DecisionSerializer(serializers.Serializer[Any]):
    by = serializers.CharField()
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class RequestSerializer(serializers.Serializer[Request]):
    """An approval request as programs get it."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Status.choices)
    title = serializers.CharField()
    execution = serializers.CharField(allow_null=True)
    step = serializers.CharField(allow_null=True)
    playbook = serializers.CharField()
    action = serializers.CharField()
    adapter = serializers.CharField()
    effect = serializers.CharField()
    params = serializers.JSONField(help_text="Of the call; a list where one consent covers several.")
    digest = serializers.CharField()
    impact = ImpactSerializer()
    confidence = serializers.FloatField(allow_null=True)
    rule = serializers.CharField(allow_blank=True)
    undo = serializers.JSONField(allow_null=True)
    simulated = serializers.BooleanField()
    requested_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    escalated_at = serializers.DateTimeField(allow_null=True, help_text="When those who may decide were told again.")
    quorum = serializers.IntegerField()
    roles = serializers.ListField(child=serializers.CharField())
    four_eyes = serializers.BooleanField()
    claimed_by = serializers.CharField(allow_null=True)
    claimed_until = serializers.DateTimeField(allow_null=True, help_text="When the claim ends by itself.")
    outcome = serializers.CharField(allow_blank=True)
    receipt = serializers.JSONField(allow_null=True)
    decisions = DecisionSerializer(many=True)

    def to_representation(self, instance: Request) -> dict[str, Any]:
        return super().to_representation(queue.shape(instance))  # type: ignore[arg-type]


class ApproveSerializer(serializers.Serializer[Any]):
    digest = serializers.CharField(max_length=64, min_length=64, help_text="The digest that was shown.")
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")


class BulkItemSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    digest = serializers.CharField(max_length=64, min_length=64, help_text="The digest that was shown.")


class BulkSerializer(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    items = serializers.ListField(child=BulkItemSerializer(), min_length=1, max_length=100)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")


class BulkResultSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.CharField(required=False)
    error = serializers.DictField(required=False)
