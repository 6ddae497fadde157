"""Executions are driven by hand, and calls are allowed inside the transaction of a test."""

import pytest
from django.db import connection

from tests.console import worlds


@pytest.fixture
def world(db, settings, monkeypatch):
    settings.TASK_BACKEND = "core.tasks.drop"
    monkeypatch.setattr(connection, "_allow_calls_in_tests", True, raising=False)
    return worlds.world()
