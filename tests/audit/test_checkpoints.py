"""Checkpoints cover every entry once, are signed and chained, and nothing leaves them unseen."""

import base64
import datetime as dt
import json
import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from audit import tasks
from audit.models import Checkpoint, Entry, Leaf, StreamHead
from audit.services import checkpoints, keys, proofs, verify
from core import clock, ids, merkle, signing
from tests.audit.trails import ACTOR, attack, cover, trail, write

pytestmark = pytest.mark.django_db


def made() -> Checkpoint:
    checkpoint = checkpoints.make(now=clock.now())
    assert checkpoint is not None
    return checkpoint


def sentences() -> list[str]:
    return [problem.sentence for problem in verify.run().problems]


class TestMaking:
    def test_there_is_none_of_nothing(self) -> None:
        assert checkpoints.make(now=clock.now()) is None

    def test_each_entry_is_covered_once(self) -> None:
        trail()
        cover()
        assert Leaf.objects.count() == Entry.objects.count() == 48
        assert made_of(Leaf) == made_of(Entry)

    def test_the_next_one_covers_what_is_new(self) -> None:
        trail("ab")
        first = made()
        write("b")
        write("c")
        second = made()
        assert (first.size, second.size, second.number) == (12, 14, 2)

    def test_there_is_none_where_nothing_is_new(self) -> None:
        trail("a")
        made()
        assert checkpoints.make(now=clock.now()) is None

    def test_the_root_is_that_of_all_leaves(self) -> None:
        trail("abc")
        made()
        write("a")
        last = made()
        hashes = Leaf.objects.order_by("position").values_list("hash", flat=True)
        assert merkle.root_of(merkle.leaf(bytes.fromhex(item)) for item in hashes).hex() == last.root

    def test_each_names_the_one_before(self) -> None:
        write()
        first = made()
        write()
        assert (first.previous, made().previous) == ("", checkpoints.digest(first))

    def test_one_that_is_full_leaves_the_rest_to_the_next(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checkpoints, "MOST_ENTRIES", 5)
        trail("ab", entries=4)
        sizes = [made().size, made().size]
        assert (sizes, StreamHead.objects.filter(stream="b").values_list("checkpointed", flat=True).get()) == ([5, 8], 4)

    def test_the_periodic_work_covers_everything(self) -> None:
        trail()
        assert (tasks.checkpoint(), tasks.checkpoint()) == (1, 0)
        assert verify.run().covered == 48

    def test_a_rotated_key_signs_the_next_and_the_old_still_verifies(self) -> None:
        write()
        first = made()
        keys.rotate(actor=ACTOR, now=clock.now())
        second = checkpoints.make(now=clock.now())
        assert second is not None
        assert first.key_id != second.key_id
        assert sentences() == []

    def test_a_clock_that_is_set_back_leaves_no_checkpoint_before_its_key(self) -> None:
        trail("a")
        first = made()
        write("a")
        second = checkpoints.make(now=clock.now() - dt.timedelta(hours=2))
        assert second is not None
        assert second.at >= first.at
        assert sentences() == []

    def test_a_rotation_is_journaled_with_the_new_key(self) -> None:
        key = keys.rotate(actor=ACTOR, now=clock.now())
        assert Entry.objects.get(stream="keys").data["public"] == key.key

    def test_one_that_could_not_be_noted_outside_leaves_no_file_behind(self, django_capture_on_commit_callbacks: Any) -> None:
        checkpoints.witness_path().mkdir(parents=True)
        write()
        with pytest.raises(OSError, match="directory"), django_capture_on_commit_callbacks(execute=True):
            made()
        assert list(checkpoints.witness_path().parent.iterdir()) == [checkpoints.witness_path()]


