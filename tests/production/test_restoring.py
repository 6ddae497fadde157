"""A backup that is taken while workers write, restored elsewhere: whole, and nothing in it is done a second time."""

import contextlib
import dataclasses
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.chaos.aftermath import GAPS
from tests.chaos.tree import CLI, scratch_database
from tests.production.conftest import SERVER
from tests.production.shape import Production, Watcher, alert_of, own_redis, redis_is_there, until

pytestmark = [pytest.mark.production, pytest.mark.slow]

#: Long enough for calls to be under way at any moment.
LATENCY_MS = "700"
HOSTS = [f"ws-{number:02}" for number in range(16)]
ISOLATED = "SELECT params->>'host', count(*) FROM adapters_mockcall WHERE action = 'edr.isolate_host' GROUP BY 1"
OPEN = "SELECT a.host, e.status FROM playbooks_app_execution e JOIN incidents_alert a ON a.id = e.alert_id"


@dataclasses.dataclass
class Story:
    """What stood when: at the backup, at the loss of the original, and after a while in what was restored."""

    restored: Production
    seen: Watcher
    said: str = ""
    at_backup: dict[str, str] = dataclasses.field(default_factory=dict)
    sent_at_backup: Counter[str] = dataclasses.field(default_factory=Counter)
    sent_before_release: Counter[str] = dataclasses.field(default_factory=Counter)
    sent_by_the_original: Counter[str] = dataclasses.field(default_factory=Counter)
    gaps: list[object] = dataclasses.field(default_factory=list)
    verified: str = ""


def sent(seen: Watcher) -> Counter[str]:
    return Counter(dict(seen.eyes.rows(ISOLATED)))


def vote(house: Production) -> None:
    """Let whoever is needed approve all that waits."""
    for item in house.rest("approvals?status=pending&page_size=100", house.tokens[0])["results"]:
        house.rest(f"approvals/{item['id']}/approve", house.tokens[len(item["decisions"])], {"digest": item["digest"]})


@contextlib.contextmanager
def running(house: Production) -> Iterator[Watcher]:
    house.start()
    seen = Watcher(house)
    try:
        yield seen
    finally:
        seen.eyes.close()
        house.end()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Back up in the thick of it, lose the original, restore, start, and lift the stop."""
    if not redis_is_there():
        pytest.skip("There is no redis-server on the PATH.")
    try:
        psycopg.connect(SERVER, connect_timeout=3).close()
    except psycopg.OperationalError:
        pytest.skip("No PostgreSQL answers at the default address; set TEST_POSTGRES_URL to use another.")
    old, new = tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("new")
    with (
        scratch_database(SERVER, f"restoring_{os.getpid()}") as there,
        scratch_database(SERVER, f"restored_{os.getpid()}") as here,
        own_redis(old) as first,
        own_redis(new) as second,
    ):
        file = old / "busy.backup"
        tokens, lost = lose(Production(old, there, first), file)
        house = Production(new, here, second)
        house.tokens = tokens
        said = house.run(*CLI, "restore", str(file))
        assert said.returncode == 0, said.stdout + said.stderr
        found = Story(house, Watcher(house), said.stdout, sent_by_the_original=lost)
        look(found)
        found.seen.eyes.close()
        with running(house) as found.seen:
            work_stopped(found)
            lift_and_finish(found)
            yield found


def lose(house: Production, file: Path) -> tuple[list[str], Counter[str]]:
    """Back up while calls are under way and people decide, and let the original go on for a while before it is lost."""
    done = house.run(CLI[0], "-m", "tests.chaos.prepare", LATENCY_MS)
    assert done.returncode == 0, done.stderr
    house.tokens = json.loads(done.stdout)
    with running(house) as seen:
        for host in HOSTS:
            house.rest("alerts", house.tokens[0], alert_of(host))

        def busy() -> bool:
            vote(house)
            return 2 <= len(sent(seen)) < len(HOSTS) - 4

        until(busy, lambda: f"{seen.statuses()}\n{house.log('worker')[-2000:]}", seconds=90)
        backup = house.begin("backup", *CLI, "backup", str(file))
        while backup.poll() is None:
            vote(house)
            time.sleep(0.1)
        assert backup.returncode == 0, house.log("backup")
        return house.tokens, sent(seen)


def look(story: Story) -> None:
    """See what was restored before anything of it runs."""
    story.at_backup = dict(story.seen.eyes.rows(OPEN))
    story.sent_at_backup = sent(story.seen)
    story.gaps = list(story.seen.eyes.rows(GAPS))
    story.verified = story.restored.run(*CLI, "audit", "verify", "--json").stdout


def work_stopped(story: Story) -> None:
    """Let executions go on for longer than leases of the lost workers last."""
    time.sleep(40)
    story.sent_before_release = sent(story.seen)


def lift_and_finish(story: Story) -> None:
    """Lift the stop, and say of what is uncertain that the adapter is to look."""
    house = story.restored
    house.environ["RUNBOOKPILOT_TOKEN"] = house.tokens[1]
    done = house.run(*CLI, "stop", "--release", "--reason", "looked at the vendor")
    assert done.returncode == 0, done.stderr

    def ended() -> bool:
        vote(house)
        for item in house.rest("executions?status=awaiting_input", house.tokens[0])["results"]:
            for step in house.rest(f"executions/{item['id']}", house.tokens[0])["steps"]:
                if step["status"] == "uncertain":
                    house.run(*CLI, "step", item["id"], step["id"], "--answer", "look", "--note", "asked the vendor")
        return set(story.seen.statuses().values()) == {"completed"}

    until(ended, lambda: f"{Counter(story.seen.statuses().values())}\n{house.log('worker')[-2000:]}", seconds=150)


def test_it_was_taken_in_the_thick_of_it(story: Story) -> None:
    assert len(set(story.at_backup.values())) > 1
    assert 0 < sum(story.sent_at_backup.values()) < len(HOSTS)


def test_the_trail_is_whole_and_has_no_gaps(story: Story) -> None:
    assert json.loads(story.verified)["ok"]
    assert story.gaps == []


def test_the_original_did_more_of_which_the_backup_knows_nothing(story: Story) -> None:
    assert sum(story.sent_by_the_original.values()) > sum(story.sent_at_backup.values())


def test_no_write_leaves_it_until_somebody_lifts_the_stop(story: Story) -> None:
    assert story.sent_before_release == story.sent_at_backup
    assert "Writes of every tenant are stopped" in story.said


def test_then_all_of_it_comes_to_its_end_and_nothing_that_it_knew_of_is_done_again(story: Story) -> None:
    assert sent(story.seen) == Counter(dict.fromkeys(HOSTS, 1))


def test_the_trail_still_verifies(story: Story) -> None:
    done = story.restored.run(*CLI, "audit", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert story.seen.eyes.rows(GAPS) == []
