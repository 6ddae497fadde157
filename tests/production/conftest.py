"""The shape, made once for a file of tests; what it needs and is not here skips them with a sentence."""

import json
import os
from collections.abc import Iterator

import psycopg
import pytest

from tests.chaos.tree import CLI, scratch_database
from tests.production.shape import Production, Watcher, own_redis, redis_is_there

SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """An empty PostgreSQL database."""
    try:
        psycopg.connect(SERVER, connect_timeout=3).close()
    except psycopg.OperationalError:
        pytest.skip("No PostgreSQL answers at the default address; set TEST_POSTGRES_URL to use another.")
    with scratch_database(SERVER, f"production_{os.getpid()}") as url:
        yield url


@pytest.fixture(scope="module")
def unstarted(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """Redis and a filled database, with nothing of ours running yet."""
    if not redis_is_there():
        pytest.skip("There is no redis-server on the PATH.")
    folder = tmp_path_factory.mktemp("production")
    with own_redis(folder) as broker:
        house = Production(folder, database_url, broker)
        done = house.run(CLI[0], "-m", "tests.chaos.prepare", "50")
        assert done.returncode == 0, done.stderr
        house.tokens = json.loads(done.stdout)
        try:
            yield house
        finally:
            house.end()


@pytest.fixture(scope="module")
def house(unstarted: Production) -> Production:
    """Web, worker and beat running."""
    unstarted.start()
    return unstarted


@pytest.fixture
def seen(house: Production) -> Iterator[Watcher]:
    """Who looks on."""
    watcher = Watcher(house)
    yield watcher
    watcher.eyes.close()
