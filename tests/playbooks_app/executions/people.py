"""What people do to executions in tests, and what happens to the adapter meanwhile."""

from adapters.models import AdapterInstance
from approvals.models import Request
from approvals.services import decisions
from core import clock
from playbooks_app.models import Execution
from playbooks_app.services import uncertain
from tests.playbooks_app.executions.laboratory import Died
from tests.playbooks_app.executions.worlds import driven, later, step

DUMP = {"id": "dump", "action": "lab.keyed", "with": {"what": "dump"}}
EACH = {"id": "e", "action": "lab.keyed", "for_each": ["x", "y"], "with": {"what": "{{ item }}"}, "max_parallel": 1}
MANUAL = {"id": "tell", "kind": "manual", "instructions": "x", "needs": []}
RETRY = {"retry": {"attempts": 2, "backoff": "1ms"}}
LATER = {"retry": {"attempts": 2, "backoff": "1h"}}
LAST = {"id": "tell", "kind": "manual", "instructions": "x"}
SUB = {"id": "sub", "kind": "playbook", "playbook": "child"}


def undo(what):
    """The undo of a keyed write."""
    return {"action": "lab.unkeyed", "with": {"what": what}}


def write(name, **more):
    """A write that takes a key, and can be undone."""
    return {"id": name, "action": "lab.keyed", "with": {"what": name}, "rollback": undo(name), **more}


def blind(name, **more):
    """A write of which nobody can tell whether it happened."""
    return write(name, action="lab.blind", **more)


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


def click(world, execution, *ids):
    """Approve what these steps ask for, or have queued."""
    for step_id in ids:
        request = Request.objects.get(pk=step(execution, step_id).approval_id)
        decisions.decide(
            request_id=request.pk, verdict="approve", digest=request.digest, reason="x", actor=world.analyst.actor(), now=clock.now()
        )


def below(parent):
    """The one execution that another has started."""
    return Execution.objects.get(parent_step__execution=parent)


def killed(execution, times):
    """Have it driven by workers that die, each after the lease of the one before has run out; one that is set apart gets its time."""
    for _ in range(times):
        died = False
        while not died and not Execution.objects.get(pk=execution.pk).given_up_at:
            try:
                driven(execution)
            except Died:
                died = True
        later(execution)
    execution.refresh_from_db()
