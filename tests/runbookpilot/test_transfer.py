"""Copying a deployment: every row as it stands, or nothing at all."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections

from audit.selectors import entries
from core.paths import ROOT
from runbookpilot import databases, transfer
from tests.chaos.tree import scratch_database
from tests.production.conftest import SERVER

KINDS = {
    "AutoField", "BigAutoField", "BinaryField", "BooleanField", "CharField", "DateTimeField", "EmailField", "FileField", "FloatField",
    "GenericIPAddressField", "IntegerField", "JSONField", "PositiveBigIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField",
    "SlugField", "SmallIntegerField", "TextField", "UUIDField", "BigIntegerField",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _databases_of_their_own(django_db_blocker: Any) -> Iterator[None]:
    """Let tests reach the databases that they open themselves; none of them is the one of the other tests."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an embedded deployment with one of everything."""
    data = tmp_path_factory.mktemp("world")
    known = {name: value for name, value in os.environ.items() if not name.startswith(("RUNBOOKPILOT_", "DJANGO_"))}
    environ = {**known, "RUNBOOKPILOT_DATA": str(data), "RUNBOOKPILOT_TASKS": "inline", "ENV_FILE": "/nonexistent", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.production.world"]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return data


@pytest.fixture
def source(world: Path, tmp_path: Path, settings: Any) -> Iterator[Any]:
    """A copy of its database, and its keys."""
    settings.DATA_DIR = world
    shutil.copy(world / databases.FILE, tmp_path / "source.sqlite3")
    with databases.opened("source", databases.sqlite(tmp_path / "source.sqlite3")) as connection:
        yield connection


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    """An empty database of this version, in a file that tests copy."""
    file = tmp_path_factory.mktemp("migrated") / "empty.sqlite3"
    with django_db_blocker.unblock(), databases.opened("target", databases.sqlite(file)):
        call_command("migrate", database="target", interactive=False, verbosity=0)
    return file


@pytest.fixture
def target(migrated: Path, tmp_path: Path) -> Iterator[Any]:
    """An empty database of this version."""
    shutil.copy(migrated, tmp_path / "target.sqlite3")
    with databases.opened("target", databases.sqlite(tmp_path / "target.sqlite3")) as connection:
        yield connection


@pytest.fixture(scope="module")
def template(django_db_blocker: Any) -> Iterator[str]:
    """The name of an empty PostgreSQL database of this version, which tests copy."""
    try:
        psycopg.connect(SERVER, connect_timeout=3).close()
    except psycopg.OperationalError:
        pytest.skip("No PostgreSQL answers at the default address; set TEST_POSTGRES_URL to use another.")
    name = f"transfer_{os.getpid()}"
    with scratch_database(SERVER, name) as url:
        with django_db_blocker.unblock(), databases.opened("target", databases.config(url, Path())):
            call_command("migrate", database="target", interactive=False, verbosity=0)
        yield name


@pytest.fixture
def postgres(template: str) -> Iterator[Any]:
    """An empty PostgreSQL database of this version."""
    with scratch_database(SERVER, f"{template}_copy") as url:
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(f"DROP DATABASE {template}_copy")
            server.execute(f"CREATE DATABASE {template}_copy TEMPLATE {template}")
        with databases.opened("postgres", databases.config(url, Path())) as connection:
            yield connection


def copied(source: Any, target: Any) -> transfer.Copy:
    return transfer.copy(source, target, progress=lambda *_: None, finish=lambda _: None)


def journal(connection: Any) -> list[Any]:
    with databases.as_default(connection):
        return [entries.view(row) for row in entries.queryset().order_by("id")]


def run(connection: Any, statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_database_without_tables_gets_them(source: Any, tmp_path: Path) -> None:
    with databases.opened("bare", databases.sqlite(tmp_path / "bare.sqlite3")) as bare:
        assert copied(source, bare).tables == transfer.contents(source)


def test_every_row_stands_in_postgresql_as_it_did(source: Any, postgres: Any) -> None:
    made = copied(source, postgres)
    assert made.tables == transfer.contents(source) == transfer.contents(postgres)
    assert made.rows > 600


def test_what_came_back_from_postgresql_is_what_went_there(source: Any, postgres: Any, target: Any) -> None:
    copied(source, postgres)
    copied(postgres, target)
    assert transfer.contents(source) == transfer.contents(target)
    assert journal(source) == journal(target)


def test_secrets_stay_encrypted_as_they_were(source: Any, postgres: Any) -> None:
    copied(source, postgres)
    statement = "SELECT secret FROM incidents_alertsource ORDER BY id"
    secrets = [bytes(row[0]) for row in run(source, statement)]
    assert secrets
    assert secrets == [bytes(row[0]) for row in run(postgres, statement)]


def test_ids_are_numbered_on(source: Any, postgres: Any) -> None:
    copied(source, postgres)
    (last,) = run(postgres, "SELECT max(id) FROM audit_entryref")[0]
    (following,) = run(postgres, "SELECT nextval(pg_get_serial_sequence('audit_entryref', 'id'))")[0]
    assert following == last + 1


def test_the_journal_of_the_copy_is_guarded(source: Any, postgres: Any) -> None:
    copied(source, postgres)
    with pytest.raises(Exception, match="append-only"):
        run(postgres, "UPDATE audit_entry SET kind = 'x'")


def test_a_target_with_rows_is_refused_and_left(source: Any, target: Any) -> None:
    run(target, "INSERT INTO auth_group (id, name) VALUES (7, 'theirs')")
    with pytest.raises(transfer.TargetNotEmpty, match="auth_group"):
        copied(source, target)
    assert run(target, "SELECT id, name FROM auth_group") == [(7, "theirs")]


def test_a_source_that_is_older_than_the_code_is_refused(source: Any, target: Any) -> None:
    run(source, "DELETE FROM django_migrations WHERE app = 'compliance'")
    with pytest.raises(transfer.NotMigrated, match=r"manage\.py migrate"):
        copied(source, target)


def test_a_row_that_arrives_changed_is_named_and_nothing_is_kept(source: Any, target: Any) -> None:
    run(target, "CREATE TRIGGER bent AFTER INSERT ON accounts_tenant BEGIN UPDATE accounts_tenant SET name = 'bent'; END")
    with pytest.raises(transfer.CopyFailed, match="accounts_tenant"):
        copied(source, target)
    transfer.require_empty(target)


def test_a_row_that_the_target_cannot_hold_is_named_and_nothing_is_kept(source: Any, postgres: Any) -> None:
    run(source, "UPDATE accounts_tenant SET name = 'a' || char(0)")
    with pytest.raises(transfer.CopyFailed, match="accounts_tenant: the target refuses one of rows 1 to 1"):
        copied(source, postgres)
    transfer.require_empty(postgres)


def test_a_copy_that_failed_can_be_made_again(source: Any, target: Any) -> None:
    def fail(_: transfer.Copy) -> None:
        raise RuntimeError("the power failed")

    with pytest.raises(RuntimeError):
        transfer.copy(source, target, progress=lambda *_: None, finish=fail)
    assert copied(source, target).tables == transfer.contents(source)


def test_a_journal_that_was_damaged_before_is_copied_and_says_so(source: Any, target: Any) -> None:
    run(source, "DROP TRIGGER audit_entry_no_update")
    run(source, "UPDATE audit_entry SET actor_name = 'mallory' WHERE seq = 1 AND stream LIKE 'execution:%'")
    assert "changed" in {problem.what for problem in copied(source, target).report.problems}


def test_numbers_that_json_writes_in_two_ways_are_one(source: Any, postgres: Any) -> None:
    document = json.dumps({"large": 1e20, "whole": 1.0, "half": 0.5, "unicode": "ü\u2028"})
    run(source, f"UPDATE playbooks_app_execution SET inputs = '{document}'")
    assert copied(source, postgres).tables == transfer.contents(source)


def test_every_kind_of_column_is_one_that_is_known() -> None:
    """One that is new here needs a test above, and perhaps a line in `_adapt`."""
    found = set()
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields:
            while field.remote_field:
                field = field.target_field
            found.add(field.get_internal_type())
    assert found <= KINDS


def test_the_database_of_this_process_is_its_own_again(target: Any) -> None:
    before = connections["default"]
    with databases.as_default(target):
        assert connections["default"] is target
    assert connections["default"] is before
