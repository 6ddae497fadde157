"""Deliveries: at least once, in their own time, never silently given up."""

import contextlib
import datetime as dt
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from audit import journal, pump
from audit import tasks as audit_tasks
from audit.choices import Kind
from audit.models import Delivery
from audit.selectors import deliveries, entries
from audit.services import dead_letters
from core import clock, ids, tasks
from core.actors import system
from core.tasks import run as run_task
from runbookpilot.celery import run

ADMIN = system("administrator")
pytestmark = pytest.mark.django_db
SEEN: list[str] = []


def seen(*, entry: Any) -> None:
    SEEN.append(entry.kind)


def broken(*, entry: Any) -> None:
    raise RuntimeError("token=abcdefgh1234 was refused")


@pytest.fixture
def delivery(settings: Any) -> Delivery:
    SEEN.clear()
    settings.TASK_BACKEND = "core.tasks.drop"
    with transaction.atomic():
        journal.append(stream="s", kind=Kind.ALERT_RECEIVED, actor=system("test"), now=clock.now(), subject=("alert", "1"))
    Delivery.objects.update(handler="tests.audit.test_pump.seen")
    return Delivery.objects.get()


def fail(delivery: Delivery, times: int = 1) -> Delivery:
    Delivery.objects.update(handler="tests.audit.test_pump.broken")
    for _ in range(times):
        Delivery.objects.update(next_at=clock.now())
        pump.deliver(delivery_id=delivery.pk, now=clock.now())
    delivery.refresh_from_db()
    return delivery


def test_a_delivery_that_succeeds_is_forgotten(delivery: Delivery) -> None:
    assert pump.deliver(delivery_id=delivery.pk, now=clock.now())
    assert (SEEN, Delivery.objects.count()) == (["alert:received"], 0)


def test_one_that_another_worker_claimed_is_left_alone(delivery: Delivery) -> None:
    Delivery.objects.update(next_at=clock.now() + pump.HOLD)
    assert not pump.deliver(delivery_id=delivery.pk, now=clock.now())
    assert SEEN == []


def test_one_whose_worker_was_killed_is_due_again_within_half_a_minute(delivery: Delivery) -> None:
    Delivery.objects.update(next_at=clock.now() + pump.HOLD)
    assert pump.due(now=clock.now()) == {}
    assert list(pump.due(now=clock.now() + dt.timedelta(seconds=30)).values()) == [[delivery.pk]]


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 31), (4, 31), (6, 70), (12, 306)])
def test_one_that_stands_further_ahead_than_its_pause_is_due(delivery: Delivery, attempts: int, seconds: int) -> None:
    Delivery.objects.update(attempts=attempts, next_at=clock.now() + dt.timedelta(seconds=seconds))
    assert [delivery.id] in pump.due(now=clock.now()).values()


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 25), (4, 25), (6, 64), (12, 300)])
def test_one_that_waits_for_its_next_try_is_left_alone(delivery: Delivery, attempts: int, seconds: int) -> None:
    Delivery.objects.update(attempts=attempts, next_at=clock.now() + dt.timedelta(seconds=seconds))
    assert pump.due(now=clock.now()) == {}
    assert not pump.deliver(delivery_id=delivery.pk, now=clock.now())


def test_one_that_was_held_before_a_clock_was_set_back_is_due(delivery: Delivery) -> None:
    Delivery.objects.update(next_at=clock.now() + dt.timedelta(hours=2))
    assert [delivery.id] in pump.due(now=clock.now()).values()
    assert pump.deliver(delivery_id=delivery.id, now=clock.now())


def test_one_that_fails_is_tried_again_later_without_its_secret(delivery: Delivery) -> None:
    row = fail(delivery)
    assert (row.attempts, row.dead_at, row.next_at > clock.now()) == (1, None, True)
    assert "abcdefgh1234" not in row.error


