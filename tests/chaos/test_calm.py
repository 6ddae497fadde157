"""Without a fault, against the vendor as it is in a storm, each playbook of the storm goes its way to an end that holds."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import aftermath, plans, storm
from tests.chaos.houses import SHAPES, House, Servers
from tests.chaos.people import Crowd

pytestmark = pytest.mark.chaos

SEED = "7"
COUNT = 24


@pytest.fixture(params=sorted(SHAPES))
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    shape = SHAPES[request.param]
    if shape.missing():
        pytest.skip(f"there is no {' and no '.join(shape.missing())} on this machine")
    # PostgreSQL runs as somebody else, whom no folder above may keep out.
    folder = Path(tempfile.mkdtemp(prefix="calm-"))
    folder.chmod(0o755)
    house = shape(folder)
    if isinstance(house, Servers):
        house.machines = 1
    yield house
    house.end()
    shutil.rmtree(folder, ignore_errors=True)


def test_every_playbook_ends_and_everything_holds(house: House, tmp_path: Path) -> None:
    with storm.vendor(tmp_path, SEED) as (address, record):
        tokens = house.furnish(address)
        crowd = Crowd("", tokens, record, SEED, lambda: False, lambda: storm.waiting(house), iter(range(COUNT)))
        house.start()
        crowd.address = f"http://127.0.0.1:{house.tree.port}"
        crowd.begin()
        deadline = time.monotonic() + 180
        while len(crowd.accepted) < COUNT or storm.is_open(house):
            assert time.monotonic() < deadline
            time.sleep(1)
        crowd.leave()
        assert all(house.processes()[kind] for kind in house.words.values()), "a storm would look for it and not find it"
    ended = aftermath.executions(house)
    assert aftermath.violations(house, record, crowd.accepted, SEED) == []
    assert {name.split(":")[0] for name in ended} == set(plans.PLANS)
    # What this storm is for: each of these has to happen in it.
    assert {"undone-failure: rolled_back", "queued: completed", "errors: failed"} <= set(ended)
