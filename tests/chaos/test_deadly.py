"""A call that kills its worker each time, in a real process tree: it is given up, seen, and driven again when somebody says so."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from playbooks_app.services import lost
from tests.chaos.plugins import tree_with
from tests.chaos.tree import CLI, Eyes, Tree

# Five leases have to run out.
pytestmark = [pytest.mark.chaos, pytest.mark.slow]

ALERT = {"event": {"id": "e1"}, "host": {"name": "ws-1"}, "threat": {"technique": [{"id": "T1047"}]}}
#: Longer than what was lost twice is set apart. Leases take their time, whatever a clock says.
STEP = 35


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    (tmp_path / "deadly").touch()
    with tree_with(tmp_path, "deadly", "tests.chaos.deadly:Deadly") as tree:
        yield tree


def until(done: Callable[[], bool], *, meanwhile: Callable[[], None] = lambda: None, seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(2)
        meanwhile()


def test_a_call_that_kills_its_worker_is_given_up_and_driven_again_when_its_dead_letter_is_sent(tree: Tree, tmp_path: Path) -> None:
    done = tree.run(sys.executable, "-m", "tests.chaos.deadly")
    assert done.returncode == 0, done.stderr
    token, eyes = done.stdout, Eyes(tree)
    tree.start()
    tree.rest("alerts", token, ALERT)

    def letters() -> list[dict[str, str]]:
        return list(tree.rest("dead-letters", token)["results"])

    def asked() -> list[str]:
        return (tmp_path / "asked").read_text().split()

    def pass_time() -> None:
        fresh = tmp_path / "clock.new"
        fresh.write_text(str(int((tmp_path / "clock").read_text()) + STEP))
        fresh.replace(tmp_path / "clock")

    until(lambda: bool(asked()))
    until(lambda: bool(letters()), meanwhile=pass_time)
    assert len(asked()) == len(set(asked())) == lost.MOST
    for _ in range(3):
        pass_time()
        time.sleep(1)
    assert len(asked()) == lost.MOST
    (tmp_path / "deadly").unlink()
    sent = tree.run(*CLI, "dead-letters", "send", letters()[0]["id"])
    assert sent.returncode == 0, sent.stderr
    until(lambda: eyes.rows("SELECT status FROM playbooks_app_execution") == [("completed",)], meanwhile=pass_time)
    assert letters() == []
    eyes.close()
