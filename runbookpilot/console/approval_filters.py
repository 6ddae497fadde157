"""The filters beside the approvals queue: what can be chosen, how many requests each choice leaves, and the rows that fit."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When

from approvals.models import Request
from core import attack

MOST = 30
#: Filter -> title, in the order in which they stand.
TITLES = {
    "risk": "Risk", "confidence": "Confidence", "age": "Waiting for", "kind": "Kind", "claimed": "Claimed",
    "playbook": "Playbook", "technique": "Technique",
}  # fmt: skip
OFFERED = {
    "risk": {"high": "8 to 10", "medium": "5 to 7", "low": "1 to 4"},
    "confidence": {"high": "High", "medium": "Medium", "low": "Low", "unknown": "Unknown"},
    "age": {"new": "Under 15 min", "hour": "Under an hour", "old": "An hour or more"},
    "kind": {"real": "Waits for it", "simulated": "Simulated, queued"},
    "claimed": {"me": "By me", "other": "By others", "nobody": "By nobody"},
}


def chosen(query: Mapping[str, str]) -> dict[str, str]:
    """Return the filters that an address asks for; a word that a filter does not know is kept, and fits nothing."""
    return {name: query.get(name, "")[:64] for name in TITLES}


def narrowed(rows: QuerySet[Request], given: Mapping[str, str], mine: uuid.UUID, now: dt.datetime) -> QuerySet[Request]:
    """Return the requests that fit every filter."""
    return rows.alias(**_bands(mine, now)).filter(**{f"by_{name}": word for name, word in given.items() if word})


def groups(rows: QuerySet[Request], mine: uuid.UUID, now: dt.datetime) -> list[dict[str, Any]]:
    """Return how many requests there are of each kind; one query, from which all counts come."""
    names = [f"by_{name}" for name in TITLES]
    counted = rows.annotate(**_bands(mine, now)).order_by().values(*names).annotate(count=Count("pk"))
    return [{name.removeprefix("by_"): value for name, value in row.items()} for row in counted]


def total(found: list[dict[str, Any]], given: Mapping[str, str]) -> int:
    """Return how many requests fit every filter."""
    return sum(group["count"] for group in found if _fits(group, given))


def facets(found: list[dict[str, Any]], given: Mapping[str, str], kept: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return each filter with its options and what they would leave; `kept` is what else stays in the address."""
    return [facet for facet in (_facet(name, found, given, kept) for name in TITLES) if facet["options"]]


def _facet(name: str, found: list[dict[str, Any]], given: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, Any]:
    others = {key: word for key, word in given.items() if key != name}
    fitting = [group for group in found if _fits(group, others)]
    options = []
    for word, label in _options(name, found):
        count, on = sum(group["count"] for group in fitting if group[name] == word), given[name] == word
        if count or on:
            address = {key: value for key, value in {**kept, **others, name: "" if on else word}.items() if value}
            options.append({"label": word if name == "technique" else label, "title": label, "count": count, "on": on, "href": "?" + urlencode(address)})
    return {"title": TITLES[name], "options": options}


def _options(name: str, found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    if name in OFFERED:
        return list(OFFERED[name].items())
    words = sorted({str(group[name]) for group in found if group[name]})[:MOST]
    return [(word, attack.label(word) if name == "technique" else word) for word in words]


def _fits(group: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    return all(group[name] == word for name, word in given.items() if word)


def _bands(mine: uuid.UUID, now: dt.datetime) -> dict[str, Any]:
    """Return, as `by_NAME`, how the database finds the word of each filter that a request fits."""
    quarter, hour = now - dt.timedelta(minutes=15), now - dt.timedelta(hours=1)
    unsure = ("unknown", Q(confidence=None))
    return {
        "by_risk": _words(("high", Q(risk__gte=8)), ("medium", Q(risk__gte=5)), default="low"),
        "by_confidence": _words(unsure, ("high", Q(confidence__gte=0.7)), ("medium", Q(confidence__gte=0.4)), default="low"),
        "by_age": _words(("new", Q(created_at__gt=quarter)), ("hour", Q(created_at__gt=hour)), default="old"),
        "by_kind": _words(("simulated", Q(simulated=True)), default="real"),
        "by_claimed": _words(("nobody", Q(claimed_by=None)), ("me", Q(claimed_by=mine)), default="other"),
        "by_playbook": F("playbook"),
        "by_technique": F("technique"),
    }


def _words(*bands: tuple[str, Q], default: str) -> Case:
    return Case(*(When(fits, then=Value(word)) for word, fits in bands), default=Value(default), output_field=CharField())
