"""Evidence bundles: made, filled, sealed, exported, verified."""

import base64
import binascii
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import GovernedViewSet
from accounts.choices import Permission
from compliance.api import serializers
from compliance.api.filters import BundleFilter
from compliance.models import Control, EvidenceBundle
from compliance.selectors import bundles as find
from compliance.services import bundles, evidence
from compliance.spec import verify_pack
from core.api import streaming
from core.errors import Conflict, Invalid, NotFound
from playbooks_app.models import Execution


class NotEvidence(Conflict):
    """This execution yields no evidence: it has not ended, is a drill, or its playbook is mapped to no control."""

    code = "not_evidence"


class NoSuchExecution(NotFound):
    """There is no such execution, or not for you."""


class NotBase64(Invalid):
    """The content is not valid base64."""

    code = "not_base64"


class ZipRenderer(JSONRenderer):
    """Lets a client ask for a zip; a problem is answered as JSON all the same."""

    media_type = "application/zip"
    format = "zip"


class BundleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GovernedViewSet):
    """What proves that something was done; once sealed it never changes."""

    queryset = EvidenceBundle.objects.all()
    serializer_class = serializers.BundleSerializer
    filterset_class = BundleFilter
    ordering_fields = {name: name for name in ("id", "title", "status", "created_at", "period_from", "period_until")}
    checks = ("verify",)
    read_permission = Permission.VIEW_EVIDENCE
    permissions = {
        "list": Permission.VIEW_EVIDENCE,
        "retrieve": Permission.VIEW_EVIDENCE,
        "artifacts": Permission.VIEW_EVIDENCE,
        "export": Permission.VIEW_EVIDENCE,
        "verify": Permission.VIEW_EVIDENCE,
        "create": Permission.MANAGE_COMPLIANCE,
        "attach": Permission.MANAGE_COMPLIANCE,
        "seal": Permission.MANAGE_COMPLIANCE,
        "supersede": Permission.MANAGE_COMPLIANCE,
    }

    def get_queryset(self) -> QuerySet[EvidenceBundle]:
        return find.shown(super().get_queryset())

    @extend_schema(request=serializers.NewBundleSerializer, responses={201: serializers.BundleSerializer})
    def create(self, request: Request) -> Response:
        """Make a bundle: of an execution that ended, or an open one that people fill."""
        tenant = self.tenant_for_write()
        given = self._given(serializers.NewBundleSerializer)
        if "execution" in given:
            if not Execution.objects.filter(pk=given["execution"], tenant=tenant).exists():
                raise NoSuchExecution
            bundle = evidence.capture(execution_id=given["execution"], actor=self.actor, now=self.now())
            if bundle is None:
                raise NotEvidence
            return self._shown(bundle, 201)
        controls = list(Control.objects.filter(tenant=tenant, pk__in=given["controls"]))
        if len(controls) != len(set(given["controls"])):
            raise bundles.WrongControls
        given["controls"] = controls
        return self._shown(bundles.create(**given, tenant=tenant, actor=self.actor, now=self.now()), 201)

    @extend_schema(responses=serializers.ArtifactSerializer(many=True))
    @action(detail=True, filter_backends=[])
    def artifacts(self, request: Request, pk: str) -> Response:
        """Return the pieces of evidence in a bundle."""
        bundle: EvidenceBundle = self.get_object()
        data = serializers.ArtifactSerializer(bundle.artifacts.order_by("id"), many=True).data
        return self.answer({"results": data, "next": None, "previous": None})

    @extend_schema(request=serializers.NewArtifactSerializer, responses={201: serializers.ArtifactSerializer})
    @artifacts.mapping.post
    def attach(self, request: Request, pk: str) -> Response:
        """Attach a file to an open bundle."""
        bundle: EvidenceBundle = self.get_object()
        given = self._given(serializers.NewArtifactSerializer)
        try:
            given["content"] = base64.b64decode(given["content"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise NotBase64 from error
        artifact = bundles.attach(bundle=bundle, actor=self.actor, now=self.now(), **given)
        return self.answer(serializers.ArtifactSerializer(artifact).data, 201)

    @extend_schema(request=None, responses=serializers.BundleSerializer)
    @action(detail=True, methods=["post"])
    def seal(self, request: Request, pk: str) -> Response:
        """Seal a bundle: render, sign, and never change it again."""
        bundle: EvidenceBundle = self.get_object()
        return self._shown(bundles.seal(bundle_id=bundle.pk, actor=self.actor, now=self.now()))

    @extend_schema(request=None, responses={201: serializers.BundleSerializer})
    @action(detail=True, methods=["post"])
    def supersede(self, request: Request, pk: str) -> Response:
        """Open a new bundle with the evidence of a sealed one, to correct it."""
        bundle: EvidenceBundle = self.get_object()
        title = str(request.data.get("title", ""))[:300] if isinstance(request.data, dict) else ""
        return self._shown(bundles.supersede(bundle_id=bundle.pk, title=title, actor=self.actor, now=self.now()), 201)

    @extend_schema(request=None, responses=serializers.VerificationSerializer)
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, pk: str) -> Response:
        """Check a sealed bundle where it is kept, by the code that travels in its pack."""
        bundle: EvidenceBundle = self.get_object()
        found = bundles.verify(bundle=bundle, actor=self.actor, now=self.now())
        body = {
            "verdict": str(found.verdict), "exit_code": verify_pack.VERDICTS.index(str(found.verdict)), "findings": found.findings,
            "checked": found.checked, "at": found.at,
        }
        return self.answer(serializers.VerificationSerializer(body).data)

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    @action(detail=True, renderer_classes=[ZipRenderer, JSONRenderer], filter_backends=[])
    def export(self, request: Request, pk: str) -> StreamingHttpResponse:
        """Stream the pack of a sealed bundle as one zip."""
        bundle: EvidenceBundle = self.get_object()
        pack = bundles.export(bundle_id=bundle.pk, actor=self.actor, now=self.now())
        response = streaming.stream(request, pack.chunks, content_type="application/zip", filename=pack.filename)
        response["Content-Length"] = str(pack.size)
        return response

    def _given(self, serializer_class: Any) -> dict[str, Any]:
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def _shown(self, bundle: EvidenceBundle, status: int = 200) -> Response:
        return self.answer(self.get_serializer(self.get_queryset().get(pk=bundle.pk)).data, status)
