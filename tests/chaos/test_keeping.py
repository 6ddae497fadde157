"""What a storm leaves can be looked at afterwards, also where it lay on a file system of its own, and however the storm ended."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import aftermath, storm
from tests.chaos.houses import SHAPES, Embedded

#: Writes into a database and is gone before anything of its log is in the database's own file.
WRITER = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = wal")
connection.execute("CREATE TABLE seen AS SELECT 7 AS number")
os._exit(0)
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Embedded]:
    house = Embedded(tmp_path)
    yield house
    if os.path.ismount(house.disk):
        subprocess.run(["umount", "--lazy", str(house.disk)], check=True)


@pytest.fixture
def mounted(house: Embedded) -> Embedded:
    if not house.mounted:
        pytest.skip("only root may mount a file system")
    return house


def test_the_database_and_what_only_its_log_has_stay(house: Embedded) -> None:
    subprocess.run([sys.executable, "-c", WRITER, str(house.eyes.file)], check=True)
    house.end()
    assert not os.path.ismount(house.disk)
    assert {path.name for path in house.disk.iterdir()} == {f"runbookpilot.sqlite3{end}" for end in ("", "-wal", "-shm")}
    assert house.eyes.rows("SELECT number FROM seen") == [(7,)]


def test_logs_and_folders_stay_and_what_filled_the_disk_does_not(mounted: Embedded) -> None:
    (mounted.disk / "blobs").mkdir()
    for name in ("up.log", "blobs/ab", "ballast"):
        (mounted.disk / name).write_text(name)
    mounted.end()
    assert {str(path.relative_to(mounted.disk)) for path in mounted.disk.rglob("*")} == {"up.log", "blobs", "blobs/ab"}


def test_what_cannot_be_copied_stays_where_it_is(mounted: Embedded) -> None:
    (mounted.disk / "up.log").write_text("said")
    mounted.disk.with_name("kept").write_text("in the way")
    with pytest.raises(FileExistsError):
        mounted.end()
    assert (mounted.disk / "up.log").read_text() == "said"


class Calm(Embedded):
    """A house in which nothing runs, and nobody sends anything."""

    name = "calm"

    def furnish(self, _url: str) -> list[str]:
        (self.disk / "up.log").write_text("said")
        return ["token"] * 3

    def start(self) -> None:
        raise SystemExit(143)


def test_a_storm_that_is_ended_leaves_what_there_is_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHAPES, "calm", Calm)
    with pytest.raises(SystemExit):
        storm.weather("calm", storm.Wish("7", 1.5, 1), tmp_path)
    assert not os.path.ismount(tmp_path / "data")
    assert (tmp_path / "data" / "up.log").read_text() == "said"
    assert "SystemExit: 143" in (tmp_path / "told.txt").read_text()


class Judged(Calm):
    """A house whose storm is over at once."""

    def start(self) -> None:
        pass

    def tend(self) -> None:
        pass


def test_a_judge_who_fails_leaves_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> list[str]:
        raise ValueError("the judge could not read")

    monkeypatch.setitem(SHAPES, "calm", Judged)
    monkeypatch.setattr(aftermath, "violations", fails)
    monkeypatch.setattr(storm, "is_open", lambda *_, **__: 0)
    monkeypatch.setattr(storm.Wish, "over", lambda *_: lambda: True)
    with pytest.raises(ValueError, match="could not read"):
        storm.weather("calm", storm.Wish("7", 1.5, 1), tmp_path)
    assert (tmp_path / "data" / "up.log").read_text() == "said"
    assert "the judge could not read" in (tmp_path / "told.txt").read_text()
