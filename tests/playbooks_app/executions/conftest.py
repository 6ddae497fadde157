"""Executions are driven by hand here, and calls are allowed inside the transaction of a test."""

import pytest
from django.db import connection

from adapters import instances, registry
from tests import factories
from tests.playbooks_app.executions import worlds
from tests.playbooks_app.executions.laboratory import Lab, Laboratory


@pytest.fixture
def world(db, settings, monkeypatch):
    settings.TASK_BACKEND = "core.tasks.drop"
    monkeypatch.setattr(connection, "_allow_calls_in_tests", True, raising=False)
    return worlds.world()


@pytest.fixture
def laboratory(world, monkeypatch):
    """A vendor of which a test decides what it does, as the only one that serves `lab`."""
    known = {**registry.adapters(), "lab": Lab}
    monkeypatch.setattr(registry, "adapters", lambda: known)
    monkeypatch.setattr(Lab, "laboratory", Laboratory(), raising=False)
    instances.create(environment=world.environment, adapter="lab", name="lab", actor=factories.SETUP, now=factories.NOW)
    return Lab.laboratory


@pytest.fixture
def family(world, laboratory):
    """Start an execution, driven once, that may run the playbook `child`."""

    def begin(inner, *above, **more):
        world.publish(*inner, inputs={"n": {"required": False}})
        return worlds.driven(world.begin(*above, **more))

    return begin
