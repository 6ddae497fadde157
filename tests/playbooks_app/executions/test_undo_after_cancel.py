"""What a cancel or a rollback undoes is not itself cancelled by it."""

import threading
import time

import pytest

from adapters.edr.mock import MockEdr
from core import clock
from playbooks_app.models import Execution
from playbooks_app.services import executions, keeping, leases
from tests.playbooks_app.executions import worlds
from tests.playbooks_app.executions.worlds import READ, WRITE, driven, step


@pytest.fixture
def quick(transactional_db, settings, monkeypatch):
    """A world in which a cancel is heard of at once, by the thread that looks for it."""
    settings.TASK_BACKEND = "core.tasks.drop"
    monkeypatch.setattr(keeping, "SECONDS", 0.1)
    return worlds.world()


def test_what_a_cancel_undoes_reaches_the_vendor(quick, monkeypatch):
    execution = driven(quick.begin(WRITE, READ, rollback={"on": ["cancel"]}))
    real = MockEdr.execute

    def execute(self, name, params, context):
        """As every adapter does that uses `adapters.client`: look whether it is cancelled first, and while it waits."""
        context.check()
        if name == "edr.get_isolation_status":
            executions.cancel(execution_id=execution.pk, reason="x", actor=quick.analyst.actor(), now=clock.now())
            context.pause(20)
        return real(self, name, params, context)

    monkeypatch.setattr(MockEdr, "execute", execute)
    quick.decide()
    driven(execution)
    assert step(execution, "undo:isolate").status == "completed"
    assert worlds.writes() == ["edr.isolate_host", "edr.unisolate_host"]


def test_an_undo_is_not_cut_short_by_the_request_to_undo(world, laboratory):
    undo = {"action": "lab.unkeyed", "with": {"what": "a"}}
    execution = driven(world.begin({"id": "a", "action": "lab.keyed", "with": {"what": "a"}, "rollback": undo}))
    world.decide()
    driven(execution)
    heard = []

    def look():
        watch = keeping.Watch(leases.Lease(execution.pk, "o", 1), time.monotonic() + 10, threading.Event())
        keeping._hear([watch])
        heard.append((Execution.objects.get().status, watch.cancelled.is_set()))

    laboratory.meanwhile.append(look)
    executions.rollback(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    driven(execution)
    assert heard == [("rolling_back", False)]
