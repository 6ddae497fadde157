"""Users, their memberships and their tokens."""

from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from simple_history.models import HistoricalRecords

from accounts.choices import Role
from accounts.models.tenants import Tenant
from core import clock, ids
from core.actors import Actor


class User(AbstractUser):
    """A person, or a service account, which cannot log in."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    is_service = models.BooleanField(default=False, help_text="A program: it uses tokens and cannot log in.")
    last_visit_at = models.DateTimeField(null=True, blank=True, editable=False)

    #: The scopes of the token that this user came with; empty: no limit.
    token_scopes: tuple[str, ...] = ()

    def actor(self) -> Actor:
        """Return this user as the one who acts."""
        return Actor(
            kind="service" if self.is_service else "user",
            id=str(self.pk),
            name=self.username,
            user_id=self.pk,
            is_superuser=self.is_active and self.is_superuser,
            token_scopes=self.token_scopes,
        )


class Membership(models.Model):
    """A user's role in a tenant. The group `tenant:role` carries its permissions."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=24, choices=Role)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+", editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    history = HistoricalRecords()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "tenant", "role"], name="role_once_per_member")]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"


class ApiToken(models.Model):
    """A revocable token for programs; only its hash is kept."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, help_text="The first characters, by which its owner recognises it.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list, blank=True, help_text="Permissions that it is limited to; empty: all of its owner's.")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
