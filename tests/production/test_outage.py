"""Redis gone for a while: alerts are accepted, the console works, and all goes on by itself. `make outage` takes minutes."""

from collections.abc import Iterator

import pytest

from tests.production.outage import KINDS, RESUMED, Outage, p95
from tests.production.shape import Production, Watcher

pytestmark = [pytest.mark.production, pytest.mark.slow]

SECONDS = 20.0


@pytest.fixture(scope="module", params=KINDS)
def outage(request: pytest.FixtureRequest, house: Production) -> Iterator[Outage]:
    """One that was lived through, with everything resumed and decided after it."""
    watcher = Watcher(house)
    lived = Outage(house, watcher, request.param, SECONDS)
    lived.live_through()
    lived.finish()
    yield lived
    watcher.eyes.close()


def test_alerts_are_accepted_at_once(outage: Outage) -> None:
    assert len(outage.numbers.alerts) >= SECONDS / 3
    assert p95(outage.numbers.alerts) < 1


def test_of_many_at_once_none_waits_for_more_than_one_timeout(outage: Outage) -> None:
    assert max(outage.numbers.burst) < max(outage.numbers.burst_before) + 1.7


def test_the_console_shows_the_queue_and_takes_approvals(outage: Outage) -> None:
    assert p95(outage.numbers.pages) < 2
    assert len(outage.numbers.approvals) == 8


def test_executions_that_were_under_way_come_as_far_as_they_can(outage: Outage) -> None:
    assert outage.numbers.went_on == outage.numbers.driven > 0


def test_everything_goes_on_by_itself_within_a_minute(outage: Outage) -> None:
    assert max(outage.numbers.all_resumed, outage.numbers.completed) < RESUMED


def test_nothing_is_lost_and_nothing_comes_twice(outage: Outage) -> None:
    assert outage.violations() == []
