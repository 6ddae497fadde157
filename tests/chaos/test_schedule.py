"""A storm can be repeated: its seed decides what happens, when, which playbook an alert starts, and how the vendor takes each call."""

import itertools
from collections import Counter
from pathlib import Path

import pytest

from tests.chaos import plans, storm
from tests.chaos.houses import SHAPES
from tests.chaos.people import Record
from tests.chaos.vendor import MANNERS, STATUS, Vendor


def faults(seed: str, every: float, shape: str, count: int = 500) -> list[storm.Fault]:
    return list(itertools.islice(storm.schedule(seed, every, SHAPES[shape].faults), count))


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_same_seed_plans_the_same_faults(shape: str) -> None:
    assert faults("7", 2, shape) == faults("7", 2, shape)
    assert faults("7", 2, shape) != faults("8", 2, shape)


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_faults_come_at_the_pace_that_was_asked_for(shape: str) -> None:
    assert faults("7", 2, shape)[-1].at / 500 == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_most_faults_are_kills(shape: str) -> None:
    assert sum(fault.name.startswith("kill") for fault in faults("7", 2, shape)) > 250


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_every_fault_that_may_be_planned_can_happen(shape: str) -> None:
    assert all(hasattr(storm.Storm, name.replace(" ", "_")) for name in SHAPES[shape].faults)


def test_every_playbook_is_started_as_often_as_any_other() -> None:
    started = Counter(plans.plan_of("7", plans.host_of(number)).slug for number in range(10 * len(plans.STARTED)))
    assert len(started) == 12
    assert set(started.values()) == {10}


def test_the_seed_decides_the_order_of_the_playbooks() -> None:
    orders = [[plans.plan_of(seed, plans.host_of(number)).slug for number in range(24)] for seed in ("7", "7", "8")]
    assert orders[0] == orders[1] != orders[2]


def test_the_vendor_takes_a_call_the_same_way_for_the_same_seed(tmp_path: Path) -> None:
    manners = [[Vendor(tmp_path / "r", seed).manner("dump", f"h{n}", MANNERS) for n in range(50)] for seed in ("7", "7", "8")]
    assert manners[0] == manners[1] != manners[2]


def test_the_vendor_refuses_a_step_that_is_named_so(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path / "record", "7")
    assert {vendor.manner("dump", "h1:refused-halt", MANNERS)[0] for _ in range(20)} == {"400"}


def test_a_known_key_is_answered_and_changes_nothing(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path / "record", "7")
    for _ in range(2):
        vendor.act("dump", "h1", "key", done=True, told="ok", times=1)
    assert [line["done"] for line in Record(tmp_path / "record").lines()] == [True, False]


def test_what_somebody_sees_of_a_host_is_written_down(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path / "record", "7")
    vendor.look("h1", told="503")
    vendor.act("isolate", "h1", "", done=True, told="ok", times=1)
    assert vendor.look("h1", told="slow")
    looks = [(line["there"], line["told"]) for line in Record(tmp_path / "record").lines() if line["action"] == STATUS]
    assert looks == [(False, "503"), (True, "slow")]
