"""What a log search does."""

from typing import Any

from adapters.choices import Effect
from adapters.contract import Action, Parameters, Result


class Query(Parameters):
    """A search over the last while, such as `24h`."""

    query: str
    last: str = "24h"
    limit: int = 100


class EventIds(Parameters):
    """Events by id."""

    ids: list[str]


class Events(Result):
    """Events in ECS, newest first, and how many there are in all."""

    total: int
    events: list[dict[str, Any]]


ACTIONS = (
    Action(name="siem.query_logs", params=Query, result=Events, effect=Effect.READ, target="query"),
    Action(name="siem.get_events_by_id", params=EventIds, result=Events, effect=Effect.READ),
)
