"""The one place that asks what time it is. Doors call `now()` and pass the answer in."""

import datetime as dt


def now() -> dt.datetime:
    """Return the current time, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


def iso(moment: dt.datetime) -> str:
    """Return `moment` as ISO 8601 in UTC with microseconds and Z, the form that hashes and programs see."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")[:26] + "Z"


def parse(text: str) -> dt.datetime:
    """Return the aware UTC time that an ISO 8601 `text` names; raises ValueError where it names none."""
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(dt.UTC)
