"""Moving from embedded to production and back, as an operator does it: by the command, between real processes."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.chaos.tree import CLI, ROOT, Tree, scratch_database
from tests.production.conftest import SERVER

pytestmark = [pytest.mark.production, pytest.mark.slow]


class House:
    """A deployment at one of several databases, in one data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.facts: dict[str, Any] = {}

    def run(self, url: str, *command: str, token: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CLI, *command], env=self.environ(url, token), cwd=ROOT, capture_output=True, text=True, timeout=180, check=False
        )  # fmt: skip

    def environ(self, url: str, token: str = "") -> dict[str, str]:
        more = {"RUNBOOKPILOT_TASKS": "inline"} | ({"RUNBOOKPILOT_TOKEN": token} if token else {})
        return Tree(self.data, url).environ | more

    def said(self, url: str, *command: str, token: str = "") -> str:
        done = self.run(url, *command, token=token)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def approve(self, url: str) -> None:
        """Let both leads approve what waits, and what that starts run to its end."""
        [waiting] = json.loads(self.said(url, "queue", "--json"))["results"]
        for token in self.facts["tokens"]:
            self.run(url, "approve", str(waiting["id"]), "--reason", "seen", token=token)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """An embedded deployment with an execution in every state; one of them waits for two people."""
    found = House(tmp_path_factory.mktemp("moving"))
    command = [sys.executable, "-m", "tests.production.world"]
    done = subprocess.run(command, env=found.environ(""), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found.facts = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def server(house: House) -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    try:
        psycopg.connect(SERVER, connect_timeout=3).close()
    except psycopg.OperationalError:
        pytest.skip("No PostgreSQL answers at the default address; set TEST_POSTGRES_URL to use another.")
    with scratch_database(SERVER, f"moving_{os.getpid()}") as url:
        yield url


@pytest.fixture(scope="module")
def journal(house: House) -> str:
    """The whole trail before anything is moved."""
    return house.said("", "audit", "export")


@pytest.fixture(scope="module")
def killed(house: House, journal: str, server: str) -> str:
    """What stands in PostgreSQL after a move that was killed half way."""
    command = [*CLI, "move", "--to", server]
    with subprocess.Popen(command, env=house.environ(""), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as move:
        assert move.stderr is not None
        for line in move.stderr:
            if line.startswith("incidents_alert:"):
                break
        move.kill()
    with psycopg.connect(server) as connection:
        return str(connection.execute("SELECT count(*) FROM audit_entry").fetchone())


@pytest.fixture(scope="module")
def there(house: House, killed: str, server: str) -> str:
    """What the move to PostgreSQL said."""
    return house.said("", "move", "--to", server)


@pytest.fixture(scope="module")
def back(house: House, there: str, server: str) -> str:
    """The address of the SQLite database that it was moved back to, after the request was approved in PostgreSQL."""
    house.approve(server)
    url = f"sqlite:///{house.data / 'back.sqlite3'}"
    house.said(server, "move", "--to", url)
    return url


def test_it_is_refused_while_anything_works_with_sqlite(house: House, journal: str, server: str) -> None:
    worker = sqlite3.connect(house.data / "runbookpilot.sqlite3")
    worker.execute("SELECT count(*) FROM audit_entry").fetchone()
    done = house.run("", "move", "--to", server)
    worker.close()
    assert done.returncode == 1
    assert "in use by another process" in done.stderr
    assert "Stop web, workers and beat first" in done.stderr


def test_a_move_that_was_killed_leaves_nothing_that_could_be_believed(killed: str) -> None:
    assert killed == "(0,)"


def test_it_says_what_has_to_come_along(house: House, there: str) -> None:
    assert [name for name in ("keys", "blobs", "audit") if str(house.data / name) in there] == ["keys", "blobs", "audit"]


def test_the_trail_arrives_byte_for_byte_with_one_line_that_says_so(house: House, journal: str, there: str, server: str) -> None:
    lines = house.said(server, "audit", "export").splitlines()
    assert lines[:-1] == journal.splitlines()
    assert json.loads(lines[-1])["kind"] == "deployment:moved"


def test_the_trail_verifies_there_with_its_checkpoints(house: House, there: str, server: str) -> None:
    report = json.loads(house.said(server, "audit", "verify", "--json"))
    assert report["ok"]
    assert report["checkpoints"] >= 1


def test_executions_of_every_state_arrive(house: House, there: str, server: str) -> None:
    statement = "SELECT CAST(replace(CAST(id AS text), '-', '') AS text), status FROM playbooks_app_execution"
    with psycopg.connect(server) as new, contextlib.closing(sqlite3.connect(house.data / "runbookpilot.sqlite3")) as old:
        arrived = set(new.execute(statement).fetchall())
        assert arrived == set(old.execute(statement).fetchall())
    assert len({status for _, status in arrived}) == 13


def test_nothing_is_written_from_the_old_database_any_more(house: House, there: str) -> None:
    with contextlib.closing(sqlite3.connect(house.data / "runbookpilot.sqlite3")) as old:
        [(scope, reason)] = old.execute("SELECT scope, reason FROM accounts_emergencystop WHERE released_at IS NULL").fetchall()
    assert scope == "deployment"
    assert "was moved to postgresql://" in reason


def test_the_operator_may_let_the_old_database_write_again_without_any_account(house: House, there: str, tmp_path: Path) -> None:
    old, given_up = house.data / "runbookpilot.sqlite3", tmp_path / "runbookpilot.sqlite3"
    shutil.copy(old, given_up)
    house.said(f"sqlite:///{given_up}", "stop", "--release", "--all-tenants", "--reason", "the new one is given up")
    with contextlib.closing(sqlite3.connect(given_up)) as again:
        [told] = again.execute("SELECT released_by, release_reason FROM accounts_emergencystop WHERE scope = 'deployment'").fetchall()
    assert told == ("operator", "the new one is given up")


def test_a_target_that_was_filled_is_refused(house: House, there: str, server: str) -> None:
    done = house.run("", "move", "--to", server)
    assert done.returncode == 1
    assert "not empty" in done.stderr


def test_it_is_refused_while_anything_works_with_postgresql(house: House, there: str, server: str) -> None:
    with psycopg.connect(server, application_name="a worker"):
        done = house.run(server, "move", "--to", f"sqlite:///{house.data / 'other.sqlite3'}")
    assert done.returncode == 1
    assert "in use by a worker from" in done.stderr


def test_what_waited_for_approval_went_on_after_the_move(house: House, back: str) -> None:
    found = json.loads(house.said(back, "history", house.facts["execution"], "--json"))
    assert found["status"] == "completed", found


def test_it_comes_back_with_all_that_happened_meanwhile(house: House, back: str, server: str) -> None:
    there, here = (house.said(url, "audit", "export").splitlines() for url in (server, back))
    # Each has one line of its own: the stop of the old database, and the word of the move in the new one.
    assert here[:-1] == there[:-1]
    assert json.loads(house.said(back, "audit", "verify", "--json"))["ok"]
