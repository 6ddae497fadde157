"""What people do to executions in tests, and what happens to the adapter meanwhile."""

from adapters.models import AdapterInstance
from approvals.models import Request
from core import clock
from playbooks_app.services import uncertain
from tests.playbooks_app.executions.worlds import driven

DUMP = {"id": "dump", "action": "lab.keyed", "with": {"what": "dump"}}
EACH = {"id": "e", "action": "lab.keyed", "for_each": ["x", "y"], "with": {"what": "{{ item }}"}, "max_parallel": 1}
MANUAL = {"id": "tell", "kind": "manual", "instructions": "x", "needs": []}
RETRY = {"retry": {"attempts": 2, "backoff": "1ms"}}
LATER = {"retry": {"attempts": 2, "backoff": "1h"}}


def gone():
    """Take away the one instance that serves the laboratory."""
    AdapterInstance.objects.filter(name="lab").update(enabled=False)


def due(execution):
    """Let the time of the next try have come."""
    execution.steps.filter(retry_at__isnull=False).update(retry_at=clock.now())
    return execution


def changed():
    """Have another instance serve the laboratory than the one that people agreed to."""
    AdapterInstance.objects.filter(name="lab").update(name="lab2")


def say(world, execution, step_id, said):
    """Say what became of a step, and have it driven."""
    given = {"reason": "seen", "actor": world.analyst.actor(), "now": clock.now()}
    uncertain.answer(execution_id=execution.pk, step_id=step_id, said=said, **given)
    return driven(execution)


def ask(world, execution, what):
    """Ask something of an execution."""
    what(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())


def consents():
    """What became of each request, in the order in which they were asked."""
    return list(Request.objects.order_by("pk").values_list("status", "outcome"))


def begun(world, laboratory, *answers, level="L1", **more):
    """An approved write, called and answered like this."""
    execution = driven(world.begin({**DUMP, **more}, level=level))
    world.decide()
    laboratory.answers.extend(answers)
    return driven(execution)
