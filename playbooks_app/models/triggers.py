"""Every decision about every alert, kept to answer "why did (not) this run?"."""

from django.db import models

from accounts.models import Governed
from incidents.models import Alert
from playbooks_app.models.executions import Execution
from playbooks_app.models.playbooks import Playbook, PlaybookVersion


class TriggerDecision(Governed):
    """Whether one playbook matched one alert, why, and what that started. Without a playbook: why none was considered."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="decisions")
    playbook = models.ForeignKey(Playbook, on_delete=models.PROTECT, null=True, related_name="+")
    version = models.ForeignKey(PlaybookVersion, on_delete=models.PROTECT, null=True, related_name="+")
    matched = models.BooleanField()
    why = models.CharField(max_length=1000)
    condition = models.TextField(blank=True)
    reads = models.JSONField(default=dict, help_text="The values that the condition read, redacted.")
    execution = models.ForeignKey(Execution, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["alert", "playbook"], name="one_decision_per_playbook"),
            models.UniqueConstraint(
                fields=["alert"], condition=models.Q(playbook__isnull=True), name="one_decision_without_playbook"
            ),
        ]
