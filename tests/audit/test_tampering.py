"""Whoever owns the database changes it at random, without triggers: each change is found and named, and nothing else is."""

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from audit import journal
from audit.choices import Kind
from audit.models import Entry, Leaf, StreamHead
from audit.services import verify
from core import ids
from tests.audit.trails import ACTOR, NOW, cover, trail, unguarded

pytestmark = pytest.mark.django_db

STREAMS, LENGTH = "abcdefgh", 6
TEXTS = ("kind", "environment", "actor_kind", "actor_id", "actor_name", "subject_kind", "subject_id", "trace_id", "hash", "prev_hash")

#: What an attack changed: the places of which at least one has to be named.
Places = set[tuple[str, int]]
Attack = Callable[[Any, random.Random], Places]


def some(chance: random.Random) -> tuple[str, int]:
    return chance.choice(STREAMS), chance.randint(1, LENGTH)


def changed_text(cursor: Any, chance: random.Random) -> Places:
    place, column = some(chance), chance.choice(TEXTS)
    cursor.execute(f"UPDATE audit_entry SET {column} = %s WHERE stream = %s AND seq = %s", (f"x{chance.random()}"[:8], *place))
    return {place, (place[0], place[1] + 1)}


def changed_value(cursor: Any, chance: random.Random) -> Places:
    place = some(chance)
    value = chance.choice(
        [
            """data = '{"n": 99}'""", "data = '{}'", """data = '{"n": "0"}'""", """data = '{"n": 0.5}'""", "simulated = NOT simulated",
            """refs = '[["alert", "1"]]'""", "tenant_id = id", "at = '2020-01-01 00:00:00+00:00'",
        ]
    )  # fmt: skip
    cursor.execute(f"UPDATE audit_entry SET {value} WHERE stream = %s AND seq = %s", place)
    return {place}


def computed_anew(cursor: Any, chance: random.Random) -> Places:
    """Change an entry and compute it and all that follow in its stream anew, with the head."""
    stream, seq = some(chance)
    previous = None
    for entry in Entry.objects.filter(stream=stream, seq__gte=seq).order_by("seq"):
        entry.actor_name, entry.prev_hash = "mallory", entry.prev_hash if previous is None else previous
        previous = verify.chain.hash_of(entry)
        values = (entry.actor_name, entry.prev_hash, previous, stream, entry.seq)
        cursor.execute("UPDATE audit_entry SET actor_name = %s, prev_hash = %s, hash = %s WHERE stream = %s AND seq = %s", values)
    StreamHead.objects.filter(stream=stream).update(hash=previous)
    return {(stream, number) for number in range(seq, LENGTH + 1)}


def removed(cursor: Any, chance: random.Random) -> Places:
    place = some(chance)
    cursor.execute("DELETE FROM audit_entry WHERE stream = %s AND seq = %s", place)
    return {place}


def truncated(cursor: Any, chance: random.Random) -> Places:
    """Remove the tail of a stream and set its head back."""
    stream, seq = some(chance)
    cursor.execute("DELETE FROM audit_entry WHERE stream = %s AND seq >= %s", (stream, seq))
    last = Entry.objects.filter(stream=stream).order_by("-seq").first()
    if last is None:
        StreamHead.objects.filter(stream=stream).delete()
    else:
        StreamHead.objects.filter(stream=stream).update(seq=last.seq, hash=last.hash, checkpointed=last.seq)
    return {(stream, number) for number in range(seq, LENGTH + 1)}


def inserted(_cursor: Any, chance: random.Random) -> Places:
    """Append a forged entry, sometimes to a stream of its own; the head says nothing of it."""
    stream = chance.choice([*STREAMS, "z"])
    last = Entry.objects.filter(stream=stream).order_by("-seq").first()
    forged = last or Entry.objects.get(stream="a", seq=1)
    forged.pk, forged.stream, forged.seq, forged.prev_hash = ids.new(), stream, last.seq + 1 if last else 1, last.hash if last else ""
    forged.hash = verify.chain.hash_of(forged)
    forged.save(force_insert=True)
    return {(stream, forged.seq)}


def reordered(cursor: Any, chance: random.Random) -> Places:
    stream = chance.choice(STREAMS)
    first, second = sorted(chance.sample(range(1, LENGTH + 1), 2))
    for old, new in ((first, 1000), (second, first), (1000, second)):
        cursor.execute("UPDATE audit_entry SET seq = %s WHERE stream = %s AND seq = %s", (new, stream, old))
    return {(stream, number) for number in range(first, second + 1)}


