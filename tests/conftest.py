"""What every test stands on: a data folder of its own, no network but loopback, a journal that resets."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
_LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")
_connect = socket.socket.connect


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real alerts, catalogues and scans that lies beside the project, where it does."""
    if not SHARED.is_dir():
        pytest.skip("The folder ../shared/data with real inputs is not beside the project.")
    return SHARED


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(_LOOPBACK):
            raise AssertionError(f"A test reached for {address}")
        _connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Name the thread that still holds a connection when the tests have ended, before the database is dropped."""
    yield
    from django.db import connection

    if connection.vendor != "postgresql":
        return
    asked = "SELECT query, state FROM pg_stat_activity WHERE datname = %s"
    connection.close()
    connection.close_pool()
    ends = time.monotonic() + 10
    held: list[Any] = []
    while time.monotonic() < ends:
        with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
            cursor.execute(asked, [connection.settings_dict["NAME"]])
            held = cursor.fetchall()
        if not held:
            return
        time.sleep(0.1)
    raise AssertionError(f"Connections were left open: {held}")


@pytest.fixture(scope="session", autouse=True)
def _journal_resets() -> Iterator[None]:
    """Let transactional tests empty the journal afterwards: its triggers step aside for the flush alone."""
    from django.db import connection
    from django.test import TransactionTestCase

    from audit.models import triggers

    flush = TransactionTestCase._fixture_teardown

    def teardown(self: TransactionTestCase) -> None:
        with connection.cursor() as cursor:
            for trigger in triggers.expected(connection.vendor):
                on = f" ON {trigger.table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {trigger.name}{on}")
        flush(self)
        triggers.install(connection)

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = flush  # type: ignore[method-assign]
