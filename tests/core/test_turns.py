"""How many threads of a worker work at once."""

import threading

import pytest

from core import turns

WAIT = 20


@pytest.fixture
def _one_at_once(monkeypatch):
    monkeypatch.setattr(turns, "_turns", None)
    turns.limit(1)


class Other:
    """Another thread, which takes a turn and keeps it until it is told to end."""

    def __init__(self):
        self.works, self.ends = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with turns.taken():
            self.works.set()
            assert self.ends.wait(WAIT)

    def end(self):
        self.ends.set()
        self.thread.join(WAIT)


def test_without_a_limit_all_work_at_once():
    with turns.taken():
        other = Other()
        assert other.works.wait(WAIT)
        other.end()


@pytest.mark.usefixtures("_one_at_once")
def test_who_has_no_turn_waits_until_one_is_over():
    with turns.taken():
        other = Other()
        assert not other.works.wait(0.2)
    assert other.works.wait(WAIT)
    other.end()


@pytest.mark.usefixtures("_one_at_once")
def test_a_turn_is_taken_once_however_many_blocks_want_it():
    with turns.taken(), turns.taken():
        pass
    other = Other()
    assert other.works.wait(WAIT)
    other.end()


@pytest.mark.usefixtures("_one_at_once")
def test_others_work_while_one_waits_for_a_network():
    with turns.taken():
        with turns.given_up():
            other = Other()
            assert other.works.wait(WAIT)
            other.end()
        late = Other()
        assert not late.works.wait(0.2)
    late.end()


@pytest.mark.usefixtures("_one_at_once")
def test_who_has_no_turn_gives_none_up():
    with turns.given_up(), turns.given_up():
        pass
    with turns.taken():
        other = Other()
        assert not other.works.wait(0.2)
    other.end()


@pytest.mark.usefixtures("_one_at_once")
def test_a_turn_is_over_when_its_work_fails():
    with pytest.raises(ZeroDivisionError), turns.taken(), turns.given_up():
        raise ZeroDivisionError
    other = Other()
    assert other.works.wait(WAIT)
    other.end()


@pytest.mark.usefixtures("_one_at_once")
def test_nobody_waits_for_ever(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.2)
    with turns.taken():
        impatient = Other()
        assert impatient.works.wait(WAIT)
        impatient.end()
        other = Other()
    # The one who worked without a turn has given none back.
    assert other.works.wait(WAIT)
    third = Other()
    assert third.works.wait(WAIT)
    other.end()
    third.end()
    with turns.taken():
        assert turns._turns._value == 0
    assert turns._turns._value == 1