def test_one_that_failed_slowly_has_its_whole_pause_after_that(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    began, real = clock.now(), time.monotonic

    def fails_slowly(*, entry: Any) -> None:
        monkeypatch.setattr(time, "monotonic", lambda: real() + 60)
        broken(entry=entry)

    monkeypatch.setattr("tests.audit.test_pump.seen", fails_slowly)
    assert not pump.deliver(delivery_id=delivery.pk, now=began)
    delivery.refresh_from_db()
    assert delivery.next_at >= began + dt.timedelta(seconds=60) + pump._pause(1)


def test_one_that_gave_up_is_kept_as_a_dead_letter(delivery: Delivery) -> None:
    fail(delivery, times=pump.ATTEMPTS)
    assert deliveries.counts() == {"due": 0, "dead": 1}
    assert [row.handler for row in deliveries.dead_letters()] == ["tests.audit.test_pump.broken"]


def test_one_that_kills_its_worker_each_time_ends_as_well(delivery: Delivery) -> None:
    Delivery.objects.update(attempts=pump.ATTEMPTS)
    assert not pump.deliver(delivery_id=delivery.pk, now=clock.now())
    delivery.refresh_from_db()
    assert (SEEN, delivery.dead_at is not None, delivery.error) == ([], True, pump.KILLED)


def test_a_dead_letter_can_be_sent_again(delivery: Delivery) -> None:
    fail(delivery, times=pump.ATTEMPTS)
    Delivery.objects.update(handler="tests.audit.test_pump.seen")
    dead_letters.send(delivery_id=delivery.pk, actor=ADMIN, now=clock.now())
    assert pump.deliver(delivery_id=delivery.pk, now=clock.now())
    assert SEEN == ["alert:received"]


def test_it_gets_all_its_attempts_back(delivery: Delivery) -> None:
    fail(delivery, times=pump.ATTEMPTS)
    dead_letters.send(delivery_id=delivery.pk, actor=ADMIN, now=clock.now())
    assert (fail(delivery).attempts, deliveries.counts()) == (1, {"due": 1, "dead": 0})


def test_one_that_is_tried_again_is_no_dead_letter_any_more(delivery: Delivery) -> None:
    fail(delivery, times=pump.ATTEMPTS)
    dead_letters.send(delivery_id=delivery.pk, actor=ADMIN, now=clock.now())
    with pytest.raises(dead_letters.NoSuchDeadLetter):
        dead_letters.send(delivery_id=delivery.pk, actor=ADMIN, now=clock.now())


def test_one_is_dropped_with_a_reason_that_the_trail_keeps(delivery: Delivery) -> None:
    fail(delivery, times=pump.ATTEMPTS)
    dead_letters.drop(delivery_id=delivery.pk, reason="a test alert", actor=ADMIN, now=clock.now())
    (said,) = entries.of_stream("deployment")
    assert (said.kind, said.data["reason"], deliveries.counts()["dead"]) == ("delivery:dropped", "a test alert", 0)


def test_without_a_reason_it_stays(delivery: Delivery) -> None:
    fail(delivery, times=pump.ATTEMPTS)
    with pytest.raises(dead_letters.ReasonNeeded):
        dead_letters.drop(delivery_id=delivery.pk, reason=" ", actor=ADMIN, now=clock.now())
    assert deliveries.counts()["dead"] == 1


def test_that_of_another_tenant_is_not_there(delivery: Delivery) -> None:
    fail(delivery, times=pump.ATTEMPTS)
    with pytest.raises(dead_letters.NoSuchDeadLetter):
        dead_letters.drop(delivery_id=delivery.pk, reason="x", tenant_ids=[ids.new()], actor=ADMIN, now=clock.now())


def test_the_sweep_delivers_what_was_lost(delivery: Delivery) -> None:
    Delivery.objects.update(next_at=clock.now() - dt.timedelta(minutes=1))
    assert audit_tasks.sweep() == 1
    assert (SEEN, audit_tasks.sweep()) == (["alert:received"], 0)


CALLS: list[str] = []


def task(*, name: str) -> None:
    CALLS.append(name)
    if name == "broken":
        raise RuntimeError("token=abcdefgh1234 was refused")


TASK = "tests.audit.test_pump.task"


@pytest.fixture
def work(settings: Any) -> None:
    """Tasks of this module stand in a queue."""
    CALLS.clear()
    settings.TASK_QUEUES = {"tests.audit.test_pump": "housekeeping", "audit.tasks": "housekeeping"}
    settings.TASK_BACKEND = "core.tasks.drop"


def ran(name: str, path: str = TASK) -> Delivery | None:
    """Run a task as a worker does, and return what is kept of it."""
    with contextlib.suppress(RuntimeError):
        run_task(path, {"name": name, "trace_id": "t"})
    return Delivery.objects.filter(handler=path).first()


@pytest.mark.usefixtures("work")
@pytest.mark.django_db(transaction=True)
class TestTasks:
    def test_one_that_fails_is_kept_without_its_secret_and_tried_again(self) -> None:
        row = ran("broken")
        assert row is not None
        assert (row.arguments, row.attempts, row.dead_at) == ({"name": "broken"}, 1, None)
        assert "abcdefgh1234" not in row.error

    def test_one_that_succeeds_is_not(self) -> None:
        assert ran("well") is None

    def test_it_is_kept_once_however_often_it_fails(self) -> None:
        ran("broken")
        ran("broken")
        assert Delivery.objects.count() == 1

    def test_one_that_recovers_is_forgotten(self) -> None:
        row = ran("broken")
        Delivery.objects.update(arguments={"name": "well"}, next_at=clock.now())
        assert pump.deliver(delivery_id=row.pk, now=clock.now())
        assert (CALLS, Delivery.objects.count()) == (["broken", "well"], 0)

    def test_one_that_does_not_is_a_dead_letter(self) -> None:
        row = ran("broken")
        for _ in range(pump.ATTEMPTS):
            Delivery.objects.update(next_at=clock.now())
            pump.deliver(delivery_id=row.pk, now=clock.now())
        assert [letter.task for letter in map(deliveries.view, deliveries.dead_letters())] == [TASK]

    def test_one_that_no_worker_runs_is_a_dead_letter_at_once(self) -> None:
        with pytest.raises(tasks.UnknownTask):
            run("os.system", {"command": "true"})
        assert [row.handler for row in deliveries.dead_letters()] == ["os.system"]

    def test_and_is_not_run_when_it_is_sent_again(self, tmp_path: Path) -> None:
        with pytest.raises(tasks.UnknownTask):
            run("os.mkdir", {"path": str(tmp_path / "made")})
        row = Delivery.objects.get()
        dead_letters.send(delivery_id=row.pk, actor=ADMIN, now=clock.now())
        assert not pump.deliver(delivery_id=row.pk, now=clock.now())
        assert not (tmp_path / "made").exists()

    def test_nonsense_does_not_fill_the_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pump, "MOST_TASKS", 2)
        for number in range(5):
            with pytest.raises(tasks.UnknownTask):
                run(f"nonsense.number{number}", {})
        assert Delivery.objects.count() == 2
