"""Numbers that are read from the database when somebody asks for them."""

from django.db.models import Count
from django.utils import timezone
from prometheus_client import Gauge

from adapters.choices import Mode
from adapters.models import AdapterInstance
from approvals.models import Request
from audit.selectors import deliveries
from incidents.models import Alert
from playbooks_app.models import Execution, StepRun
from runbookpilot import broker

EXECUTIONS = Gauge("runbookpilot_executions", "Executions by status.", ["status"])
STEPS = Gauge("runbookpilot_steps", "Steps by status.", ["status"])
APPROVALS = Gauge("runbookpilot_approvals", "Approval requests by status.", ["status"])
OLDEST = Gauge("runbookpilot_oldest_pending_approval_seconds", "Age of the oldest pending approval request.")
ALERTS = Gauge("runbookpilot_alerts", "Alerts accepted.")
QUEUE = Gauge("runbookpilot_deliveries", "Deliveries by state: due, dead.", ["state"])
OVERDUE = Gauge("runbookpilot_oldest_delivery_seconds", "Age of the oldest delivery that is due.")
DEAD = Gauge("runbookpilot_dead_letters", "Deliveries and tasks that gave up, by task.", ["task"])
BROKER = Gauge("runbookpilot_broker_up", "Whether the broker answers: 1 or 0; absent where there is none.", ["broker"])
BREAKER = Gauge(
    "runbookpilot_adapter_breaker",
    "Circuit breakers of live instances: 0 closed, 0.5 half-open, 1 open.",
    ["tenant", "environment", "instance", "adapter"],
)
DEPTH = Gauge("runbookpilot_queue_depth", "Tasks that stand in a queue.", ["queue"])
AGE = Gauge("runbookpilot_queue_oldest_seconds", "Age of the task that has stood in a queue for longest.", ["queue"])


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
    DEAD.clear()
    for task, count in deliveries.dead_by_task():
        DEAD.labels(task).set(count)
    OVERDUE.set(deliveries.oldest_seconds(now=timezone.now()))
    _refresh_breakers()
    if broker.in_use():
        _refresh_queues()


def _refresh_breakers() -> None:
    BREAKER.clear()
    for row in AdapterInstance.objects.filter(mode=Mode.LIVE, enabled=True).select_related("tenant", "environment"):
        gauge = BREAKER.labels(row.tenant.slug, row.environment.slug, row.name, row.adapter)
        gauge.set({"closed": 0, "half-open": 0.5, "open": 1}[row.circuit])


def _refresh_queues() -> None:
    DEPTH.clear()
    AGE.clear()
    try:
        found = broker.standing()
    except broker.ERRORS:
        BROKER.labels("redis").set(0)
        return
    BROKER.labels("redis").set(1)
    for queue, standing in found.items():
        DEPTH.labels(queue).set(standing.depth)
        AGE.labels(queue).set(standing.age)
