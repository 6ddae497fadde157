"""Whoever watches over leases may be killed and started again: what was seen before still counts."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from core import clock, uptime
from playbooks_app.models import Execution
from playbooks_app.services import lapsing
from playbooks_app.services.lapsing import Watch
from tests.playbooks_app.executions import worlds
from tests.playbooks_app.executions.worlds import READ

pytestmark = pytest.mark.django_db


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, as one item that a test changes."""
    at = [1000.0]
    monkeypatch.setattr(lapsing.time, "monotonic", lambda: at[0])
    return at


@pytest.fixture
def execution(settings: Any) -> Execution:
    settings.TASK_BACKEND = "core.tasks.drop"
    row = worlds.world().begin(READ)
    Execution.objects.update(lease_owner="dead", lease_until=clock.now(), wake_at=None, status="executing")
    return row


def looked(path: Path) -> int:
    """Look once, as a process that has just been started."""
    return Watch(path).end(now=clock.now())


def test_a_lease_lapses_under_watchers_that_are_started_again_and_again(execution, seconds, tmp_path):
    found = []
    for _ in range(5):
        found.append(looked(tmp_path / "leases.json"))
        seconds[0] += 10
    assert found == [0, 0, 0, 1, 0]


def test_one_that_was_renewed_while_nobody_watched_is_left_alone(execution, seconds, tmp_path):
    assert looked(tmp_path / "leases.json") == 0
    Execution.objects.update(lease_until=clock.now() + dt.timedelta(seconds=30))
    seconds[0] += 40
    assert looked(tmp_path / "leases.json") == 0
    seconds[0] += 29
    assert looked(tmp_path / "leases.json") == 0


def test_what_was_seen_before_the_machine_was_started_counts_no_more(execution, seconds, tmp_path, monkeypatch):
    assert looked(tmp_path / "leases.json") == 0
    monkeypatch.setattr(uptime, "machine", lambda: "the same, started anew")
    seconds[0] += 40
    assert looked(tmp_path / "leases.json") == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"machine": 1}', "no json", json.dumps({"machine": uptime.machine(), "seen": {"x": 1}})])
def test_a_file_that_is_no_record_of_ours_counts_for_nothing(execution, seconds, tmp_path, text):
    (tmp_path / "leases.json").write_text(text)
    assert looked(tmp_path / "leases.json") == 0
    seconds[0] += 31
    assert looked(tmp_path / "leases.json") == 1


def test_what_could_not_be_noted_leaves_no_file_behind(execution, seconds, tmp_path):
    (tmp_path / "leases.json").mkdir()
    assert looked(tmp_path / "leases.json") == 0
    assert list(tmp_path.iterdir()) == [tmp_path / "leases.json"]


def test_without_a_place_to_write_one_that_lives_on_still_counts(execution, seconds, tmp_path):
    watch = Watch(tmp_path / "missing" / "leases.json")
    assert watch.end(now=clock.now()) == 0
    seconds[0] += 31
    assert watch.end(now=clock.now()) == 1
