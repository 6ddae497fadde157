"""Word of deliveries is gathered for a moment, and none of it is kept back."""

import subprocess
import sys
import threading

import pytest

from core.tasks import Message
from runbookpilot import nudges
from runbookpilot.nudges import Nudges


def word(number: int, queue: str = "alerts") -> Message:
    return Message(nudges.ONE, {"trace_id": "", "delivery_id": str(number)}, queue)


class Broker:
    """Writes down what it is sent."""

    def __init__(self, *, broken: bool = False) -> None:
        self.sent: list[Message] = []
        self.came = threading.Event()
        self.broken = broken

    def __call__(self, message: Message) -> None:
        self.sent.append(message)
        self.came.set()
        if self.broken:
            raise OSError("it is gone")

    def told(self, queue: str = "alerts") -> list[list[str]]:
        return [message.kwargs["delivery_ids"] for message in self.sent if message.queue == queue]


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time enough for a test: what is gathered is said by nobody else."""
    monkeypatch.setattr(nudges, "PAUSE", 60.0)


@pytest.mark.usefixtures("patience")
def test_what_follows_within_a_moment_goes_as_one_message_for_each_queue() -> None:
    broker = Broker()
    said = Nudges(broker)
    for number in range(3):
        said.gather(word(number))
    said.gather(word(7, "controls"))
    said.say()
    assert (broker.told(), broker.told("controls")) == ([["0", "1", "2"]], [["7"]])


def test_it_is_said_by_itself() -> None:
    broker = Broker()
    said = Nudges(broker)
    for number in (1, 2):
        broker.came.clear()
        said.gather(word(number))
        assert broker.came.wait(5)
    assert [id_ for ids in broker.told() for id_ in ids] == ["1", "2"]


@pytest.mark.usefixtures("patience")
def test_a_message_never_names_more_than_a_worker_does_in_one_go() -> None:
    broker = Broker()
    said = Nudges(broker)
    for number in range(2 * nudges.MOST + 1):
        said.gather(word(number))
    said.say()
    assert [len(ids) for ids in broker.told()] == [nudges.MOST, nudges.MOST, 1]


@pytest.mark.usefixtures("patience")
def test_a_broker_that_fails_keeps_nothing_else_from_being_said() -> None:
    broker = Broker(broken=True)
    said = Nudges(broker)
    said.gather(word(1))
    said.gather(word(2, "controls"))
    said.say()
    said.say()
    assert (broker.told(), broker.told("controls")) == ([["1"]], [["2"]])


@pytest.mark.parametrize("end", ["", "raise SystemExit(0)"])
def test_what_is_left_is_said_when_the_process_ends(end: str) -> None:
    program = f"""
from core.tasks import Message
from runbookpilot import nudges
nudges.PAUSE = 60
said = nudges.Nudges(lambda message: print(message.kwargs["delivery_ids"]))
said.gather(Message(nudges.ONE, {{"delivery_id": "1"}}, "alerts"))
{end}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['1']\n"
