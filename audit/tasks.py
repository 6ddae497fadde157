"""What a worker does for the journal."""

import uuid
from collections.abc import Sequence

from audit import pump
from audit.services import checkpoints
from core import clock, tasks, turns

#: In one run; the next goes on.
MOST_CHECKPOINTS = 20


def deliver(*, delivery_id: str) -> bool:
    """Deliver one entry to its handler."""
    with turns.taken():
        return pump.deliver(delivery_id=uuid.UUID(delivery_id), now=clock.now())


def deliver_several(*, delivery_ids: Sequence[str]) -> int:
    """Deliver entries one after another; return how many were ours to deliver. What is left is found by the sweep."""
    return sum(deliver(delivery_id=delivery_id) for delivery_id in delivery_ids)


def sweep() -> int:
    """Deliver what was lost between commit and broker; return how many."""
    due = pump.due(now=clock.now())
    return sum(
        tasks.spread("audit.tasks.deliver", [{"delivery_id": str(delivery_id)} for delivery_id in ids], queue_of=handler)
        for handler, ids in due.items()
    )


def checkpoint() -> int:
    """Sign the tree over what was journaled since the last checkpoint; return how many checkpoints that took."""
    made = 0
    while made < MOST_CHECKPOINTS and checkpoints.make(now=clock.now()) is not None:
        made += 1
    return made
