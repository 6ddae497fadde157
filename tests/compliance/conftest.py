"""Tests of compliance: a folder for blobs and keys of its own, and a world to work in."""

from pathlib import Path
from typing import Any

import pytest

from tests.compliance import worlds


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    settings.STATIC_ROOT = tmp_path
    # What the journal would wake is not the matter of these tests.
    settings.TASK_BACKEND = "core.tasks.drop"


@pytest.fixture
def world(db: None) -> worlds.World:
    return worlds.world()
