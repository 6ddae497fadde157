"""How a person wants to be told of what waits for them."""

from django.conf import settings
from django.db import models

from accounts.choices import Channel
from core import ids
from core.fields import EncryptedJSONField


class NotificationPreference(models.Model):
    """A channel, and for a webhook the address and the secret that signs what is sent there."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_preference")
    channel = models.CharField(max_length=7, choices=Channel, default=Channel.NONE)
    url = models.URLField(max_length=500, blank=True)
    secret = EncryptedJSONField(null=True)
