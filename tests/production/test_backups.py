"""Backing up while everything is in use, and restoring somewhere else, on both databases, by the commands."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.chaos.tree import CLI, ROOT, scratch_database
from tests.production.conftest import SERVER
from tests.production.test_moving import House

pytestmark = [pytest.mark.production, pytest.mark.slow]
Builder = Callable[[str], House]

#: Opens what is encrypted at rest, as an adapter would.
OPEN = """
import django; django.setup()
from incidents.models import AlertSource
print(AlertSource.objects.order_by("id").first().secret)
"""


def opened(house: House, url: str) -> str:
    """A secret, opened by the keys of this house."""
    environ = {**house.environ(url), "DJANGO_SETTINGS_MODULE": "runbookpilot.settings"}
    done = subprocess.run([sys.executable, "-c", OPEN], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    try:
        psycopg.connect(SERVER, connect_timeout=3).close()
    except psycopg.OperationalError:
        pytest.skip("No PostgreSQL answers at the default address; set TEST_POSTGRES_URL to use another.")
    with scratch_database(SERVER, f"backups_{os.getpid()}") as url:
        yield url


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """An embedded deployment with one of everything."""
    found = House(tmp_path_factory.mktemp("original"))
    command = [sys.executable, "-m", "tests.production.world"]
    done = subprocess.run(command, env=found.environ(""), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found.facts = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def file(house: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its backup, made while somebody reads and somebody has begun to write."""
    made = tmp_path_factory.mktemp("backups") / "runbookpilot.backup"
    blob = house.data / "blobs" / "ab"
    blob.mkdir(parents=True)
    (blob / ("ab" * 32)).write_bytes(b"evidence")
    with contextlib.closing(sqlite3.connect(house.data / "runbookpilot.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE accounts_tenant SET name = 'half written'")
        backup = subprocess.Popen([*CLI, "backup", str(made)], env=house.environ(""), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert backup.stderr is not None
        for line in backup.stderr:
            if line.startswith("playbooks_app_steprun"):
                break
        other.execute("ROLLBACK")
        out, err = backup.communicate(timeout=120)
    assert backup.returncode == 0, out + err
    return made


@pytest.fixture(scope="module")
def restored(file: Path, server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, House]:
    """What came of it, by the kind of database."""
    found = {"sqlite": House(tmp_path_factory.mktemp("sqlite")), "postgresql": House(tmp_path_factory.mktemp("postgresql"))}
    for kind, house in found.items():
        house.said(server if kind == "postgresql" else "", "restore", str(file))
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def there(request: pytest.FixtureRequest, restored: dict[str, House], server: str) -> tuple[House, str]:
    return restored[request.param], server if request.param == "postgresql" else ""


def test_only_its_owner_reads_a_backup(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600


def test_it_is_journaled(house: House, file: Path) -> None:
    assert json.loads(house.said("", "audit", "export").splitlines()[-1])["kind"] == "deployment:backed_up"


def test_no_backup_is_overwritten(house: House, file: Path) -> None:
    done = house.run("", "backup", str(file))
    assert (done.returncode, "no backup is overwritten" in done.stderr) == (1, True)


def test_the_trail_is_whole(house: House, there: tuple[House, str]) -> None:
    new, url = there
    here, back = house.said("", "audit", "export").splitlines(), new.said(url, "audit", "export").splitlines()
    assert back[:-2] == here[: len(back) - 2]
    assert [json.loads(line)["kind"] for line in back[-2:]] == ["stop:engaged", "deployment:restored"]


def test_it_verifies_with_its_checkpoints(there: tuple[House, str]) -> None:
    new, url = there
    report = json.loads(new.said(url, "audit", "verify", "--json"))
    assert report["ok"]
    assert report["checkpoints"] >= 1


def test_secrets_open_with_the_keys_that_came_along(house: House, there: tuple[House, str]) -> None:
    assert opened(*there) == opened(house, "")


def test_files_of_evidence_came_along(there: tuple[House, str]) -> None:
    assert (there[0].data / "blobs" / "ab" / ("ab" * 32)).read_bytes() == b"evidence"


def test_keys_are_readable_by_their_owner_alone(there: tuple[House, str]) -> None:
    assert {path.stat().st_mode & 0o777 for path in (there[0].data / "keys").rglob("*") if path.is_file()} == {0o600}


def test_nothing_that_was_half_written_is_in_it(there: tuple[House, str]) -> None:
    new, url = there
    opener: Any = contextlib.closing(psycopg.connect(url) if url else sqlite3.connect(new.data / "runbookpilot.sqlite3"))
    with opener as database:
        assert database.execute("SELECT name FROM accounts_tenant").fetchall() == [("Acme",)]


def test_what_waited_goes_on_once_writes_may_leave_again(house: House, there: tuple[House, str]) -> None:
    new, url = there
    new.facts = house.facts
    new.said(url, "stop", "--release", "--reason", "nothing was done since", token=house.facts["tokens"][0])
    new.approve(url)
    assert json.loads(new.said(url, "history", house.facts["execution"], "--json"))["status"] == "completed"


def test_a_database_with_rows_is_not_restored_over(house: House, file: Path) -> None:
    done = house.run("", "restore", str(file))
    assert (done.returncode, "not empty" in done.stderr) == (1, True)


def test_other_keys_are_not_overwritten(file: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "secrets.keys").write_text("another\n")
    done = House(tmp_path).run("", "restore", str(file))
    assert (done.returncode, "keys of its own" in done.stderr) == (1, True)
    assert (tmp_path / "keys" / "secrets.keys").read_text() == "another\n"


def bent(file: Path, folder: Path, name: str, content: bytes) -> Path:
    """A copy of a backup with one file in it replaced, or added."""
    with tarfile.open(file) as archive:
        archive.extractall(folder / "apart", filter="data")
    target = folder / "apart" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    with tarfile.open(folder / "bent.backup", "w:gz") as archive:
        for path in sorted((folder / "apart").rglob("*")):
            if path.is_file():
                archive.add(path, path.relative_to(folder / "apart").as_posix())
    shutil.rmtree(folder / "apart")
    return folder / "bent.backup"


@pytest.mark.parametrize("name", ["keys/secrets.keys", f"blobs/ab/{'ab' * 32}", "database.sqlite3", "manifest.json", "etc/passwd"])
def test_a_backup_that_was_bent_restores_nothing(file: Path, tmp_path: Path, name: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    done = House(data).run("", "restore", str(bent(file, tmp_path, name, b"bent")))
    assert (done.returncode, "no backup of ours, or it is damaged" in done.stderr) == (1, True)
    assert not (data / "etc").exists()
    assert not (data / "keys" / "secrets.keys").exists()


def test_a_file_that_is_none_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello")
    assert "no backup of ours" in House(tmp_path).run("", "restore", str(tmp_path / "x")).stderr
