"""The HTTP client against vendors that are slow, silent, hostile or confused, on real sockets."""

import datetime as dt
import email.utils
import gzip
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from adapters import client, connections, errors, guard
from adapters.contract import CallContext
from tests.adapters.stubs import Habit, answers, breaks_off, drips, hangs, sends, vendor

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
BUSY = {"Retry_After": "0"}


@pytest.fixture(autouse=True)
def _fresh_connections() -> Iterator[None]:
    connections.close()
    yield
    connections.close()


def context(timeout: float = 5.0, **more: Any) -> CallContext:
    return CallContext(instance_id=None, tenant_id=None, timeout=timeout, **more)


def ask(url: str, method: str = "GET", **more: Any) -> client.Answer:
    with guard.permitted():
        return client.request(method, url, **{"allow_private": True, "context": context(), **more})


def failing(*habits: Habit, method: str = "GET", **more: Any) -> tuple[errors.AdapterError, int, float]:
    """What a request to such a vendor fails with, how many requests it made, and the seconds that it took."""
    began = time.monotonic()
    with vendor(*habits) as server, pytest.raises(errors.AdapterError) as caught:
        ask(server.url(), method, **more)
    return caught.value, len(server.requests), time.monotonic() - began


@pytest.mark.parametrize("later", [answers(400), answers(401), answers(429, **BUSY), answers(503, **BUSY)])
def test_what_may_have_been_carried_out_stays_so_whatever_a_later_try_says(later: Habit) -> None:
    error, requests, _ = failing(answers(500), later, method="POST", repeatable=True)
    assert error.outcome_unknown
    assert requests > 1


def test_a_stop_between_two_tries_does_not_say_that_nothing_happened() -> None:
    stands: list[bool] = []

    def permit() -> None:
        if stands:
            raise errors.Stopped
        stands.append(True)

    error, requests, _ = failing(answers(500), method="POST", repeatable=True, context=context(permit=permit))
    assert (error.outcome_unknown, requests) == (True, 1)


class TestTime:
    @pytest.mark.parametrize("raw", [HEAD, b"HTTP/1.1 200 OK\r\nX: ", HEAD + b"body"], ids=["status", "header", "body"])
    def test_a_vendor_that_drips_is_cut_off(self, raw: bytes) -> None:
        error, _, seconds = failing(drips(raw, 0.05), context=context(0.5))
        assert isinstance(error, errors.CallTimeout)
        assert seconds < 1.5

    def test_a_vendor_that_hangs_is_cut_off(self) -> None:
        error, requests, seconds = failing(hangs, context=context(0.5))
        assert (type(error), requests) == (errors.CallTimeout, 1)
        assert 0.4 < seconds < 1.5

    def test_attempts_share_the_time_of_the_call(self) -> None:
        error, requests, seconds = failing(answers(500, Retry_After="1"), context=context(1.5))
        assert (type(error), requests) == (errors.VendorError, 2)
        assert seconds < 2

    def test_requests_of_one_call_share_its_time(self) -> None:
        call = context(0.6)
        with vendor(answers(), hangs) as server:
            ask(server.url(), context=call)
            time.sleep(0.4)
            began = time.monotonic()
            with pytest.raises(errors.CallTimeout):
                ask(server.url(), context=call)
        assert time.monotonic() - began < 0.5

    def test_a_name_that_does_not_resolve_in_time_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: time.sleep(1.5) or [])
        began = time.monotonic()
        with pytest.raises(errors.Unavailable):
            ask("http://slow.example.org/", context=context(0.3))
        assert time.monotonic() - began < 1

    def test_a_vendor_that_takes_nothing_in_is_cut_off(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            began = time.monotonic()
            with pytest.raises(errors.CallTimeout):
                ask(f"http://127.0.0.1:{deaf.getsockname()[1]}/", "POST", content=b"x" * (32 << 20), context=context(0.5))
        assert time.monotonic() - began < 1.5


class TestCancel:
    def cancelled(self, *habits: Habit, method: str = "GET", **more: Any) -> tuple[errors.AdapterError, int, float]:
        event = threading.Event()
        threading.Timer(0.3, event.set).start()
        return failing(*habits, method=method, context=context(20, cancelled=event), **more)

    def test_a_read_ends_promptly(self) -> None:
        error, _, seconds = self.cancelled(hangs)
        assert isinstance(error, errors.Cancelled)
        assert seconds < 1

    def test_a_pause_between_attempts_ends_promptly(self) -> None:
        error, requests, seconds = self.cancelled(answers(429, Retry_After="15"), method="POST")
        assert (type(error), requests) == (errors.Cancelled, 1)
        assert seconds < 1

    def test_a_write_that_may_have_arrived_leaves_its_outcome_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connections, "PATIENCE", 0.3)
        error, requests, seconds = self.cancelled(hangs, method="POST")
        assert (type(error), error.outcome_unknown, requests) == (errors.CallTimeout, True, 1)
        assert seconds < 1.5

    def test_a_write_is_still_heard_when_it_answers_soon(self) -> None:
        event = threading.Event()
        threading.Timer(0.2, event.set).start()

        def late(connection: socket.socket) -> bool:
            time.sleep(0.6)
            return answers(201)(connection)

        with vendor(late) as server:
            assert ask(server.url(), "POST", context=context(10, cancelled=event)).status == 201

    def test_nothing_is_sent_for_a_call_that_was_cancelled_before(self) -> None:
        event = threading.Event()
        event.set()
        error, requests, _ = failing(answers(), method="POST", context=context(cancelled=event))
        assert (type(error), requests) == (errors.Cancelled, 0)


