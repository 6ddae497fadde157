"""A vendor that takes its time over a write, in a real process tree: whatever happens meanwhile, it is asked once."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.plugins import tree_with
from tests.chaos.tree import Eyes, Tree

# A vendor has to take longer than a lease.
pytestmark = [pytest.mark.chaos, pytest.mark.slow]

ALERT = {"event": {"id": "e1"}, "host": {"name": "ws-1"}, "threat": {"technique": [{"id": "T1047"}]}}
HOURS = "7200"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with tree_with(tmp_path, "slow", "tests.chaos.slow:Slow") as tree:
        yield tree


def kill(asked: int, tmp_path: Path) -> None:
    os.kill(asked, signal.SIGKILL)


def set_clock(asked: int, tmp_path: Path) -> None:
    fresh = tmp_path / "clock.new"
    fresh.write_text(HOURS)
    fresh.replace(tmp_path / "clock")


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.mark.parametrize(("happens", "takeovers"), [(kill, 1), (set_clock, 0)])
def test_a_write_at_a_slow_vendor_is_sent_once(tree: Tree, tmp_path: Path, happens: Callable[[int, Path], None], takeovers: int) -> None:
    filled = tree.run(sys.executable, "-m", "tests.chaos.slow")
    assert filled.returncode == 0, filled.stderr
    tokens, eyes = json.loads(filled.stdout), Eyes(tree)
    tree.start()
    tree.rest("alerts", tokens[0], ALERT)

    def asked() -> list[str]:
        for item in tree.rest("approvals?status=pending", tokens[0])["results"]:
            tree.rest(f"approvals/{item['id']}/approve", tokens[len(item["decisions"])], {"digest": item["digest"]})
        return (tmp_path / "asked").read_text().split()

    until(lambda: bool(asked()))
    happens(int(asked()[0]), tmp_path)
    until(lambda: eyes.rows("SELECT status FROM playbooks_app_execution") == [("completed",)])
    assert len(asked()) == 1
    assert eyes.rows("SELECT count(*) FROM audit_entry WHERE kind = 'execution:taken_over'") == [(takeovers,)]
    eyes.close()
