"""How requests run in the server that answers in production, asked over sockets."""

import asyncio
import http.client
import threading
import time
from collections.abc import Iterator

import pytest
from django.core import signals
from django.db import connection

from accounts.models import Tenant
from runbookpilot.asgi import Handler
from tests.runbookpilot import served

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stage(settings) -> Iterator[served.Stage]:
    made = served.Stage()
    settings.ROOT_URLCONF = served.Urls(made)
    yield made
    # A test that failed leaves nobody waiting.
    made.go.set()


@pytest.fixture
def web(stage) -> Iterator[served.Web]:
    with served.serving() as found:
        yield found
        stage.go.set()


@pytest.fixture
def narrow(stage, settings) -> Iterator[served.Web]:
    """One that works on two requests at once."""
    settings.REQUEST_THREADS = 2
    with served.serving() as found:
        yield found
        stage.go.set()


def test_all_middleware_and_the_view_run_in_a_thread_that_is_kept(stage, narrow):
    answers = [narrow.get("/leaves")[1].decode().split("|") for _ in range(5)]
    assert {thread for thread, *_ in answers} <= {"request_0", "request_1"}


def test_a_request_finds_nothing_of_the_one_before_it(stage, narrow):
    answers = [narrow.get("/leaves")[1].decode().split("|")[1:] for _ in range(5)]
    assert answers == [["", "UTC"]] * 5


def test_signals_are_sent_where_the_connection_was_used_and_before_the_answer(stage, web):
    sent = []

    def note(signal, **_):
        sent.append((signal, threading.current_thread().name))

    known = [signals.request_started, signals.request_finished]
    for signal in known:
        signal.connect(note)
    try:
        web.get("/leaves")
        assert sent == [(signal, "request_0") for signal in known]
    finally:
        for signal in known:
            signal.disconnect(note)


def test_no_more_requests_run_at_once_than_there_are_threads_and_the_others_wait_their_turn(stage, narrow):
    asked = []
    for number in range(4):
        asked.append(narrow.ask(f"/waits/t{number}"))
        stage.until_begun(min(number + 1, 2))
    # Whoever asks whether it lives is not one of those who wait.
    assert narrow.get("/healthz")[0] == 200
    # Longer than a request takes to begin.
    time.sleep(0.5)
    assert stage.begun == ["t0", "t1"]
    stage.go.set()
    assert [one.read() for one in asked] == [b"t0", b"t1", b"t2", b"t3"]


def test_a_request_whose_client_hangs_up_ends_all_the_same(stage, web):
    asked = web.ask("/waits/gone")
    stage.until_begun(1)
    asked.hang_up()
    assert web.get("/leaves")[0] == 200
    stage.go.set()
    served.until(lambda: stage.ended == ["gone"])
    assert Tenant.objects.filter(slug="gone").exists()


def test_many_who_hang_up_leave_every_thread_free(stage, narrow):
    for number in range(6):
        narrow.ask(f"/waits/t{number}").hang_up()
    stage.until_begun(2)
    stage.go.set()
    assert [narrow.ask("/leaves").answer().status for _ in range(3)] == [200] * 3


def test_a_view_that_fails_is_answered_and_the_next_is_served(stage, web):
    assert web.get("/breaks")[0] == 500
    assert web.get("/leaves")[0] == 200


def test_an_answer_in_pieces_is_sent_while_it_is_made_outside_of_the_thread_that_serves(stage, web):
    asked = web.ask("/short")
    assert asked.read(len(served.ENOUGH)) == served.ENOUGH
    stage.go.set()
    rest = asked.read()
    assert rest.startswith(b"a")
    assert b"served" not in rest


def test_an_answer_in_pieces_holds_no_thread_between_them(stage, narrow):
    asked = [narrow.ask("/short") for _ in range(3)]
    assert [one.answer().status for one in asked] == [200] * 3
    assert narrow.get("/leaves")[0] == 200


def test_an_answer_that_nobody_takes_any_more_is_made_no_further(stage, web):
    asked = web.ask("/endless")
    asked.read(10)
    asked.hang_up()
    served.until(lambda: stage.ended == ["endless"])


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(stage, web):
    with pytest.raises(http.client.IncompleteRead):
        web.get("/cut")
    assert web.get("/leaves")[0] == 200


@pytest.mark.skipif(connection.vendor != "postgresql", reason="Only PostgreSQL's connections are borrowed from a pool.")
@pytest.mark.parametrize("path", ["/waits/t", "/breaks", "/short"])
def test_a_connection_is_back_when_the_answer_is_there(stage, web, path):
    stage.go.set()
    web.get(path)
    assert served.lent() == 0


@pytest.mark.skipif(connection.vendor != "postgresql", reason="Only PostgreSQL's connections are borrowed from a pool.")
@pytest.mark.parametrize("path", ["/waits/t", "/endless", "/cut"])
def test_a_connection_is_back_when_the_client_hangs_up(stage, web, path):
    asked = web.ask(path)
    if path == "/waits/t":
        stage.until_begun(1)
    else:
        asked.read(10)
    asked.hang_up()
    stage.go.set()
    served.until(lambda: served.lent() == 0)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="Only PostgreSQL's connections are borrowed from a pool.")
def test_an_answer_that_waits_for_its_next_piece_holds_no_connection_of_its_request(stage, web):
    web.ask("/short").answer()
    assert served.lent() == 0


def test_nothing_but_http_is_served():
    with pytest.raises(ValueError, match="websocket"):
        asyncio.run(Handler()({"type": "websocket"}, None, None))
