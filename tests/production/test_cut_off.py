"""A request with an `Idempotency-Key` that is cut off in the middle: sent again, it is done, and done once."""

import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from tests.production.shape import Production, until

pytestmark = [pytest.mark.production, pytest.mark.slow]


@pytest.fixture(scope="module")
def web(unstarted: Production) -> Production:
    """The web alone: nobody else writes."""
    unstarted.start_web()
    return unstarted


def declare(web: Production, key: str, *, patience: float = 30) -> tuple[int, str]:
    """Declare an incident that has the key as its title."""
    there = http.client.HTTPConnection("127.0.0.1", web.port, timeout=patience)
    headers = {"Authorization": f"Token {web.tokens[0]}", "Content-Type": "application/json", "Idempotency-Key": key}
    try:
        there.request("POST", "/api/v1/incidents", json.dumps({"title": key, "severity": "SEV2"}), headers)
        answer = there.getresponse()
        return answer.status, json.load(answer)["id"]
    finally:
        there.close()


@contextmanager
def in_the_middle(web: Production) -> Iterator[psycopg.Connection]:
    """Let no request that declares an incident come further than to its row, until the connection is closed."""
    with psycopg.connect(web.database_url) as held:
        held.execute("LOCK TABLE incidents_incident IN SHARE MODE")
        yield held


def waits(held: psycopg.Connection) -> bool:
    found = held.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'incidents_incident'::regclass")
    return bool(found.fetchone() != (0,))


def begun(web: Production, key: str, *, patience: float = 30) -> threading.Thread:
    def send() -> None:
        with suppress(OSError, http.client.HTTPException):
            declare(web, key, patience=patience)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def count(web: Production, title: str) -> int:
    with psycopg.connect(web.database_url) as looking:
        [found] = looking.execute("SELECT count(*) FROM incidents_incident WHERE title = %s", (title,)).fetchone() or (-1,)
    return int(found)


def test_the_process_killed(web: Production) -> None:
    with in_the_middle(web) as held:
        thread = begun(web, "killed")
        until(lambda: waits(held), "The request did not come to the incident's row")
        os.killpg(web.running["web"].pid, signal.SIGKILL)
        web.running["web"].wait()
        thread.join()
    web.start_web()
    assert declare(web, "killed")[0] == 201
    assert count(web, "killed") == 1


def test_the_client_gone(web: Production) -> None:
    with in_the_middle(web) as held:
        begun(web, "gone", patience=1).join()
        assert waits(held)
    first, second = declare(web, "gone"), declare(web, "gone")
    assert first == second
    assert count(web, "gone") == 1


def test_the_same_sent_again_while_the_first_is_under_way(web: Production) -> None:
    with in_the_middle(web) as held:
        threads = [begun(web, "twice") for _ in range(3)]
        until(lambda: waits(held), "No request came to the incident's row")
    for thread in threads:
        thread.join()
    assert declare(web, "twice")[0] == 201
    assert count(web, "twice") == 1
