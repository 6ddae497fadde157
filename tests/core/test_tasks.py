"""The task port: where a task stands, who may be run from a message, and how work is spread."""

import pytest
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from core import tasks
from core.tasks import Message, UnknownTask
from runbookpilot import celery, periodic
from runbookpilot.queues import QUEUES

WOKEN = sorted({path for paths in import_string(settings.WIRING).values() for path in paths})
ran: list[str] = []


def note(*, name: str) -> None:
    ran.append(name)


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
