"""The journal numbers, chains and guards what it is told."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from audit import journal
from audit.choices import Kind
from audit.journal import chain
from audit.models import Delivery, Entry, EntryRef, triggers
from audit.selectors import entries
from audit.services import export, verify
from core.actors import system

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=dt.UTC)
ACTOR = system("test")


def write(stream: str = "execution:1", **more: Any) -> None:
    with transaction.atomic():
        journal.append(stream=stream, kind=Kind.STEP_STARTED, actor=ACTOR, now=NOW, subject=("step", "a"), **more)


def attack(sql: str, *params: object) -> None:
    """Change the tables as somebody who owns the database would: without the triggers."""
    with connection.cursor() as cursor:
        for trigger in triggers.expected(connection.vendor):
            cursor.execute(f"DROP TRIGGER {trigger.name}" + (f" ON {trigger.table}" if connection.vendor == "postgresql" else ""))
        cursor.execute(sql, params)
    triggers.install(connection)


@pytest.mark.django_db
class TestAppending:
    def test_it_numbers_a_stream_from_one_without_gaps(self) -> None:
        for _ in range(3):
            write()
        assert [entry.seq for entry in entries.of_stream("execution:1")] == [1, 2, 3]

    def test_streams_are_numbered_apart(self) -> None:
        write("execution:1")
        write("execution:2")
        assert entries.of_stream("execution:2")[0].seq == 1

    def test_several_facts_chain_in_order_within_one_stream(self) -> None:
        facts = [journal.Fact(stream="s", kind=Kind.STEP_STARTED, actor=ACTOR, now=NOW, subject=("step", name)) for name in "abc"]
        with transaction.atomic():
            journal.append_all(facts)
        first, second, third = entries.of_stream("s")
        assert (second.prev_hash, third.prev_hash) == (first.hash, second.hash)

    @pytest.mark.parametrize("data", [{}, {"a": 1.5, "é": [None, True, {"z": 2**60, "b": "\u2028\"\x01"}]}, {"at": NOW, "n": -0.0}])
    @pytest.mark.parametrize("tenant_id", [None, uuid.UUID(int=7)])
    def test_the_hash_is_that_of_the_canonical_form(self, data: dict[str, Any], tenant_id: uuid.UUID | None) -> None:
        write(data=data, tenant_id=tenant_id, refs=[("alert", "ä")])
        entry = Entry.objects.get()
        assert entry.hash == chain.hash_of(entry)
        assert verify.run().ok

    def test_an_unknown_kind_cannot_be_written(self) -> None:
        with pytest.raises(ValueError, match="no:such"), transaction.atomic():
            journal.append(stream="s", kind="no:such", actor=ACTOR, now=NOW, subject=("x", 1))  # type: ignore[arg-type]

    def test_a_rolled_back_change_leaves_no_entry(self) -> None:
        with pytest.raises(RuntimeError), transaction.atomic():
            journal.append(stream="s", kind=Kind.STEP_STARTED, actor=ACTOR, now=NOW, subject=("step", "a"))
            raise RuntimeError
        assert entries.of_stream("s") == []

    def test_an_entry_is_found_by_what_it_refers_to(self) -> None:
        write(refs=[("alert", "77")])
        assert [entry.stream for entry in entries.about([("alert", "77")])] == ["execution:1"]

    def test_large_integers_are_kept_as_text(self) -> None:
        write(data={"n": 2**60})
        assert entries.of_stream("execution:1")[0].data == {"n": str(2**60)}

    def test_an_entry_that_the_wiring_handles_leaves_a_delivery(self, settings: Any) -> None:
        with transaction.atomic():
            journal.append(stream="s", kind=Kind.ALERT_RECEIVED, actor=ACTOR, now=NOW, subject=("alert", "a"))
            assert Delivery.objects.filter(entry__stream="s").exists()


@pytest.mark.django_db(transaction=True)
def test_it_refuses_to_append_outside_of_a_transaction() -> None:
    with pytest.raises(journal.NotInTransaction):
        journal.append(stream="s", kind=Kind.STEP_STARTED, actor=ACTOR, now=NOW, subject=("step", "a"))


@pytest.mark.django_db
class TestGuard:
    @pytest.mark.parametrize(
        "statement", ["UPDATE audit_entry SET actor_name = 'x'", "DELETE FROM audit_entry", "DELETE FROM audit_entryref"]
    )
    def test_the_database_refuses_to_change_an_entry(self, statement: str) -> None:
        write(refs=[("alert", "1")])
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    @pytest.mark.skipif("connection.vendor != 'sqlite'", reason="INSERT OR REPLACE is SQLite's.")
    def test_sqlite_refuses_to_replace_an_entry(self) -> None:
        write()
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry")

    @pytest.mark.skipif("connection.vendor != 'postgresql'", reason="TRUNCATE is PostgreSQL's.")
    def test_postgresql_refuses_to_truncate(self) -> None:
        with (
            pytest.raises(DatabaseError, match=r"append-only|deferred|pending"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("TRUNCATE audit_entry CASCADE")

    def test_a_missing_trigger_is_named(self) -> None:
        trigger = triggers.expected(connection.vendor)[0]
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {trigger.name}" + (f" ON {trigger.table}" if connection.vendor == "postgresql" else ""))
        problem = verify.run().first
        triggers.install(connection)
        assert problem is not None
        assert trigger.name in problem.sentence


@pytest.mark.django_db(transaction=True)
class TestVerify:
    @pytest.fixture(autouse=True)
    def _trail(self) -> None:
        for stream in ("a", "b", "c"):
            for number in range(5):
                write(stream, data={"n": number})

    def test_an_untouched_trail_holds(self) -> None:
        report = verify.run()
        assert (report.ok, report.entries, report.streams) == (True, 15, 3)

    @pytest.mark.parametrize(
        ("column", "value"), [("actor_name", "mallory"), ("kind", "step:finished"), ("subject_id", "z"), ("stream", "b2")]
    )
    def test_a_changed_entry_is_named(self, column: str, value: str) -> None:
        attack(f"UPDATE audit_entry SET {column} = %s WHERE stream = 'b' AND seq = 3", value)
        first = verify.run().first
        assert first is not None
        assert (first.stream, first.seq) in {("b", 3), ("b2", 1)}

    def test_a_removed_entry_is_named(self) -> None:
        attack("DELETE FROM audit_entry WHERE stream = 'b' AND seq = 3")
        first = verify.run().first
        assert first is not None
        assert (first.stream, first.seq, first.what) == ("b", 3, "removed")

    def test_removed_last_entries_are_named(self) -> None:
        attack("DELETE FROM audit_entry WHERE stream = 'b' AND seq > 3")
        first = verify.run().first
        assert first is not None
        assert (first.seq, first.what) == (4, "removed")

    def test_a_removed_stream_is_named(self) -> None:
        attack("DELETE FROM audit_entry WHERE stream = 'b'")
        assert [problem.stream for problem in verify.run().problems] == ["b"]

    def test_swapped_entries_are_named(self) -> None:
        attack("UPDATE audit_entry SET seq = CASE seq WHEN 2 THEN 103 WHEN 3 THEN 102 END WHERE stream = 'b' AND seq IN (2, 3)")
        attack("UPDATE audit_entry SET seq = seq - 100 WHERE stream = 'b' AND seq > 100")
        first = verify.run().first
        assert first is not None
        assert (first.stream, first.seq) == ("b", 2)

    def test_an_inserted_entry_with_a_fitting_hash_is_named(self) -> None:
        last = Entry.objects.get(stream="b", seq=5)
        forged = Entry(
            stream="b",
            seq=6,
            kind=Kind.STEP_FINISHED,
            at=NOW,
            actor_kind="system",
            actor_id="x",
            actor_name="x",
            subject_kind="step",
            subject_id="a",
            prev_hash=last.hash,
        )
        forged.hash = verify.chain.hash_of(forged)
        forged.save(force_insert=True)
        first = verify.run().first
        assert first is not None
        assert (first.stream, first.what) == ("b", "inserted")


@pytest.mark.django_db
class TestExport:
    def test_a_line_holds_the_canonical_form_and_the_hash(self) -> None:
        write()
        (line,) = export.json_lines(Entry.objects.all())
        assert Entry.objects.get().hash in line

    @pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx"])
    def test_a_cell_that_a_spreadsheet_would_run_is_neutralised(self, cell: str) -> None:
        assert export.neutral(cell) == f"'{cell}"

    def test_references_are_rows_of_their_own(self) -> None:
        write(refs=[("alert", "1"), ("incident", "2")])
        assert EntryRef.objects.count() == 2
