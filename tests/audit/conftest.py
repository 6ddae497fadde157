"""What the journal's tests share."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _own_keys(settings: Any, tmp_path: Path) -> None:
    """Give each test signing keys of its own, and no checkpoint noted by the one before."""
    settings.DATA_DIR = tmp_path
