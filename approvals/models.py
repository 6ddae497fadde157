"""Requests and the decisions on them."""

from django.conf import settings
from django.db import models

from accounts.choices import Channel
from accounts.models import Environment, Governed
from approvals.choices import ATTEMPTS, Occasion, OnTimeout, Outcome, Status, Verdict
from core import clock, ids


class Request(Governed):
    """What somebody is asked to allow: a frozen document and the digest that people decide on.

    `document` is `{"call": …, "shown": …}`. `subject_id` is the step run. `labels` are words for lists and filters:
    playbook, version, execution, step, step_name, action, adapter, technique, target, rule, alert, started_by.
    """

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    subject_kind = models.CharField(max_length=32)
    subject_id = models.CharField(max_length=64)
    stream = models.CharField(max_length=100)
    title = models.CharField(max_length=300)
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    call_digest = models.CharField(max_length=64)
    labels = models.JSONField(default=dict)
    playbook = models.CharField(max_length=64, blank=True)
    technique = models.CharField(max_length=16, blank=True)
    action = models.CharField(max_length=64, blank=True)
    target = models.CharField(max_length=255, blank=True)
    risk = models.PositiveSmallIntegerField(null=True)
    confidence = models.FloatField(null=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    roles = models.JSONField(default=list, help_text="Roles that may decide.")
    quorum = models.PositiveSmallIntegerField(default=1)
    four_eyes = models.BooleanField(default=False)
    excluded_user_ids = models.JSONField(default=list, help_text="People who may not decide, such as whoever started it.")
    simulated = models.BooleanField(default=False, help_text="A queued simulation: approving runs it for real.")
    on_timeout = models.CharField(max_length=7, choices=OnTimeout, default=OnTimeout.HALT)
    expires_at = models.DateTimeField()
    ends_after = models.FloatField(null=True, help_text="The seconds `Waited` that end it; none before its time was begun to be counted.")
    escalates_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    claimed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    claimed_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by_timeout = models.BooleanField(default=False)
    outcome = models.CharField(max_length=9, choices=Outcome, blank=True)
    receipt = models.JSONField(null=True, blank=True)
    replaced_by = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id"],
                condition=models.Q(status__in=[Status.PENDING, Status.APPROVED]),
                name="one_open_request_per_subject",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "status", "expires_at"], name="request_queue"),
            models.Index(fields=["status", "expires_at"], name="request_expiry"),
            models.Index(
                fields=["status", "escalates_at"], condition=models.Q(status=Status.PENDING, escalated_at=None), name="request_escalation"
            ),
            models.Index(
                fields=["status", "claimed_until"],
                condition=models.Q(status=Status.PENDING, claimed_until__isnull=False),
                name="request_claimed",
            ),
            models.Index(fields=["status", "ends_after"], condition=models.Q(status=Status.PENDING), name="request_waited"),
            models.Index(fields=["subject_kind", "subject_id"], name="request_by_subject"),
        ]

    def __str__(self) -> str:
        return self.title


class Waited(models.Model):
    """The one row of how long people have been waited for. `uptime` is of `machine`, and was read when `seconds` had been seen to pass.

    `began_at` is when that began, by the clock as it was when the times that people are shown last agreed with it.
    """

    ONLY = 1

    seconds = models.FloatField(default=0.0)
    machine = models.CharField(max_length=64, blank=True)
    uptime = models.FloatField(default=0.0)
    began_at = models.DateTimeField(null=True)


class Decision(models.Model):
    """One person's verdict on one digest; a person decides once."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="decisions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    username = models.CharField(max_length=150)
    role = models.CharField(max_length=24)
    verdict = models.CharField(max_length=7, choices=Verdict)
    digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=2000, blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "user"], name="one_decision_per_person")]


class Notice(models.Model):
    """That somebody is to be told of a request, and whether that has been done."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="notices")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    occasion = models.CharField(max_length=9, choices=Occasion, default=Occasion.REQUESTED)
    channel = models.CharField(max_length=7, choices=Channel)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "user", "occasion"], name="told_once_per_occasion")]
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(sent_at__isnull=True, attempts__lt=ATTEMPTS), name="notice_due")
        ]
