"""Numbers that are read from the database when somebody asks for them."""

from django.db.models import Count
from django.utils import timezone
from prometheus_client import Gauge

from approvals.models import Request
from audit.selectors import deliveries
from incidents.models import Alert
from playbooks_app.models import Execution, StepRun

EXECUTIONS = Gauge("runbookpilot_executions", "Executions by status.", ["status"])
STEPS = Gauge("runbookpilot_steps", "Steps by status.", ["status"])
APPROVALS = Gauge("runbookpilot_approvals", "Approval requests by status.", ["status"])
OLDEST = Gauge("runbookpilot_oldest_pending_approval_seconds", "Age of the oldest pending approval request.")
ALERTS = Gauge("runbookpilot_alerts", "Alerts accepted.")
QUEUE = Gauge("runbookpilot_deliveries", "Deliveries by state: due, dead.", ["state"])


def refresh() -> None:
    """Bring every gauge up to date."""
    for gauge, model in ((EXECUTIONS, Execution), (STEPS, StepRun), (APPROVALS, Request)):
        gauge.clear()
        for status, count in model.objects.order_by().values_list("status").annotate(Count("pk")):
            gauge.labels(status).set(count)
    oldest = Request.objects.filter(status="pending").order_by("created_at").values_list("created_at", flat=True).first()
    OLDEST.set((timezone.now() - oldest).total_seconds() if oldest else 0)
    ALERTS.set(Alert.objects.count())
    for state, count in deliveries.counts().items():
        QUEUE.labels(state).set(count)
