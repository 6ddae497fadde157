"""SIGKILL of the whole process tree at every boundary of a playbook, and at random moments in between.

Afterwards everything is looked at from outside: each execution ended, each write happened once, nothing is stuck,
streams have no gaps, the trail verifies.
"""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.chaos.tree import CLI, Eyes, Tree, scratch_database

pytestmark = pytest.mark.chaos

LATENCY_MS = 60
#: A lease lasts 30 seconds and a claimed delivery as long; then others take over what the dead had begun.
RECOVERY = 150.0
SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


class House:
    """A running tree, the people who work in it, and who looks on."""

    def __init__(self, tree: Tree) -> None:
        self.tree, self.eyes = tree, Eyes(tree)
        done = tree.run(CLI[0], "-m", "tests.chaos.prepare", str(LATENCY_MS))
        assert done.returncode == 0, done.stderr
        self.tokens: list[str] = json.loads(done.stdout)
        self.hosts: list[str] = []
        tree.start()

    def alert(self) -> str:
        """Send an alert about a host of its own and return the host."""
        host = f"ws-{len(self.hosts):03}"
        alert = {"event": {"id": host}, "host": {"name": host}, "process": {"pid": 7}, "threat": {"technique": [{"id": "T1047"}]}}
        self.tree.rest("alerts", self.tokens[0], alert)
        self.hosts.append(host)
        return host

    def vote(self) -> bool:
        """Let the next person who is needed approve the oldest pending request; return whether somebody did."""
        for item in self.tree.rest("approvals?status=pending", self.tokens[0])["results"]:
            voted = len(item["decisions"])
            self.tree.rest(f"approvals/{item['id']}/approve", self.tokens[voted], {"digest": item["digest"]})
            return True
        return False

    def until(self, host: str, number: int) -> int:
        """Work until the stream of a host's execution has reached an entry, or the execution has ended; return the last entry."""
        deadline = time.monotonic() + RECOVERY
        while time.monotonic() < deadline:
            execution = self.eyes.execution_of(host)
            last = self.eyes.last(execution) if execution else 0
            if last >= number or (execution and self.status(host) == "completed"):
                return last
            if execution and self.status(host) == "awaiting_approval":
                self.vote()
            time.sleep(0.001)
        raise AssertionError(f"{host} did not reach entry {number}: {self.standing()}")

    def die(self, *, only_parent: bool) -> None:
        """SIGKILL, see that nobody lives on, and start anew."""
        self.tree.kill(only_parent=only_parent)
        assert self.tree.survivors() == []
        self.tree.start()

    def settle(self) -> None:
        """Go on voting until every execution has ended and nothing is left to deliver."""
        deadline = time.monotonic() + RECOVERY
        while time.monotonic() < deadline:
            if not self.vote() and set(self.standing().values()) == {"completed"} and not self.undelivered():
                return
            time.sleep(0.2)
        raise AssertionError(f"stuck: {self.standing()}, {self.undelivered()} deliveries")

    def status(self, host: str) -> str:
        return self.standing().get(host, "")

    def standing(self) -> dict[str, str]:
        statement = "SELECT a.host, e.status FROM incidents_alert a LEFT JOIN playbooks_app_execution e ON a.id = e.alert_id"
        return {host: str(status) for host, status in self.eyes.rows(statement)}

    def undelivered(self) -> int:
        return int(self.eyes.rows("SELECT count(*) FROM audit_delivery")[0][0])

    def writes(self) -> Counter[tuple[str, str]]:
        """Return how often the mock vendors carried out each write, by what it was about."""
        found = self.eyes.rows("SELECT action, CAST(params AS TEXT) FROM adapters_mockcall")
        return Counter((action, next(host for host in self.hosts if host in params)) for action, params in found)


def gaps(eyes: Eyes) -> list[Any]:
    statement = "SELECT stream, min(seq), max(seq), count(*) FROM audit_entry GROUP BY stream"
    return [row for row in eyes.rows(statement) if row[1:] != (1, row[3], row[3])]


def assert_nothing_lost_or_repeated(house: House) -> None:
    assert set(house.standing()) == set(house.hosts)
    assert house.writes() == {(action, host): 1 for host in house.hosts for action in ("edr.isolate_host", "notify.send_slack_message")}
    assert house.eyes.rows("SELECT count(*) FROM playbooks_app_execution WHERE lease_owner <> ''") == [(0,)]
    assert gaps(house.eyes) == []
    done = house.tree.run(*CLI, "audit", "verify")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=["postgresql", pytest.param("sqlite", marks=pytest.mark.slow)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    if request.param == "sqlite":
        yield from _inhabited(Tree(tmp_path))
        return
    try:
        psycopg.connect(SERVER, connect_timeout=3).close()
    except psycopg.OperationalError:
        pytest.skip("No PostgreSQL answers at the default address; set TEST_POSTGRES_URL to use another.")
    with scratch_database(SERVER, f"chaos_{os.getpid()}") as url:
        yield from _inhabited(Tree(tmp_path, url))


def _inhabited(tree: Tree) -> Iterator[House]:
    house = None
    try:
        house = House(tree)
        yield house
    finally:
        tree.end()
        if house is not None:
            house.eyes.close()


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_a_tree_killed_at_every_entry_of_a_playbook_loses_and_repeats_nothing(house: House) -> None:
    entries = house.until(house.alert(), 10**6)
    for number in range(1, entries + 1):
        house.until(house.alert(), number)
        house.die(only_parent=bool(number % 2))
    house.settle()
    assert_nothing_lost_or_repeated(house)


def test_a_tree_killed_at_random_moments_loses_and_repeats_nothing(house: House) -> None:
    moments = random.Random(20260304)
    for number in range(4):
        for _ in range(3):
            host = house.alert()
        house.until(host, moments.randint(1, 12))
        time.sleep(moments.uniform(0, 2 * LATENCY_MS / 1000))
        house.die(only_parent=bool(number % 2))
    house.settle()
    assert_nothing_lost_or_repeated(house)
