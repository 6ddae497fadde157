"""What people set for themselves."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import GovernedViewSet
from accounts.choices import Channel, Permission
from accounts.models import NotificationPreference
from accounts.selectors import access
from accounts.services import preferences


class PreferenceSerializer(serializers.Serializer[Any]):
    """How you are told; `secret` signs what a new webhook gets, and is shown this once."""

    channel = serializers.ChoiceField(choices=Channel.choices)
    url = serializers.CharField(read_only=True)
    secret = serializers.CharField(read_only=True, required=False)


class ChoosePreferenceSerializer(serializers.Serializer[Any]):
    """How you want to be told."""

    channel = serializers.ChoiceField(choices=Channel.choices)
    url = serializers.CharField(max_length=500, default="", allow_blank=True)


class NotificationsViewSet(GovernedViewSet):
    """How you are told of approvals that you may decide."""

    queryset = NotificationPreference.objects.none()
    is_configuration = True
    serializer_class = PreferenceSerializer
    permissions = {"retrieve": Permission.VIEW_RECORDS, "update": Permission.VIEW_RECORDS}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        access.require_somewhere(self.user, self.permissions[self.action])

    @extend_schema(responses=PreferenceSerializer)
    def retrieve(self, request: Request) -> Response:
        """What you chose; nothing where you never did."""
        row = NotificationPreference.objects.filter(user=self.user).first()
        return Response({"channel": row.channel if row else Channel.NONE, "url": row.url if row else ""})

    @extend_schema(request=ChoosePreferenceSerializer, responses=PreferenceSerializer)
    def update(self, request: Request) -> Response:
        """Choose mail, a signed webhook, or none."""
        form = ChoosePreferenceSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        row, secret = preferences.choose(
            user=self.user, channel=Channel(form.validated_data["channel"]), url=form.validated_data["url"],
            actor=self.actor, now=self.now(),
        )  # fmt: skip
        return Response({"channel": row.channel, "url": row.url, **({"secret": secret} if secret else {})})
