"""The command that runs workers: what its processes are given."""

import os

import pytest
from click.testing import CliRunner

from runbookpilot import supervisor
from runbookpilot.cli.worker import worker


@pytest.fixture
def _celery(monkeypatch):
    monkeypatch.setenv("RUNBOOKPILOT_TASKS", "celery")
    monkeypatch.setenv("RUNBOOKPILOT_REDIS_URL", "redis://127.0.0.1:6379/0")
    monkeypatch.setenv("RUNBOOKPILOT_CALL_THREADS", "16")


@pytest.mark.usefixtures("_celery")
def test_a_worker_counts_its_own_connections(monkeypatch):
    monkeypatch.setenv("RUNBOOKPILOT_DATABASE_POOL", "4")
    found = []
    monkeypatch.setattr(supervisor, "tend", lambda _children, grace: found.append(os.environ["RUNBOOKPILOT_DATABASE_POOL"]) or 0)
    told = CliRunner().invoke(worker, ["--concurrency", "8"])
    assert (told.exit_code, found) == (0, [str(8 + 16 + 2)]), told.output
