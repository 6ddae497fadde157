import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks_app.spec import durations


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", dt.timedelta(seconds=30)),
        ("5m", dt.timedelta(minutes=5)),
        ("4h", dt.timedelta(hours=4)),
        ("1d", dt.timedelta(days=1)),
        ("1h30m", dt.timedelta(minutes=90)),
        ("250ms", dt.timedelta(milliseconds=250)),
    ],
)
def test_it_reads_durations(text: str, duration: dt.timedelta) -> None:
    assert durations.parse(text) == duration


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5M", "1m1h", "P1D", "0s", "367d", "٥m", "99999999s", "5m\n"])
def test_it_refuses_everything_else(text: str) -> None:
    with pytest.raises(durations.NotADuration):
        durations.parse(text)


@given(st.integers(1, 366 * 86_400_000))
def test_what_is_written_is_read_again(milliseconds: int) -> None:
    duration = dt.timedelta(milliseconds=milliseconds)
    assert durations.parse(durations.render(duration)) == duration


def test_no_time_at_all_is_written_in_seconds() -> None:
    assert durations.render(dt.timedelta(0)) == "0s"
