"""One set of words, colours and icons for every page: status chips, ages, short ids, JSON trees."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

#: Status word -> (tone, icon). The tone is a colour, and never stands alone: icon and word go with it.
CHIPS: dict[str, tuple[str, str]] = {
    "not_started": ("grey", "radio_button_unchecked"),
    "idle": ("grey", "radio_button_unchecked"),
    "planning": ("blue", "pending"),
    "executing": ("blue", "play_circle"),
    "in_progress": ("blue", "play_circle"),
    "awaiting_approval": ("amber", "how_to_reg"),
    "awaiting_input": ("amber", "person_raised_hand"),
    "waiting": ("amber", "hourglass_empty"),
    "pending": ("amber", "hourglass_empty"),
    "paused": ("amber", "pause_circle"),
    "completed": ("green", "check_circle"),
    "approved": ("green", "thumb_up"),
    "executed": ("green", "check_circle"),
    "covered": ("green", "verified"),
    "active": ("green", "check_circle"),
    "sealed": ("green", "lock"),
    "notarized": ("green", "verified"),
    "resolved": ("green", "check_circle"),
    "healthy": ("green", "check_circle"),
    "matched": ("green", "check_circle"),
    "skipped": ("yellow", "skip_next"),
    "stale": ("yellow", "update"),
    "expired": ("yellow", "timer_off"),
    "withdrawn": ("yellow", "undo"),
    "in_review": ("amber", "rate_review"),
    "draft": ("grey", "edit_note"),
    "retired": ("grey", "archive"),
    "failed": ("red", "error"),
    "blocked": ("red", "block"),
    "rejected": ("red", "thumb_down"),
    "failing": ("red", "error"),
    "uncovered": ("red", "gpp_maybe"),
    "cancelled": ("grey", "cancel"),
    "abandoned": ("grey", "cancel"),
    "unhealthy": ("red", "error"),
    "simulated": ("hatched", "science"),
    "uncertain": ("purple", "help"),
    "rolling_back": ("amber", "undo"),
    "rolled_back": ("grey", "undo"),
    "open": ("amber", "warning"),
    "mitigated": ("yellow", "shield"),
    "monitoring": ("blue", "visibility"),
    "live": ("red", "bolt"),
    "mock": ("grey", "science"),
    "drill": ("hatched", "science"),
    "stopped": ("stopped", "front_hand"),
    "excepted": ("grey", "event_busy"),
    "not_applicable": ("grey", "remove"),
    "superseded": ("grey", "history"),
    "unknown": ("grey", "help"),
    "skipped_match": ("grey", "remove"),
    "declared": ("grey", "lock"),
}
MAX_ITEMS = 200
UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


@register.simple_tag
def chip(status: object, label: str = "") -> SafeString:
    """A status as colour, icon and word."""
    key = str(getattr(status, "value", status))
    tone, icon = CHIPS.get(key, ("grey", "circle"))
    word = label or key.replace("_", " ")
    return format_html(
        '<span class="rp-chip rp-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        tone,
        icon,
        word,
    )


@register.filter
def age(moment: dt.datetime | None) -> str:
    """How long ago, or in how long, in its largest unit."""
    if moment is None:
        return ""
    seconds = (timezone.now() - moment).total_seconds()
    span = duration(abs(seconds))
    return f"{span} ago" if seconds >= 0 else f"in {span}"


@register.filter
def duration(seconds: float | dt.timedelta | None) -> str:
    """A span of seconds in its largest unit."""
    if seconds is None:
        return ""
    value = seconds.total_seconds() if isinstance(seconds, dt.timedelta) else float(seconds)
    for size, unit in UNITS:
        if value >= size:
            return f"{value / size:.0f} {unit}"
    return f"{value:.0f} s"


@register.simple_tag
def when(moment: dt.datetime | None) -> SafeString:
    """A moment in the one date format, with its age beside it."""
    if moment is None:
        return format_html('<span class="rp-muted">{}</span>', "—")
    utc = moment.astimezone(dt.UTC)
    return format_html(
        '<time datetime="{}">{}</time> <span class="rp-muted">{}</span>',
        utc.isoformat(),
        utc.strftime("%Y-%m-%d %H:%M:%S"),
        age(moment),
    )


@register.simple_tag
def ident(value: object, length: int = 8) -> SafeString:
    """An identifier, short, copied on click."""
    text = str(value)
    return format_html(
        '<button type="button" class="rp-id" data-copy="{}" title="Copy {}">{}</button>', text, text, text[-length:]
    )


@register.simple_tag
def risk(value: int | None) -> SafeString:
    """A risk from 1 to 10 as number and bar."""
    if value is None:
        return format_html('<span class="rp-muted">{}</span>', "risk unknown")
    tone = "red" if value >= 8 else "amber" if value >= 5 else "green"
    return format_html(
        '<span class="rp-risk rp-{}" title="Risk {} of 10"><b>{}</b><meter min="0" max="10" value="{}"></meter></span>',
        tone,
        value,
        value,
        value,
    )


@register.simple_tag
def confidence(value: float | None) -> SafeString:
    """Detection confidence: high green, medium amber, low red, grey when unknown."""
    if value is None:
        return format_html('<span class="rp-dot rp-grey" title="{}"></span> unknown', "No confidence was sent with the alert")
    tone, word = ("green", "high") if value >= 0.7 else ("amber", "medium") if value >= 0.4 else ("red", "low")
    return format_html('<span class="rp-dot rp-{}"></span> {} ({}%)', tone, word, round(value * 100))


@register.simple_tag
def tree(value: Any, open_levels: int = 1) -> SafeString:
    """A JSON value as a readable tree that folds."""
    return _tree(value, open_levels)


def _tree(value: Any, open_levels: int) -> SafeString:
    if isinstance(value, Mapping):
        return _branch(list(value.items())[:MAX_ITEMS], len(value), open_levels)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _branch(list(enumerate(value))[:MAX_ITEMS], len(value), open_levels)
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) > 300:
        return format_html("<details><summary>{}…</summary><span class='rp-value'>{}</span></details>", text[:120], text[:20000])
    return format_html('<span class="rp-value">{}</span>', text)


def _branch(items: Sequence[tuple[Any, Any]], total: int, open_levels: int) -> SafeString:
    if not items:
        return format_html('<span class="rp-muted">{}</span>', "empty")
    rows = format_html_join(
        "", "<li><span class='rp-key'>{}</span> {}</li>", ((key, _node(item, open_levels - 1)) for key, item in items)
    )
    more = format_html("<li class='rp-muted'>and {} more</li>", total - len(items)) if total > len(items) else ""
    return format_html("<ul class='rp-tree'>{}{}</ul>", rows, more)


def _node(value: Any, open_levels: int) -> SafeString:
    if isinstance(value, Mapping | list) and value:
        state = " open" if open_levels > 0 else ""
        return format_html(
            "<details{}><summary>{} {}</summary>{}</details>",
            SafeString(state),
            len(value),
            "fields" if isinstance(value, Mapping) else "items",
            _tree(value, open_levels),
        )
    return _tree(value, open_levels)