class TestAttempts:
    def test_a_read_is_tried_again_after_the_seconds_that_the_vendor_named(self) -> None:
        began = time.monotonic()
        with vendor(answers(429, Retry_After="1"), answers()) as server:
            assert ask(server.url()).status == 200
        assert 1 <= time.monotonic() - began < 3

    def test_a_read_is_tried_again_at_the_date_that_the_vendor_named(self) -> None:
        then = email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2), usegmt=True)
        began = time.monotonic()
        with vendor(answers(429, Retry_After=then), answers()) as server:
            assert ask(server.url()).status == 200
        assert 0.9 < time.monotonic() - began < 4

    def test_the_date_is_taken_by_the_vendors_own_clock(self) -> None:
        wrong = {"Date": "Wed, 01 Jan 2020 00:00:00 GMT", "Retry_After": "Wed, 01 Jan 2020 00:00:07 GMT"}
        error, _, _ = failing(answers(429, **wrong), context=context(2))
        assert error.retry_after == 7

    def test_a_time_that_does_not_fit_into_the_call_is_handed_on(self) -> None:
        error, requests, seconds = failing(answers(429, Retry_After="120"))
        assert (type(error), requests, error.retry_after) == (errors.RateLimited, 1, 120)
        assert seconds < 1

    @pytest.mark.parametrize(
        ("said", "expected"),
        [("9" * 400, client.LONGEST_RETRY_AFTER), ("-5", None), ("soon", None), ("1e9", None), ("Fri, 31 Dec 9999 23:59:59 GMT", client.LONGEST_RETRY_AFTER)],
    )  # fmt: skip
    def test_a_retry_after_without_sense_does_no_harm(self, said: str, expected: float | None) -> None:
        error, _, _ = failing(answers(429, Retry_After=said), context=context(0.2))
        assert error.retry_after == expected

    @pytest.mark.parametrize("status", [429, 425, 503])
    def test_a_write_that_was_turned_away_is_sent_again(self, status: int) -> None:
        with vendor(answers(status, **BUSY), answers(201)) as server:
            assert ask(server.url(), "POST").status == 201
        assert len(server.requests) == 2

    @pytest.mark.parametrize("habit", [answers(500), answers(503), answers(408), answers(303), breaks_off, sends(b"\x00garbage")])
    def test_a_write_that_may_have_arrived_is_not_sent_again(self, habit: Habit) -> None:
        error, requests, _ = failing(habit, method="POST")
        assert (requests, error.outcome_unknown) == (1, True)

    @pytest.mark.parametrize("habit", [answers(500), breaks_off, sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")])
    def test_a_write_that_may_be_repeated_is_sent_again(self, habit: Habit) -> None:
        with vendor(habit, answers(201)) as server:
            assert ask(server.url(), "POST", repeatable=True).status == 201
        assert len(server.requests) == 2

    def test_a_search_by_post_is_tried_again_and_needs_no_permit(self) -> None:
        with vendor(answers(500), answers()) as server:
            assert ask(server.url(), "POST", reads=True).status == 200

    def test_attempts_are_bounded(self) -> None:
        _, requests, _ = failing(answers(500))
        assert requests == client.ATTEMPTS

    def test_a_permit_that_is_withdrawn_meanwhile_stops_the_next_attempt(self) -> None:
        asked: list[int] = []

        def permit() -> None:
            asked.append(1)
            if len(asked) > 1:
                raise errors.Stopped

        error, requests, _ = failing(answers(429, **BUSY), method="POST", context=context(permit=permit))
        assert (type(error), requests) == (errors.Stopped, 1)

    @pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2", b"HTTP/1.1 200", b"x"])
    def test_a_vendor_that_answers_twice_is_heard_once(self, more: bytes) -> None:
        def twice(connection: socket.socket) -> bool:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1" + more)
            return True

        with vendor(twice, answers(200, b"3")) as server:
            assert (ask(server.url()).body, ask(server.url()).body) == (b"1", b"3")


class TestAnswers:
    def test_a_large_answer_is_cut_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "MOST_BYTES", 1000)
        error, _, _ = failing(answers(200, b"x" * 1001))
        assert "larger" in error.message

    def test_a_compressed_answer_is_read(self) -> None:
        with vendor(answers(200, gzip.compress(b"words"), Content_Encoding="gzip")) as server:
            assert ask(server.url()).body == b"words"

    def test_an_answer_that_swells_is_cut_off(self) -> None:
        error, _, _ = failing(answers(200, gzip.compress(bytes(client.MOST_BYTES + 1)), Content_Encoding="gzip"))
        assert "larger" in error.message

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_a_redirect_is_not_followed(self, status: int) -> None:
        with vendor(answers()) as inside:
            error, requests, _ = failing(answers(status, Location=inside.url()))
        assert (type(error), requests, inside.requests) == (errors.InvalidRequest, 1, [])

    def test_what_is_not_json_is_the_vendors_error(self) -> None:
        with pytest.raises(errors.VendorError):
            client.Answer(200, {}, b"[" * 100_000).json()

    def test_a_header_that_breaks_the_request_is_refused(self) -> None:
        error, requests, _ = failing(answers(), method="POST", headers={"X": "a\r\nY: b"})
        assert (type(error), requests) == (errors.InvalidRequest, 0)


class TestConnections:
    def test_one_is_kept_for_the_next_read(self) -> None:
        with vendor(answers()) as server:
            for _ in range(3):
                ask(server.url())
            assert server.connections == 1

    def test_a_write_that_must_not_be_repeated_takes_its_own(self) -> None:
        with vendor(answers()) as server:
            ask(server.url())
            ask(server.url(), "POST")
            assert server.connections == 2

    def test_one_that_was_kept_for_the_private_network_serves_nobody_else(self) -> None:
        with vendor(answers()) as server:
            ask(server.url())
            with pytest.raises(errors.InvalidRequest):
                ask(server.url(), allow_private=False)

    def test_the_next_address_is_tried_where_one_refuses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.resolves(monkeypatch, "127.0.0.2", "127.0.0.1")
        with vendor(answers()) as server:
            assert ask(server.url(host="two.example.org")).status == 200

    def test_only_addresses_that_may_be_reached_are_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.resolves(monkeypatch, "10.0.0.1", "93.184.216.34", "127.0.0.1")
        assert connections.addresses("mixed.example.org", 443, allow_private=False) == ["93.184.216.34"]

    def test_a_name_that_leads_elsewhere_later_is_looked_at_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.resolves(monkeypatch, "127.0.0.1")
        error, requests, _ = failing(answers(), allow_private=False)
        assert (type(error), requests) == (errors.InvalidRequest, 0)

    def test_a_vendor_that_is_not_there_is_unavailable(self) -> None:
        with vendor(answers()) as server:
            url = server.url()
        with pytest.raises(errors.Unavailable):
            ask(url)

    def resolves(self, monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in found]
        real = socket.getaddrinfo
        asked = lambda host, *args, **kwargs: rows if host.endswith(".org") else real(host, *args, **kwargs)  # noqa: E731
        monkeypatch.setattr(socket, "getaddrinfo", asked)