def swapped(cursor: Any, chance: random.Random) -> Places:
    """Let two streams change names, with their heads."""
    first, second = chance.sample(STREAMS, 2)
    for old, new in ((first, "zz"), (second, first), ("zz", second)):
        cursor.execute("UPDATE audit_entry SET stream = %s WHERE stream = %s", (new, old))
        cursor.execute("UPDATE audit_streamhead SET stream = %s WHERE stream = %s", (new, old))
    return {(stream, number) for stream in (first, second) for number in range(1, LENGTH + 1)}


def moved_head(cursor: Any, chance: random.Random) -> Places:
    stream, seq = some(chance)
    cursor.execute("UPDATE audit_streamhead SET seq = %s, hash = %s WHERE stream = %s", (seq + 3, f"{chance.random()}", stream))
    return {(stream, number) for number in range(1, LENGTH + 5)}


def changed_leaf(cursor: Any, chance: random.Random) -> Places:
    """Fit a leaf to another entry: the tree does not fit its signed root any more."""
    position = chance.randrange(len(STREAMS) * LENGTH)
    change = chance.choice(["hash = entry", "gone", "moved"])
    if change == "gone":
        cursor.execute("DELETE FROM audit_leaf WHERE position = %s", (position,))
    elif change == "moved":
        cursor.execute("UPDATE audit_leaf SET position = position + 1000 WHERE position = %s", (position,))
    else:
        cursor.execute("UPDATE audit_leaf SET hash = %s WHERE position = %s", (f"{chance.getrandbits(256):064x}", position))
    leaf = Leaf.objects.filter(position=position).first()
    return {("", 1), *([(leaf.stream, leaf.seq)] if leaf else [])}


ATTACKS: tuple[Attack, ...] = (
    changed_text, changed_value, computed_anew, removed, truncated, inserted, reordered, swapped, moved_head, changed_leaf,
)  # fmt: skip


def found_after(attack: Attack, chance: random.Random) -> tuple[Places, list[verify.Problem]]:
    """Attack, look at what is named, and take the attack back."""
    with transaction.atomic():
        with unguarded() as cursor:
            places = attack(cursor, chance)
        problems = list(verify.run().problems)
        transaction.set_rollback(True)
    return places, problems


def storm(times: int) -> None:
    trail(STREAMS, LENGTH)
    cover()
    assert verify.run().problems == ()
    for number in range(times):
        attack, chance = ATTACKS[number % len(ATTACKS)], random.Random(number)
        places, problems = found_after(attack, chance)
        named = {(problem.stream, problem.seq) for problem in problems}
        assert named & places, f"attack {number} ({attack.__name__}) on {places} was not named: {problems}"
        streams = {stream for stream, _ in places} | {""}
        assert {stream for stream, _ in named} <= streams, f"attack {number} ({attack.__name__}): {problems}"
    assert verify.run().problems == ()


def test_each_of_two_hundred_random_changes_is_named() -> None:
    storm(200)


@pytest.mark.slow
def test_each_of_a_thousand_random_changes_is_named() -> None:
    storm(1000)


def test_the_guard_is_back_after_each_attack() -> None:
    assert connection.vendor in ("sqlite", "postgresql")
    found_after(removed, random.Random(1))
    assert verify.run().problems == ()


@pytest.mark.parametrize("microsecond", [0, 1, 100_000, 120_300, 999_999])
def test_every_moment_verifies_as_it_was_written(microsecond: int) -> None:
    berlin = dt.timezone(dt.timedelta(hours=1))
    for moment in (NOW.replace(microsecond=microsecond), NOW.replace(microsecond=microsecond).astimezone(berlin)):
        with transaction.atomic():
            journal.append(stream="moments", kind=Kind.STEP_STARTED, actor=ACTOR, now=moment, subject=("step", "a"))
    report = verify.run()
    assert (report.entries, report.problems) == (2, ())


def test_a_moment_that_is_another_by_a_microsecond_is_named() -> None:
    trail("a", 1)
    with unguarded():
        Entry.objects.update(at=NOW + dt.timedelta(microseconds=1))
    assert [problem.what for problem in verify.run().problems] == ["changed"]
