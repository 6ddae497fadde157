"""When two alerts are one."""

import dataclasses
import datetime as dt
from typing import Any

from core import canonical
from incidents.spec.fields import Document, first

WINDOW = dt.timedelta(hours=1)
EXTERNAL_ID = ("kibana.alert.uuid", "event.id", "elastic._id")
_MOMENTS = ("@timestamp", "event.created", "event.ingested")


def external_id(document: Document) -> str:
    """Return the sender's own id of the alert, or nothing."""
    found = first(document, *EXTERNAL_ID)
    if found is not None:
        return str(found)
    parts = [first(document, f"suricata.eve.{name}") for name in ("flow_id", "alert.signature_id", "timestamp")]
    return "" if None in parts else "eve:" + ":".join(map(str, parts))


@dataclasses.dataclass(frozen=True, slots=True)
class Keys:
    """What no two alerts have in common. Of those after the first, empty where the sender has an id."""

    own: str
    #: That of the hour that begins at half past: the same on both sides of the edge of an hour, where `own` differs.
    edge: str = ""
    #: What `own` was in the hour before.
    before: str = ""


def keys(document: Document, *, source_key: str, external: str, now: dt.datetime) -> Keys:
    """Return the keys of an alert that came at `now`."""
    if external:
        return Keys(f"i:{canonical.digest([source_key, external])}")
    content = canonical.digest([source_key, without_moments(document)])
    halves = int(now.timestamp() // (WINDOW / 2).total_seconds())
    hour, shifted = halves // 2, (halves + 1) // 2
    return Keys(f"c:{content}:{hour}", f"c:{content}:{shifted}", f"c:{content}:{hour - 1}")


def without_moments(document: Document) -> dict[str, Any]:
    """Return the document without the times that differ each time the same thing is reported."""
    found = dict(document)
    for path in _MOMENTS:
        found.pop(path, None)
        outer, _, name = path.partition(".")
        inner = found.get(outer)
        if name and isinstance(inner, dict):
            found[outer] = {key: value for key, value in inner.items() if key != name}
    return found
