"""A storm can be repeated: its seed decides what happens, when, and how the vendor takes each call."""

from pathlib import Path

import pytest

from tests.chaos import aftermath, storm
from tests.chaos.houses import SHAPES
from tests.chaos.vendor import Vendor


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_same_seed_plans_the_same_faults(shape: str) -> None:
    weights = SHAPES[shape].faults
    assert storm.schedule("7", 10, weights) == storm.schedule("7", 10, weights)
    assert storm.schedule("7", 10, weights) != storm.schedule("8", 10, weights)


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_every_fault_that_may_be_planned_can_happen(shape: str) -> None:
    assert all(hasattr(storm.Storm, name.replace(" ", "_")) for name in SHAPES[shape].faults)


def test_the_vendor_takes_a_call_the_same_way_for_the_same_seed(tmp_path: Path) -> None:
    manners = [[Vendor(tmp_path / "r", seed).manner("dump", f"h{n}", "") for n in range(50)] for seed in ("7", "7", "8")]
    assert manners[0] == manners[1] != manners[2]


def test_a_known_key_is_answered_and_changes_nothing(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path / "record", "7")
    for _ in range(2):
        vendor.act("dump", "h1", "key", done=True, told="ok", times=1)
    assert [line["done"] for line in aftermath.Record(tmp_path / "record").lines()] == [True, False]


def line(action: str = "dump", *, done: bool = True, told: str = "ok") -> dict[str, object]:
    return {"action": action, "target": "h1", "done": done, "told": told}


def row(status: str, error: str = "null") -> tuple[str, ...]:
    return ("h1", "dump", status, "real", error)


WRONG = [
    (aftermath._twice, ([line(), line()],)),
    (aftermath._outcomes, ([], ["h1"])),
    (aftermath._outcomes, ([("h1", True, 1), ("h1", True, 1)], ["h1"])),
    (aftermath._outcomes, ([("h1", False, 1)], ["h1"])),
    (aftermath._outcomes, ([("h1", True, 0)], ["h1"])),
    (aftermath._claims, ([row("completed")], [line(done=False, told="500-undone")])),
    (aftermath._claims, ([row("failed")], [line()])),
    (aftermath._claims, ([row("cancelled", '{"outcome_unknown": false}')], [line()])),
]
RIGHT = [
    (aftermath._twice, ([line(), line("quarantine")],)),
    (aftermath._outcomes, ([("h1", True, 1)], ["h1"])),
    (aftermath._claims, ([row("completed")], [line()])),
    (aftermath._claims, ([row("completed")], [line(done=False, told="lies")])),
    (aftermath._claims, ([row("failed")], [line(done=False, told="400")])),
    (aftermath._claims, ([row("cancelled", '{"outcome_unknown": true}')], [line()])),
]


@pytest.mark.parametrize(("check", "given"), WRONG)
def test_what_does_not_hold_is_named(check, given) -> None:  # type: ignore[no-untyped-def]
    assert list(check(*given))


@pytest.mark.parametrize(("check", "given"), RIGHT)
def test_what_holds_is_not(check, given) -> None:  # type: ignore[no-untyped-def]
    assert not list(check(*given))
