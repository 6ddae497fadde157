"""What goes in and out."""

from typing import Any

from rest_framework import serializers

from compliance.models import Artifact, Control, EvidenceBundle, Framework, Mapping
from compliance.selectors.coverage import Coverage, Newest


class FrameworkSerializer(serializers.ModelSerializer[Framework]):
    controls = serializers.IntegerField(source="control_count", read_only=True)
    tenant = serializers.CharField(source="tenant.slug", read_only=True)

    class Meta:
        model = Framework
        fields = ["id", "tenant", "slug", "name", "version", "source_sha256", "controls", "created_at"]


class ControlSerializer(serializers.ModelSerializer[Control]):
    tenant = serializers.CharField(source="tenant.slug", read_only=True)
    framework = serializers.CharField(source="framework.slug", read_only=True)
    owner = serializers.CharField(source="owner.username", default=None, read_only=True)

    class Meta:
        model = Control
        fields = [
            "id", "tenant", "framework", "identifier", "label", "title", "family", "text", "freshness_days", "applicable",
            "applicability_reason", "owner",
        ]


class ControlChangeSerializer(serializers.Serializer[Any]):
    owner = serializers.CharField(required=False, help_text="User name of the owner.")
    freshness_days = serializers.IntegerField(required=False, min_value=1, max_value=3660)
    applicable = serializers.BooleanField(required=False)
    reason = serializers.CharField(required=False, max_length=500, allow_blank=True)


class MappingSerializer(serializers.ModelSerializer[Mapping]):
    playbook = serializers.CharField(source="playbook.slug")
    environment = serializers.CharField(source="environment.slug", default=None)

    class Meta:
        model = Mapping
        fields = ["id", "control", "playbook", "environment", "selector", "rationale", "valid_from", "valid_until"]


class NewMappingSerializer(serializers.Serializer[Any]):
    playbook = serializers.SlugField(help_text="Slug of the playbook.")
    environment = serializers.SlugField(required=False)
    selector = serializers.DictField(required=False)
    rationale = serializers.CharField(required=False, max_length=4000)
    valid_from = serializers.DateTimeField(required=False)
    valid_until = serializers.DateTimeField(required=False)


class ExceptionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(read_only=True)
    reason = serializers.CharField(max_length=4000)
    valid_from = serializers.DateTimeField(required=False)
    valid_until = serializers.DateTimeField()
    accepted_by = serializers.CharField(read_only=True)


class ArtifactSerializer(serializers.ModelSerializer[Artifact]):
    class Meta:
        model = Artifact
        fields = [
            "id", "kind", "name", "media_type", "sha256", "size", "source", "step", "effective_at", "received_at", "valid_until",
            "passed", "redactions",
        ]


class NewArtifactSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=300)
    media_type = serializers.CharField(max_length=100, default="application/octet-stream")
    content = serializers.CharField(help_text="The content in base64.", trim_whitespace=False)
    effective_at = serializers.DateTimeField(required=False)
    valid_until = serializers.DateTimeField(required=False)


class BundleSerializer(serializers.ModelSerializer[EvidenceBundle]):
    tenant = serializers.CharField(source="tenant.slug", read_only=True)
    environment = serializers.CharField(source="environment.slug", default=None, read_only=True)
    playbook = serializers.CharField(source="execution.version.playbook.slug", default=None, read_only=True)
    artifacts = serializers.IntegerField(source="artifact_count", read_only=True)
    controls = serializers.SerializerMethodField()
    superseded_by = serializers.UUIDField(source="superseded_by.pk", default=None, read_only=True)

    class Meta:
        model = EvidenceBundle
        fields = [
            "id", "tenant", "environment", "title", "execution", "playbook", "controls", "status", "passed", "period_from",
            "period_until", "created_by", "created_at", "sealed_at", "sealed_by", "manifest_sha256", "previous_digest", "omissions",
            "supersedes", "superseded_by", "artifacts",
        ]

    def get_controls(self, bundle: EvidenceBundle) -> list[dict[str, Any]]:
        return [
            {
                "id": str(row.control_id), "framework": row.control.framework.slug, "identifier": row.control.identifier,
                "label": row.control.label, "title": row.control.title, "passed": row.passed,
            }
            for row in bundle.evidence.all()
        ]


class NewBundleSerializer(serializers.Serializer[Any]):
    """Either `execution`, or a title, controls and a period for evidence that people collect."""

    execution = serializers.UUIDField(required=False)
    title = serializers.CharField(required=False, max_length=300)
    controls = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=500)
    period_from = serializers.DateTimeField(required=False)
    period_until = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = {"title", "controls", "period_from", "period_until"}
        if "execution" not in attrs and needed - set(attrs):
            raise serializers.ValidationError(f"Give an execution, or {', '.join(sorted(needed - set(attrs)))} too.")
        return attrs


class VerificationSerializer(serializers.Serializer[Any]):
    verdict = serializers.CharField()
    exit_code = serializers.IntegerField(help_text="What verify.py exits with: 0 VERIFIED to 5 TAMPERED.")
    findings = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))
    checked = serializers.DictField(child=serializers.IntegerField())
    at = serializers.DateTimeField()


def coverage_row(row: Coverage) -> dict[str, Any]:
    """Return how a control stands, for programs."""
    control = row.control
    return {
        "id": str(control.pk), "identifier": control.identifier, "label": control.label, "title": control.title,
        "family": control.family, "owner": control.owner.username if control.owner else None, "state": str(row.state),
        "reasons": list(row.reasons), "playbooks": list(row.playbooks), "newest": _newest(row.newest),
        "newest_pass": _newest(row.newest_pass), "valid_until": row.valid_until, "stale_soon": row.stale_soon,
    }


def _newest(evidence: Newest | None) -> dict[str, Any] | None:
    if evidence is None:
        return None
    return {
        "bundle": str(evidence.bundle_id), "title": evidence.title, "effective_at": evidence.effective_at, "passed": evidence.passed,
    }
