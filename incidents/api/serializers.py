"""What the endpoints of incidents take and give."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core import attack
from core.api.techniques import TechniqueSerializer
from incidents.choices import IncidentRole, IncidentStatus, Severity
from incidents.models import Incident, IncidentLink, IncidentNote, IncidentRoleAssignment
from incidents.services.incidents import LINK_KINDS, LONGEST_NOTE


class NoteSerializer(serializers.ModelSerializer[IncidentNote]):
    text = serializers.CharField(max_length=LONGEST_NOTE)

    class Meta:
        model = IncidentNote
        fields = ["id", "author", "text", "at"]
        read_only_fields = ["id", "author", "at"]


class RoleSerializer(serializers.ModelSerializer[IncidentRoleAssignment]):
    user = serializers.CharField(source="user.username", max_length=150)
    role = serializers.ChoiceField(choices=IncidentRole.choices)

    class Meta:
        model = IncidentRoleAssignment
        fields = ["role", "user"]


class LinkSerializer(serializers.ModelSerializer[IncidentLink]):
    kind = serializers.ChoiceField(choices=sorted(LINK_KINDS))
    id = serializers.UUIDField(source="ref_id")

    class Meta:
        model = IncidentLink
        fields = ["kind", "id", "at"]
        read_only_fields = ["at"]


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    """An incident as programs get it."""

    tenant = serializers.CharField(source="tenant.slug")
    environment = serializers.CharField(source="environment.slug")
    techniques = serializers.ListField(child=serializers.CharField())
    technique_details = serializers.SerializerMethodField()
    roles = RoleSerializer(many=True)
    links = LinkSerializer(many=True)

    class Meta:
        model = Incident
        fields = [
            "id", "number", "tenant", "environment", "title", "summary", "severity", "category", "techniques",
            "technique_details", "status", "declared_by", "occurred_at", "detected_at", "declared_at", "acknowledged_at", "mitigated_at", "resolved_at",
            "roles", "links",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(TechniqueSerializer(many=True))
    def get_technique_details(self, row: Incident) -> list[dict[str, object]]:
        return attack.described(row.techniques)


class ClassifySerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=300, required=False)
    summary = serializers.CharField(max_length=LONGEST_NOTE, required=False, allow_blank=True)
    severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    category = serializers.CharField(max_length=64, required=False, allow_blank=True)
    techniques = serializers.ListField(child=serializers.CharField(max_length=16), max_length=100, required=False)


class DeclareSerializer(ClassifySerializer):
    title = serializers.CharField(max_length=300)
    occurred_at = serializers.DateTimeField(required=False)
    detected_at = serializers.DateTimeField(required=False)


class StatusSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=IncidentStatus.choices)
    reason = serializers.CharField(max_length=LONGEST_NOTE, required=False, allow_blank=True, default="")


class IncidentEventSerializer(serializers.Serializer[Any]):
    """An entry of the timeline."""

    seq = serializers.IntegerField()
    event_type = serializers.CharField(source="kind")
    stream = serializers.CharField()
    subject = serializers.SerializerMethodField()
    actor = serializers.CharField(source="actor_name")
    timestamp = serializers.DateTimeField(source="at")
    data = serializers.DictField()  # type: ignore[assignment]

    def get_subject(self, entry: Any) -> dict[str, str]:
        return {"kind": entry.subject_kind, "id": entry.subject_id}