def made_of(model: Any) -> set[tuple[str, int, str]]:
    return set(model.objects.values_list("stream", "seq", "hash"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time.")
class TestConcurrency:
    def test_an_entry_that_commits_late_with_an_earlier_id_is_not_passed_over(self) -> None:
        written, go_on = threading.Event(), threading.Event()

        def late() -> None:
            with transaction.atomic():
                write("late")
                written.set()
                go_on.wait(20)
            connection.close()

        writer = threading.Thread(target=late)
        writer.start()
        assert written.wait(20)
        write("early")
        made()
        go_on.set()
        writer.join()
        made()
        assert Entry.objects.get(stream="late").pk < Entry.objects.get(stream="early").pk
        assert made_of(Leaf) == made_of(Entry)

    def test_it_does_not_wait_for_a_stream_that_is_being_written(self) -> None:
        trail("ab")
        with transaction.atomic():
            write("a")
            covered: list[int] = []
            other = threading.Thread(target=lambda: (covered.append(made().size), connection.close()))
            other.start()
            other.join(20)
        assert covered == [6]

    def test_many_writers_and_two_checkpointers_cover_each_entry_once(self) -> None:
        def work(stream: str) -> None:
            for _ in range(15):
                write(stream)
                write("shared")
            connection.close()

        def sign() -> None:
            for _ in range(25):
                checkpoints.make(now=clock.now())
            connection.close()

        threads = [threading.Thread(target=work, args=(name,)) for name in "abc"] + [threading.Thread(target=sign) for _ in "12"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        cover()
        assert made_of(Leaf) == made_of(Entry)
        assert sentences() == []


class TestVerifying:
    @pytest.fixture(autouse=True)
    def _trail(self) -> None:
        trail("abc")
        made()
        write("d")
        made()

    def test_an_untouched_log_holds(self) -> None:
        report = verify.run()
        assert (report.ok, report.checkpoints, report.covered) == (True, 2, 19)

    def test_a_truncated_tail_is_named_although_the_head_was_set_back(self) -> None:
        attack("DELETE FROM audit_entry WHERE stream = 'b' AND seq > 4")
        last = Entry.objects.get(stream="b", seq=4)
        StreamHead.objects.filter(stream="b").update(seq=4, hash=last.hash)
        assert [problem.seq for problem in verify.run().problems if problem.stream == "b"] == [5, 6]

    def test_a_stream_that_was_removed_with_its_head_is_named(self) -> None:
        attack("DELETE FROM audit_entry WHERE stream = 'b'")
        StreamHead.objects.filter(stream="b").delete()
        assert {problem.stream for problem in verify.run().problems} == {"b"}

    def test_a_chain_that_was_computed_anew_is_named(self) -> None:
        entry = Entry.objects.get(stream="b", seq=6)
        entry.actor_name = "mallory"
        entry.hash = verify.chain.hash_of(entry)
        attack("UPDATE audit_entry SET actor_name = 'mallory', hash = %s WHERE stream = 'b' AND seq = 6", entry.hash)
        StreamHead.objects.filter(stream="b").update(hash=entry.hash)
        (problem,) = verify.run().problems
        assert (problem.stream, problem.seq) == ("b", 6)

    @pytest.mark.parametrize("tail", [True, False])
    def test_a_removed_leaf_is_named(self, tail: bool) -> None:
        attack(f"DELETE FROM audit_leaf WHERE position = {18 if tail else 3}")
        assert any("leaves under checkpoint" in item for item in sentences())

    def test_a_removed_checkpoint_is_named(self) -> None:
        attack("DELETE FROM audit_checkpoint WHERE number = 1")
        assert "Checkpoint 1 was removed: 2 comes in its place." in sentences()

    def test_a_truncated_log_is_found_by_what_was_noted_outside_of_the_database(
        self, django_capture_on_commit_callbacks: Any
    ) -> None:
        write("d")
        with django_capture_on_commit_callbacks(execute=True):
            made()
        attack("DELETE FROM audit_checkpoint WHERE number = 3")
        attack("DELETE FROM audit_leaf WHERE position = 19")
        assert [item.split(" that this machine")[0] for item in sentences()] == ["Checkpoint 3 is not the one"]

    def test_a_truncated_log_is_found_where_its_leaves_are_left(self) -> None:
        attack("DELETE FROM audit_checkpoint WHERE number = 2")
        assert sentences() == ["1 leaf is under no checkpoint: one was removed, or entries were added."]

    @pytest.mark.parametrize(
        "change", ["size = size + 1", "root = previous", "previous = ''", "signature = ''", "key_id = ''", "number = 7"]
    )
    def test_a_changed_checkpoint_is_named(self, change: str) -> None:
        attack(f"UPDATE audit_checkpoint SET {change} WHERE number = 2")
        assert sentences()

    def test_one_that_was_signed_before_its_key_was_made_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checkpoints, "_not_before", lambda _last, now: now)
        attack("DELETE FROM audit_checkpoint WHERE number = 2")
        attack("DELETE FROM audit_leaf WHERE position = 18")
        StreamHead.objects.filter(stream="d").update(checkpointed=0)
        keys.rotate(actor=ACTOR, now=clock.now() + dt.timedelta(days=1))
        checkpoints.make(now=clock.now())
        assert "Checkpoint 2 is signed by a key that came later." in sentences()

    def test_a_leaf_that_no_checkpoint_signs_is_named(self) -> None:
        Leaf.objects.create(position=19, entry_id=clock_id(), stream="x", seq=1, hash="0" * 64)
        assert any("under no checkpoint" in item for item in sentences())


def clock_id() -> str:
    return "018e0000-0000-7000-8000-000000000000"


class TestGuard:
    @pytest.mark.parametrize("table", ["audit_leaf", "audit_checkpoint"])
    @pytest.mark.parametrize("statement", ["UPDATE {0} SET {1} = 0", "DELETE FROM {0}", "{2}"])
    def test_the_database_refuses_to_change_what_was_signed(self, table: str, statement: str) -> None:
        write()
        made()
        column = "seq" if table == "audit_leaf" else "size"
        emptied = f"TRUNCATE {table}"
        if connection.vendor == "sqlite":
            emptied = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
        statement = statement.format(table, column, emptied)
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


class TestProofs:
    @pytest.fixture(autouse=True)
    def _trail(self) -> None:
        trail("abc")
        made()
        trail("bd", entries=2)
        made()

    def test_every_entry_has_a_proof_that_holds(self) -> None:
        found = [proofs.of_entry(entry_id=pk) for pk in Entry.objects.values_list("pk", flat=True)]
        assert len(found) == 22
        assert all(proofs.holds(json.loads(json.dumps(item)), signing.public_keys()) for item in found)

    @pytest.mark.parametrize("change", ["entry", "path", "position", "checkpoint", "signature", "keys"])
    def test_a_changed_proof_does_not_hold(self, change: str) -> None:
        proof, trusted = proofs.of_entry(entry_id=Entry.objects.get(stream="b", seq=3).pk), signing.public_keys()
        other = base64.b64encode(bytes(64)).decode()
        wrong: dict[str, Any] = {
            "entry": {**proof["entry"], "simulated": True}, "path": proof["path"][:-1], "position": proof["position"] + 1,
            "checkpoint": {**proof["checkpoint"], "number": 9}, "signature": other,
        }  # fmt: skip
        assert not proofs.holds({**proof, change: wrong.get(change)}, [] if change == "keys" else trusted)

    def test_a_log_that_grew_has_a_proof_of_it(self) -> None:
        found = proofs.of_growth(old=1, new=2)
        old, new = found["old"]["checkpoint"], found["new"]["checkpoint"]
        path = [bytes.fromhex(item) for item in found["path"]]
        assert merkle.extends(old["size"], new["size"], bytes.fromhex(old["root"]), bytes.fromhex(new["root"]), path)

    def test_there_is_none_of_what_is_not_there(self) -> None:
        with pytest.raises(proofs.NoSuchCheckpoint):
            proofs.of_growth(old=2, new=1)
        with pytest.raises(proofs.NoSuchEntry):
            proofs.of_entry(entry_id=clock_id())  # type: ignore[arg-type]

    def test_an_entry_waits_for_the_next_checkpoint(self) -> None:
        write("e")
        with pytest.raises(proofs.NotCovered):
            proofs.of_entry(entry_id=Entry.objects.get(stream="e").pk)

    def test_a_checkpoint_that_an_auditor_kept_stands_as_long_as_the_log_goes_on_from_it(self) -> None:
        kept = checkpoints.signed(Checkpoint.objects.get(number=1))
        write("e")
        made()
        assert proofs.still_stands(kept, signing.public_keys())

    def test_a_log_that_was_written_anew_does_not_go_on_from_a_kept_checkpoint(self) -> None:
        kept = checkpoints.signed(Checkpoint.objects.get(number=2))
        attack("DELETE FROM audit_checkpoint")
        attack("DELETE FROM audit_leaf")
        StreamHead.objects.update(checkpointed=0)
        write("e")
        cover()
        assert not proofs.still_stands(kept, signing.public_keys())


class TestScope:
    @pytest.fixture(autouse=True)
    def _trail(self) -> None:
        for stream in "ab":
            write(stream, tenant_id=ids.new())
            write(stream)
        made()

    def tenant_of(self, stream: str) -> Any:
        return Entry.objects.get(stream=stream, seq=1).tenant_id

    def test_a_tenant_s_streams_are_verified_whole(self) -> None:
        report = verify.run(tenant_ids=[self.tenant_of("a")])
        assert (report.ok, report.entries, report.streams) == (True, 2, 1)

    def test_what_was_removed_from_a_tenant_s_stream_is_named(self) -> None:
        tenant = self.tenant_of("a")
        attack("DELETE FROM audit_entry WHERE stream = 'a' AND seq = 2")
        assert {problem.stream for problem in verify.run(tenant_ids=[tenant]).problems} == {"a"}

    def test_another_tenant_hears_nothing_of_it(self) -> None:
        tenant = self.tenant_of("b")
        attack("DELETE FROM audit_entry WHERE stream = 'a' AND seq = 2")
        assert verify.run(tenant_ids=[tenant]).ok

    def test_one_stream_can_be_verified(self) -> None:
        assert verify.run(stream="b").entries == 2
