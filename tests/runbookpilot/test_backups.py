"""Backups of other versions: an earlier one is brought to this, a later one is refused."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

from core.actors import system
from runbookpilot import backups, databases, transfer
from tests.factories import NOW


@pytest.fixture(autouse=True)
def _databases_of_their_own(django_db_blocker: Any) -> Iterator[None]:
    """Let tests reach the databases that they open themselves."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    """An empty database of this version, in a file that tests copy."""
    file = tmp_path_factory.mktemp("migrated") / "empty.sqlite3"
    with django_db_blocker.unblock(), databases.opened("other", databases.sqlite(file)):
        call_command("migrate", database="other", interactive=False, verbosity=0)
    return file


def packed(migrated: Path, folder: Path, *change: str, **more: Any) -> Path:
    """A backup of a database in which something was changed by hand, or that was migrated to elsewhere."""
    database = folder / "database.sqlite3"
    shutil.copy(migrated, database)
    with databases.opened("other", databases.sqlite(database)) as connection:
        for statement in change:
            connection.cursor().execute(statement)
        if more:
            call_command("migrate", more["app"], more["to"], database="other", interactive=False, verbosity=0)
    backups._pack(folder / "file.backup", {backups.DATABASE: database}, {"form": backups.FORM})
    return folder / "file.backup"


def restored(file: Path, folder: Path, settings: Any) -> Path:
    """Restore into an empty database, and return its file."""
    settings.DATA_DIR = folder / "data"
    target = folder / "target.sqlite3"
    backups.restore(
        file=file, target=databases.sqlite(target), data=folder / "data", actor=system("test"), now=NOW, progress=lambda *_: None
    )
    return target


def test_one_of_an_earlier_version_is_brought_to_this(migrated: Path, tmp_path: Path, settings: Any) -> None:
    target = restored(packed(migrated, tmp_path, app="audit", to="0003"), tmp_path, settings)
    with databases.opened("other", databases.sqlite(target)) as connection:
        transfer.require_migrated(connection)
        assert ("audit", "0004_tasks_are_dead_letters_too") in MigrationLoader(connection).applied_migrations


def test_one_of_a_later_version_is_refused_by_name(migrated: Path, tmp_path: Path, settings: Any) -> None:
    later = "INSERT INTO django_migrations (app, name, applied) VALUES ('audit', '0999_unheard_of', '2030-01-01')"
    with pytest.raises(backups.NotABackup, match=r"later version, which knows audit\.0999_unheard_of"):
        restored(packed(migrated, tmp_path, later), tmp_path, settings)


def test_a_checkpoint_that_was_noted_of_another_time_is_kept_beside(migrated: Path, tmp_path: Path, settings: Any) -> None:
    noted = tmp_path / "data" / "audit" / "latest-checkpoint.json"
    noted.parent.mkdir(parents=True)
    noted.write_text("{}")
    restored(packed(migrated, tmp_path), tmp_path, settings)
    assert [path.name.partition("-2")[0] for path in noted.parent.iterdir()] == ["before-restore"]
