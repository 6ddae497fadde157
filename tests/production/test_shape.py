"""Alerts in, decisions, outages of the broker: the production shape as its users and its operator see it."""

import os
import signal
import time
from pathlib import Path

import pytest
from celery import Celery

from runbookpilot.queues import NICENESS
from tests.chaos.tree import CLI
from tests.production.shape import Production, Watcher, alert_of, until

pytestmark = [pytest.mark.production, pytest.mark.slow]

OUTAGE = 12.0


def approve_all(house: Production, seen: Watcher, *hosts: str) -> None:
    """Let two people approve whatever waits, until the executions of these hosts are complete."""

    def voted() -> bool:
        for item in house.rest("approvals?status=pending", house.tokens[0])["results"]:
            voter = house.tokens[len(item["decisions"])]
            house.rest(f"approvals/{item['id']}/approve", voter, {"digest": item["digest"]})
        return all(seen.statuses().get(host) == "completed" for host in hosts)

    until(voted, lambda: f"{seen.statuses()}\n{house.log('worker')[-3000:]}", seconds=60)


def test_an_alert_runs_to_its_approval_and_after_it_to_its_end(house: Production, seen: Watcher) -> None:
    house.rest("alerts", house.tokens[0], alert_of("ws-story"))
    seen.reaches("awaiting_approval", "ws-story")
    approve_all(house, seen, "ws-story")
    assert seen.eyes.rows("SELECT count(*) FROM adapters_mockcall WHERE action = 'edr.isolate_host'") == [(1,)]


def test_workers_stand_back_where_the_web_wants_the_processor_too(house: Production) -> None:
    workers = house.children("runbookpilot.consumer")
    assert [os.getpriority(os.PRIO_PROCESS, pid) for pid in workers] == [NICENESS]
    assert os.getpriority(os.PRIO_PROCESS, house.running["web"].pid) == 0


def test_each_kind_of_work_stands_in_its_queue(house: Production) -> None:
    house.running["worker"].send_signal(signal.SIGTERM)
    house.running["worker"].wait(70)
    house.rest("alerts", house.tokens[0], alert_of("ws-queued"))
    with house.redis.client as client:
        until(lambda: client.llen("alerts") == 1, "no word of the alert stands in its queue")
    status, text = house.get("metrics")
    assert status == 200
    assert 'runbookpilot_queue_depth{queue="alerts"} 1.0' in text


def test_a_worker_that_starts_takes_what_stands_there(house: Production, seen: Watcher) -> None:
    house.begin_worker()
    seen.reaches("awaiting_approval", "ws-queued")


def test_what_a_flushed_broker_lost_is_found_within_thirty_seconds(house: Production, seen: Watcher) -> None:
    house.running["worker"].send_signal(signal.SIGTERM)
    house.running["worker"].wait(70)
    house.rest("alerts", house.tokens[0], alert_of("ws-flushed"))
    house.redis.flush()
    began = time.monotonic()
    house.begin_worker()
    seen.reaches("awaiting_approval", "ws-flushed", seconds=30)
    assert time.monotonic() - began < 30


def test_without_a_broker_alerts_are_accepted_and_all_resumes_by_itself(house: Production, seen: Watcher) -> None:
    house.redis.kill()
    hosts = [f"ws-outage-{number}" for number in range(5)]
    slowest = 0.0
    ends = time.monotonic() + OUTAGE
    for host in hosts:
        began = time.monotonic()
        house.rest("alerts", house.tokens[0], alert_of(host))
        slowest = max(slowest, time.monotonic() - began)
    assert house.get("admin/login/")[0] == 200
    assert house.get("readyz")[0] == 200
    assert '"degraded"' in house.get("readyz")[1]
    time.sleep(max(ends - time.monotonic(), 0))
    house.redis.start()
    seen.reaches("awaiting_approval", *hosts, seconds=60)
    assert slowest < 5


def test_executions_that_run_while_the_broker_stops_and_starts_go_on(house: Production, seen: Watcher) -> None:
    hosts = [f"ws-running-{number}" for number in range(8)]
    for host in hosts:
        house.rest("alerts", house.tokens[0], alert_of(host))
    until(lambda: any(seen.statuses().get(host) == "executing" for host in hosts), "nothing began", seconds=30)
    house.redis.kill()
    unfinished = [host for host in hosts if seen.statuses().get(host) != "awaiting_approval"]
    time.sleep(3)
    house.redis.start()
    seen.reaches("awaiting_approval", *hosts, seconds=60)
    assert unfinished, "All of them had come to their approval before the broker stopped."
    found = seen.eyes.rows("SELECT count(*), count(DISTINCT alert_id) FROM playbooks_app_execution")
    assert found[0][0] == found[0][1]


def test_a_broker_that_is_flushed_while_executions_run_loses_none_of_them(house: Production, seen: Watcher) -> None:
    hosts = [f"ws-swept-{number}" for number in range(8)]
    for host in hosts:
        house.rest("alerts", house.tokens[0], alert_of(host))
        house.redis.flush()
    seen.reaches("awaiting_approval", *hosts, seconds=30)


def test_decisions_taken_before_and_after_an_outage_are_carried_out(house: Production, seen: Watcher) -> None:
    hosts = list(seen.statuses())
    approve_all(house, seen, *hosts)
    counts = seen.eyes.rows("SELECT count(*) FROM adapters_mockcall WHERE action = 'edr.isolate_host'")
    assert counts == [(len(hosts),)]


def test_a_message_that_no_worker_runs_is_seen_as_a_dead_letter(house: Production, seen: Watcher, tmp_path: Path) -> None:
    with Celery(broker=house.redis.url) as stranger:
        stranger.send_task("core.tasks.run", kwargs={"path": "os.mkdir", "kwargs": {"path": str(tmp_path / "made")}}, queue="executions")
    until(lambda: '"os.mkdir"' in house.run(*CLI, "dead-letters", "list", "--json").stdout, "It was not kept.", seconds=30)
    assert 'runbookpilot_dead_letters{task="os.mkdir"} 1.0' in house.get("metrics")[1]
    assert not (tmp_path / "made").exists()


def test_two_beats_do_nothing_twice(house: Production, seen: Watcher) -> None:
    house.begin_beat("second-beat")
    hosts = [f"ws-beats-{number}" for number in range(3)]
    for host in hosts:
        house.rest("alerts", house.tokens[0], alert_of(host))
    house.redis.flush()
    seen.reaches("awaiting_approval", *hosts)
    found = seen.eyes.rows("SELECT count(*), count(DISTINCT alert_id) FROM playbooks_app_execution")
    assert found[0][0] == found[0][1]


def test_a_worker_told_to_end_gives_its_executions_back(house: Production, seen: Watcher) -> None:
    hosts = [f"ws-ended-{number}" for number in range(6)]
    for host in hosts:
        house.rest("alerts", house.tokens[0], alert_of(host))
    until(lambda: any(seen.statuses().get(host) == "executing" for host in hosts), "nothing began", seconds=30)
    house.running["worker"].send_signal(signal.SIGTERM)
    assert house.running["worker"].wait(70) == 0
    assert seen.eyes.rows("SELECT count(*) FROM playbooks_app_execution WHERE lease_owner <> ''") == [(0,)]


def test_children_die_with_a_killed_worker_command(house: Production) -> None:
    command = house.begin_worker()
    until(lambda: len(house.children("runbookpilot.consumer")) == 1, "the worker did not start")
    command.kill()
    until(lambda: not house.children("runbookpilot.consumer"), "the worker outlived its command")


def test_the_trail_verifies_after_all_of_this(house: Production) -> None:
    done = house.run(*CLI, "audit", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
