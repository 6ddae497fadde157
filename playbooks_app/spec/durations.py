"""Durations as people write them: `30s`, `5m`, `4h`, `1d`, `1h30m`."""

import datetime as dt
import re

_DURATION = re.compile(r"(?:([0-9]{1,5})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,7})s)?(?:([0-9]{1,7})ms)?")
PATTERN = r"^(?=.)([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,7}s)?([0-9]{1,7}ms)?$"
LONGEST = dt.timedelta(days=366)
EXPECTED = "a duration such as 30s, 5m, 4h or 1d"


class NotADuration(ValueError):
    """The text is not a duration."""


def parse(text: str) -> dt.timedelta:
    """Return the duration that `text` stands for; raises NotADuration."""
    match = _DURATION.fullmatch(text) if text else None
    if match is None:
        raise NotADuration(f"{text[:40]!r} is not a duration")
    days, hours, minutes, seconds, milliseconds = (int(part or 0) for part in match.groups())
    duration = dt.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)
    if not dt.timedelta(0) < duration <= LONGEST:
        raise NotADuration(f"{text!r} is not between 1ms and {LONGEST.days}d")
    return duration


def render(duration: dt.timedelta) -> str:
    """Return a duration as it is written."""
    milliseconds = round(duration / dt.timedelta(milliseconds=1))
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"
