"""A tenant with people who decide, and requests asked of them."""

import pytest

from tests.approvals import worlds


@pytest.fixture
def tenant(db, settings):
    settings.TASK_BACKEND = "core.tasks.drop"
    return worlds.world("acme")
