"""A real process tree, started and killed from outside, and eyes that look into its database without the product's code."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent.parent
CLI = [sys.executable, "-c", "from runbookpilot.cli import main; main()"]
#: What a started tree may take on a busy machine.
PATIENCE = 60.0


class Tree:
    """`runbookpilot up` on a data folder of its own."""

    def __init__(self, data: Path, database_url: str = "") -> None:
        self.data, self.database_url = data, database_url
        self.port = free_port()
        own = {name: value for name, value in os.environ.items() if not name.startswith("RUNBOOKPILOT_")}
        own.pop("DJANGO_SETTINGS_MODULE", None)
        self.environ = {
            **own, "RUNBOOKPILOT_DATA": str(data), "RUNBOOKPILOT_DATABASE_URL": database_url, "ENV_FILE": "/nonexistent",
            "PYTHONPATH": str(ROOT), "RUNBOOKPILOT_LOG_LEVEL": "WARNING",
        }  # fmt: skip
        self.parent: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the tree's environment."""
        return subprocess.run(command, env=self.environ, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)

    def start(self) -> None:
        """Start the tree and return when it is ready."""
        command = [*CLI, "up", "--port", str(self.port)]
        with (self.data / "up.log").open("ab") as log:
            self.parent = subprocess.Popen(command, env=self.environ, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while not self._ready():
            if time.monotonic() > deadline or self.parent.poll() is not None:
                raise AssertionError(f"The tree did not start: {(self.data / 'up.log').read_text()[-3000:]}")
            time.sleep(0.05)

    def kill(self, *, only_parent: bool) -> None:
        """SIGKILL the supervisor, or every process at once."""
        assert self.parent is not None
        for pid in [self.parent.pid] if only_parent else self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.parent.wait()

    def survivors(self, seconds: float = 5.0) -> list[int]:
        """Return the processes that still run after a moment of grace."""
        deadline = time.monotonic() + seconds
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.processes()

    def processes(self) -> list[int]:
        """Return every process that was started with this tree's data folder, however it was forked."""
        mark = f"RUNBOOKPILOT_DATA={self.data}\0".encode()
        return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit() and _holds(folder, mark)]

    def end(self) -> None:
        """Leave nothing behind."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.parent is not None:
            self.parent.wait()

    def rest(self, path: str, token: str, body: Any = None) -> Any:
        """Ask over HTTP, as anybody would."""
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1/{path}", content, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def get(self, path: str) -> tuple[int, str]:
        """Return how an address answers, and its text."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def _ready(self) -> bool:
        with contextlib.suppress(URLError, OSError):
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5).status == 200
        return False


class Eyes:
    """Plain SQL on the tree's database."""

    def __init__(self, tree: Tree) -> None:
        self.url = tree.database_url
        self.file = tree.data / "runbookpilot.sqlite3"
        self._connection: Any = None

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query finds; `?` stands for a value on both databases."""
        if self._connection is None:
            self._connection = psycopg.connect(self.url, autocommit=True) if self.url else self._open()
        text = statement.replace("?", "%s") if self.url else statement
        found: list[tuple[Any, ...]] = self._connection.execute(text, values).fetchall()
        return found

    def last(self, execution: str) -> int:
        """Return the number of the last entry of an execution's stream."""
        return int(self.rows("SELECT coalesce(max(seq), 0) FROM audit_entry WHERE stream = ?", f"execution:{execution}")[0][0])

    def execution_of(self, host: str) -> str | None:
        """Return the execution that the alert of a host started."""
        statement = "SELECT e.id FROM playbooks_app_execution e JOIN incidents_alert a ON a.id = e.alert_id WHERE a.host = ?"
        found = self.rows(statement, host)
        return str(uuid.UUID(str(found[0][0]))) if found else None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, isolation_level=None, timeout=20)


@contextlib.contextmanager
def scratch_database(server: str, name: str) -> Iterator[str]:
    """A PostgreSQL database that is gone afterwards."""
    with psycopg.connect(server, autocommit=True) as connection:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield server.rsplit("/", 1)[0] + f"/{name}"
        finally:
            connection.execute(drop)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _holds(folder: Path, mark: bytes) -> bool:
    try:
        return mark in (folder / "environ").read_bytes() and "Z (zombie)" not in (folder / "status").read_text()
    except OSError:
        return False
