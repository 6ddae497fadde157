"""A worker dies at each moment at which it commits or calls; another takes over, and each write is made once."""

import pytest

from adapters import calls
from adapters.models import MockCall
from approvals.models import Request
from playbooks_app.services import leases
from playbooks_app.services.drive import Drive
from tests.playbooks_app.executions.worlds import READ, WRITE, driven, later, looked_again, step, writes

BEFORE_APPROVAL = 4
AFTER_APPROVAL = 2


class Died(BaseException):
    """The process is gone: nothing after this runs."""


def dies_at(monkeypatch, moment, of, name, *, after):
    """Let the `moment`-th call of `of.name` be the last thing that the worker does; its lease stays."""
    real, seen = getattr(of, name), []

    def dying(*args, **kwargs):
        seen.append(name)
        if len(seen) != moment:
            return real(*args, **kwargs)
        if after:
            real(*args, **kwargs)
        raise Died

    monkeypatch.setattr(of, name, dying)
    monkeypatch.setattr(leases, "give_up", lambda *_args, **_kwargs: None)


def approved(execution, world):
    driven(execution)
    world.decide()
    return execution


def commits_of(execution):
    """How often a worker that survives commits while it drives this."""
    real, seen = Drive._write, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drive, "_write", lambda *args, **kwargs: (seen.append(1), real(*args, **kwargs))[1])
        driven(execution)
    return len(seen)


def killed(execution, moment):
    """Drive with a worker that dies at its `moment`-th commit, and let its lease run out."""
    with pytest.MonkeyPatch.context() as patch:
        dies_at(patch, moment, Drive, "_write", after=False)
        with pytest.raises(Died):
            driven(execution)
    later(execution)


def test_the_crashes_below_cover_every_commit(world):
    execution = world.begin(READ, WRITE)
    before = commits_of(execution)
    world.decide()
    assert (before, commits_of(execution)) == (BEFORE_APPROVAL, AFTER_APPROVAL)


@pytest.mark.parametrize("moment", range(1, BEFORE_APPROVAL + 1))
def test_it_asks_once_whenever_the_worker_dies_before(world, moment):
    execution = world.begin(READ, WRITE)
    killed(execution, moment)
    assert driven(execution).status == "awaiting_approval"
    assert Request.objects.count() == 1
    assert writes() == []


@pytest.mark.parametrize("moment", range(1, AFTER_APPROVAL + 1))
def test_a_write_is_made_once_whenever_the_worker_dies_after(world, moment):
    execution = approved(world.begin(READ, WRITE), world)
    killed(execution, moment)
    assert driven(execution).status == "completed"
    assert writes() == ["edr.isolate_host"]


@pytest.mark.parametrize("after", [False, True])
def test_a_write_is_made_once_where_the_worker_dies_around_the_call(world, after, monkeypatch):
    execution = driven(world.begin(WRITE))
    world.decide()
    with pytest.MonkeyPatch.context() as patch:
        dies_at(patch, 1, calls, "send", after=after)
        with pytest.raises(Died):
            driven(execution)
    later(execution)
    driven(execution)
    assert looked_again(execution, monkeypatch).status == "completed"
    assert MockCall.objects.count() == 1


def test_a_write_that_nobody_can_see_becomes_uncertain(world, monkeypatch):
    execution = driven(world.begin(WRITE))
    world.decide()
    with pytest.MonkeyPatch.context() as patch:
        dies_at(patch, 1, calls, "send", after=True)
        with pytest.raises(Died):
            driven(execution)
    later(execution)
    monkeypatch.setattr(calls, "look", lambda *_args, **_kwargs: None)
    assert driven(execution).status == "awaiting_input"
    assert step(execution, "isolate").status == "uncertain"


def test_a_keyed_write_that_was_not_answered_is_uncertain_rather_than_failed(world):
    execution = driven(world.begin({"id": "dump", "action": "edr.collect_memory_dump", "with": {"host": "h1"}}))
    world.decide()
    world.script("edr.collect_memory_dump", "timeout")
    assert driven(execution).status == "awaiting_input"
    assert step(execution, "dump").status == "uncertain"
