"""What a worker does for the journal."""

import uuid

from audit import pump
from core import clock, tasks


def deliver(*, delivery_id: str) -> bool:
    """Deliver one entry to its handler."""
    return pump.deliver(delivery_id=uuid.UUID(delivery_id), now=clock.now())


def sweep() -> int:
    """Deliver what was lost between commit and broker; return how many."""
    due = pump.due(now=clock.now())
    for delivery_id in due:
        tasks.run("audit.tasks.deliver", {"delivery_id": str(delivery_id)})
    return len(due)
