"""`runbookpilot replay` against a server that really runs, and through one in front of it that answers badly."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from tests.runbookpilot.cli.terminal import ROOT, CommandLine


class Server:
    """A web process on the demo of this module; nothing works off what it takes in."""

    def __init__(self, cli: CommandLine) -> None:
        self.cli = cli
        self.data = Path(cli.environ["RUNBOOKPILOT_DATA"])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from runbookpilot.cli import main; main()", "web", "--port", str(self.port)],
            env=cli.environ, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while not self._ready():
            assert time.monotonic() < deadline, "the web did not start"
            time.sleep(0.1)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sender(self) -> str:
        return str(self.data / "demo" / "detectforge.json")

    def stored(self, host: str) -> list[int]:
        """How often each alert of a host was sent again, in the order in which they came."""
        with sqlite3.connect(self.data / "runbookpilot.sqlite3") as database:
            return [count for (count,) in database.execute("SELECT duplicates FROM incidents_alert WHERE host = ? ORDER BY id", (host,))]

    def _ready(self) -> bool:
        try:
            return bool(urllib.request.urlopen(f"{self.url}/readyz", timeout=5).status == 200)
        except (URLError, OSError):
            return False


@pytest.fixture(scope="module")
def server(cli: CommandLine) -> Iterator[Server]:
    found = Server(cli)
    yield found
    found.process.terminate()
    found.process.wait()


class Between(BaseHTTPRequestHandler):
    """Passes a request on, or does to it what is next: "away" answers 503, "lost" lets the answer get lost."""

    target = ""
    manners: list[str] = []

    def do_POST(self) -> None:
        manner = self.manners.pop(0) if self.manners else ""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if manner == "away":
            self._answer(503, b"{}", {"Retry-After": "1"})
            return
        request = urllib.request.Request(self.target + self.path, body, dict(self.headers))
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, content = answer.status, answer.read()
        except HTTPError as error:
            status, content = error.code, error.read()
        if manner == "lost":
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._answer(status, content, {})

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def between(server: Server) -> Iterator[tuple[str, list[str]]]:
    """The address of one in front of the server, and what it does next."""
    Between.target, Between.manners = server.url, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Between) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}", Between.manners
        found.shutdown()


def recorded(folder: Path, host: str, count: int = 3) -> str:
    """A file with alerts of a host."""
    lines = [json.dumps({"event": {"id": f"{host}-{number}"}, "host": {"name": host}}) for number in range(count)]
    (folder / "alerts.ndjson").write_text("\n".join(lines) + "\n")
    return str(folder / "alerts.ndjson")


def test_each_alert_of_a_file_is_stored_once(server: Server, tmp_path: Path) -> None:
    command = ("replay", recorded(tmp_path, "r-once"), "--to", server.url, "--rate", "50/second", "--sender", server.sender)
    assert server.cli.json(*command) == {"accepted": 3, "duplicates": 0, "refused": 0, "repeated": 0}
    assert server.stored("r-once") == [0, 0, 0]
    assert server.cli.json(*command)["duplicates"] == 3


def test_a_token_will_do(server: Server, analyst: str, tmp_path: Path) -> None:
    done = server.cli.run("replay", recorded(tmp_path, "r-token"), "--to", server.url, "--rate", "50/second", token=analyst)
    assert (done.returncode, done.stdout) == (0, "3 accepted, 0 of them known already; 0 refused; 0 tries again.\n")


def test_one_that_was_turned_away_or_not_answered_is_sent_again_and_stored_once(server: Server, between: Any, tmp_path: Path) -> None:
    address, manners = between
    manners += ["", "away", "away", "", "lost"]
    done = server.cli.run("replay", recorded(tmp_path, "r-again"), "--to", address, "--rate", "50/second", "--sender", server.sender)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3 accepted, 1 of them known already; 0 refused; 3 tries again.\n"
    assert "it answered 503" in done.stderr
    # The last was stored before its answer got lost.
    assert server.stored("r-again") == [0, 0, 1]


def test_it_is_no_faster_than_it_may_be_also_after_a_pause(server: Server, between: Any, tmp_path: Path) -> None:
    address, manners = between
    manners += ["away"]
    file = recorded(tmp_path, "r-rate", 5)
    began = time.monotonic()
    assert server.cli.run("replay", file, "--to", address, "--rate", "4/second", "--sender", server.sender).returncode == 0
    assert time.monotonic() - began > 1 + 4 * 0.25


def test_it_goes_on_with_alerts_that_never_were_until_it_is_told_to_stop(server: Server, tmp_path: Path) -> None:
    command = [
        sys.executable, "-c", "from runbookpilot.cli import main; main()", "replay", recorded(tmp_path, "r-new"), "--to", server.url,
        "--rate", "20/second", "--sender", server.sender, "--as-new", "--forever",
    ]  # fmt: skip
    process = subprocess.Popen(command, env=server.cli.environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while len(server.stored("r-new")) < 7 and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=15)
    found = server.stored("r-new")
    assert (process.returncode, err) == (0, "")
    assert out == f"{len(found)} accepted, 0 of them known already; 0 refused; 0 tries again.\n"
    assert len(found) >= 7


def test_told_to_stop_while_it_waits_it_says_what_was_not_accepted(server: Server, between: Any, tmp_path: Path) -> None:
    address, manners = between
    manners += ["away"] * 1000
    command = [sys.executable, "-c", "from runbookpilot.cli import main; main()", "replay", recorded(tmp_path, "r-stop"), "--to", address,
               "--sender", server.sender]  # fmt: skip
    process = subprocess.Popen(command, env=server.cli.environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while len(manners) > 999:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=15)
    assert (process.returncode, "Alert 1 was not accepted before the end" in err) == (0, True)
    assert out.startswith("0 accepted")


def test_one_that_is_refused_is_named_and_loses_no_other(server: Server, tmp_path: Path) -> None:
    file = Path(recorded(tmp_path, "r-refused"))
    file.write_text(file.read_text().replace('\n', '\n"no alert"\n', 1))
    done = server.cli.run("replay", str(file), "--to", server.url, "--rate", "50/second", "--as-new", "--sender", server.sender)
    assert (done.returncode, done.stdout[:10]) == (3, "3 accepted")
    assert "Alert 2 was refused (400)" in done.stderr


@pytest.mark.parametrize("document", [
    {"event.id": "e-1", "host.name": "r-dialect"},
    {"kibana.alert.uuid": "k-1", "event": {"id": "e-1"}, "host": {"name": "r-dialect"}},
    {"kibana": {"alert": {"uuid": "k-1"}}, "host": {"name": "r-dialect"}},
    {"_id": "h-1", "_source": {"event": {"id": "e-1"}, "host": {"name": "r-dialect"}}},
    {"event_type": "alert", "flow_id": 1, "timestamp": "2026-03-02T09:00:00.000000+0000", "alert": {"signature_id": 2, "signature": "x"}},
    {"host": {"name": "r-dialect"}},
])  # fmt: skip
def test_as_new_each_is_new_whatever_tells_it_from_others(server: Server, tmp_path: Path, document: Any) -> None:
    (tmp_path / "alerts.json").write_text(json.dumps([document, document], indent=1))
    command = ("replay", str(tmp_path / "alerts.json"), "--to", server.url, "--rate", "50/second", "--sender", server.sender, "--as-new")
    assert server.cli.json(*command) == {"accepted": 2, "duplicates": 0, "refused": 0, "repeated": 0}


def test_whom_nobody_knows_sends_nothing_more(server: Server, tmp_path: Path) -> None:
    done = server.cli.run("replay", recorded(tmp_path, "r-nobody"), "--to", server.url, token="rbp_unknown")
    assert (done.returncode, "answered 401" in done.stderr) == (1, True)


@pytest.mark.parametrize(("option", "value", "said"), [
    ("--to", "ftp://nowhere", "is no address"),
    ("--sender", "/nonexistent", "source"),
    ("--rate", "much", "is no rate"),
])  # fmt: skip
def test_what_makes_no_sense_is_said(server: Server, tmp_path: Path, option: str, value: str, said: str) -> None:
    given = {"--to": server.url, "--sender": server.sender, option: value}
    done = server.cli.run("replay", recorded(tmp_path, "r-none"), *(word for pair in given.items() for word in pair))
    assert (done.returncode != 0, said in done.stderr) == (True, True), done.stderr


def test_a_file_that_holds_no_alerts_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "alerts.ndjson").write_text("not json\n")
    done = server.cli.run("replay", str(tmp_path / "alerts.ndjson"), "--to", server.url, "--sender", server.sender)
    assert (done.returncode, "cannot be read" in done.stderr) == (1, True)
