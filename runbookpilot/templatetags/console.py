"""One set of words, colours and icons for every page: status chips, ages, short ids, JSON trees."""

import datetime as dt
from collections.abc import Sequence

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core import attack
from runbookpilot.console import trees

register = template.Library()
register.filter(trees.seen)
register.simple_tag(trees.tree)
register.simple_tag(trees.differences)
register.simple_tag(trees.processes)
register.simple_tag(trees.source)

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
    "real": ("blue", "bolt"),
    "manual": ("blue", "person"),
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
    "uncovered": ("amber", "gpp_maybe"),
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
    "live": ("amber", "bolt"),
    "enabled": ("green", "toggle_on"),
    "disabled": ("grey", "toggle_off"),
    "drifting": ("amber", "trending_down"),
    "not_checked": ("grey", "help"),
    "SEV1": ("red", "local_fire_department"),
    "SEV2": ("red", "priority_high"),
    "SEV3": ("amber", "warning"),
    "SEV4": ("blue", "info"),
    "SEV5": ("grey", "info"),
    "undone": ("grey", "undo"),
    "succeeded": ("green", "check_circle"),
    "started": ("blue", "play_circle"),
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
def tone(status: object) -> str:
    """The colour of a status."""
    return CHIPS.get(str(status), ("grey", ""))[0]


@register.filter
def icon(status: object) -> str:
    """The icon of a status."""
    return CHIPS.get(str(status), ("", "circle"))[1]


@register.filter
def age(moment: dt.datetime | None) -> str:
    """How long ago, or in how long, in its largest unit."""
    if moment is None:
        return ""
    seconds = (timezone.now() - moment).total_seconds()
    span = duration(abs(seconds))
    return f"{span} ago" if seconds >= 0 else f"in {span}"


@register.filter
def waiting(moment: dt.datetime | None) -> str:
    """How long something waits already."""
    return duration(abs((timezone.now() - moment).total_seconds())) if moment else ""


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
    """A moment in the one date format, in UTC, with its age beside it."""
    if moment is None:
        return format_html('<span class="rp-muted">{}</span>', "—")
    utc = moment.astimezone(dt.UTC)
    return format_html(
        '<time datetime="{}" class="rp-nowrap" title="{}">{}</time> <span class="rp-muted rp-nowrap">{}</span>',
        utc.isoformat(),
        f"{utc:%A}, in UTC",
        utc.strftime("%Y-%m-%d %H:%M:%S"),
        age(moment),
    )


@register.simple_tag
def left(since: dt.datetime, until: dt.datetime) -> SafeString:
    """The time left as words and a bar that drains."""
    whole, rest = (until - since).total_seconds() or 1.0, (until - timezone.now()).total_seconds()
    share = max(0, min(100, round(100 * rest / whole)))
    return format_html(
        '<span class="rp-left{}" data-from="{}" data-until="{}" title="Until {} UTC"><span>{}</span>'
        '<progress class="rp-meter" max="100" value="{}"></progress></span>',
        " rp-amber" if share < 25 else "",
        since.isoformat(),
        until.isoformat(),
        until.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S"),
        duration(rest) if rest > 0 else "time is up",
        share,
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
        '<span class="rp-risk rp-{}" title="Risk {} of 10"><b>{}</b><progress class="rp-meter" max="10" value="{}"></progress></span>',
        tone,
        value,
        value,
        value,
    )


@register.simple_tag
def confidence(value: float | None, short: bool = False) -> SafeString:
    """Detection confidence: high green, medium amber, low red, hollow when unknown; `short` leaves the word to pointing."""
    if value is None:
        words = format_html('<span class="rp-dot rp-hollow"></span> {}', "?" if short else "unknown")
        return format_html('<span class="rp-nowrap" title="{}">{}</span>', "No confidence was sent with the alert", words)
    tone, word = ("green", "high") if value >= 0.7 else ("amber", "medium") if value >= 0.4 else ("red", "low")
    return format_html(
        '<span class="rp-nowrap" title="{} confidence"><span class="rp-dot rp-{}"></span> {} <span class="rp-muted rp-num">{}%</span></span>',
        word.capitalize(), tone, "" if short else word, round(value * 100),
    )  # fmt: skip


@register.filter
def techniques(identifiers: Sequence[str] | None) -> SafeString:
    """ATT&CK and D3FEND ids with their names; the tactics appear on pointing."""
    rows = ((", ".join(attack.tactics(item)), attack.label(item)) for item in identifiers or ())
    return format_html_join(", ", '<span title="{}">{}</span>', rows)


@register.filter
def technique(identifier: str) -> SafeString:
    """One ATT&CK or D3FEND id with its name."""
    return techniques([identifier] if identifier else [])


@register.filter
def since(end: dt.datetime, start: dt.datetime) -> str:
    """The span between two moments."""
    seconds = (end - start).total_seconds()
    return f"{seconds * 1000:.0f} ms" if 0 <= seconds < 1 else duration(seconds)


@register.filter
def sentences(problem: object) -> str:
    """What is wrong with a field: one sentence, or several."""
    return " ".join(map(str, problem)) if isinstance(problem, list | tuple) else str(problem)


@register.filter
def words(key: object) -> str:
    """A status or name as words."""
    return str(key).replace("_", " ")


@register.filter
def stream_words(stream: str) -> str:
    """A stream of the journal by its kind and the end of its id."""
    kind, _, ref = stream.partition(":")
    return f"{kind} {ref[-8:]}".strip()
