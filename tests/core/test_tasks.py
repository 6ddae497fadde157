"""The task port: where a task stands, who may be run from a message, and how work is spread."""

import threading
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from core import tasks
from core.tasks import Message, UnknownTask
from runbookpilot import celery, periodic
from runbookpilot.queues import QUEUES
from runbookpilot.settings import workers

WOKEN = sorted({path for paths in import_string(settings.WIRING).values() for path in paths})
ran: list[str] = []


def note(*, name: str) -> None:
    ran.append(name)


held = threading.Event()


def wait() -> None:
    held.wait(2)
    ran.append("waited")


def hand_out() -> int:
    return tasks.spread(f"{__name__}.wait", [{}, {}])


def after() -> None:
    ran.append("after")


def fail() -> None:
    raise RuntimeError("always")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    ran.clear()


@pytest.mark.parametrize("path", [*WOKEN, *(work.task for work in periodic.PERIODIC)])
def test_every_task_that_is_woken_or_periodic_stands_in_a_queue(path: str) -> None:
    assert tasks.queue(path) in QUEUES


def test_the_longest_row_decides() -> None:
    assert (tasks.queue("playbooks_app.tasks.match_alert"), tasks.queue("playbooks_app.tasks.advance")) == ("alerts", "executions")


@pytest.mark.parametrize("path", ["os.system", "subprocess.run", "audit", "audit.tasksx.sweep", ""])
def test_what_no_row_covers_is_refused_also_from_the_broker(path: str) -> None:
    with pytest.raises(UnknownTask):
        celery.run(path=path, kwargs={})


@pytest.mark.django_db
def test_a_task_that_no_worker_would_run_is_not_accepted() -> None:
    with pytest.raises(UnknownTask), transaction.atomic():
        tasks.enqueue("no.such.task")


@pytest.mark.django_db
def test_a_delivery_stands_in_the_queue_of_what_it_wakes(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks
) -> None:
    monkeypatch.setattr(tasks, "run_inline", lambda message: ran.append(message.queue))
    with django_capture_on_commit_callbacks(execute=True):
        tasks.enqueue("audit.tasks.deliver", queue_of="playbooks_app.tasks.match_alert", delivery_id="x")
        tasks.enqueue("audit.tasks.deliver", queue_of="gone.since.the.last.version", delivery_id="x")
    assert ran == ["alerts", "housekeeping"]


def test_work_that_is_spread_here_goes_on_after_one_that_fails() -> None:
    count = tasks.run_each([Message(f"{__name__}.fail", {}, ""), Message(f"{__name__}.note", {"name": "second"}, "")])
    assert (count, ran) == (1, ["second"])


class TestBeside:
    @pytest.fixture(autouse=True)
    def _beside(self) -> Iterator[None]:
        held.clear()
        yield
        held.set()
        for thread in tasks._beside.values():
            thread.join(10)
        tasks._beside.clear()

    def test_work_that_takes_long_keeps_nobody_else_waiting(self) -> None:
        assert tasks.run_beside([Message(f"{__name__}.wait", {}, ""), Message(f"{__name__}.note", {"name": "other"}, "")]) == 2
        tasks._beside[f"{__name__}.note"].join(10)
        assert ran == ["other"]

    def test_while_some_is_running_there_is_room_for_no_more_of_it(self) -> None:
        message = Message(f"{__name__}.wait", {}, "")
        assert [tasks.run_beside([message]), tasks.run_beside([message])] == [1, 0]
        held.set()
        tasks._beside[message.path].join(10)
        assert tasks.run_beside([message]) == 1

    @pytest.mark.parametrize("work", [periodic.Work(f"{__name__}.wait", 1, heavy=True), periodic.Work(f"{__name__}.hand_out", 1)])
    def test_embedded_the_tick_goes_on_beside_what_it_found(self, work: periodic.Work, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "TASK_SPREAD", workers.WAYS["q2"][1])
        monkeypatch.setattr(settings, "TASK_QUEUES", {__name__: "executions"})
        monkeypatch.setattr(periodic, "PERIODIC", (work, periodic.Work(f"{__name__}.after", 1)))
        monkeypatch.setattr(periodic, "close_old_connections", lambda: None)
        periodic.Tick()()
        assert ran == ["after"]

    def test_what_is_left_is_not_begun_where_the_process_is_about_to_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tasks._ending, "is_set", lambda: True)
        assert tasks.run_each([Message(f"{__name__}.note", {"name": "late"}, "")]) == 0
