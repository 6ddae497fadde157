"""What an alert says that the system itself looks at: rule, technique, host, user, time."""

import dataclasses
import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from incidents.spec.fields import Document, field, first, values
from incidents.spec.normalise import SEVERITIES

HEADER_PREFIX = "x-detectforge-"
MAX_TECHNIQUES = 100
_MAX_HEADERS = 32
_TECHNIQUE = re.compile(r"(?:attack\.)?(t\d{4}(?:\.\d{3})?)", re.IGNORECASE)
_SOURCE_WORD = re.compile(r"[a-z0-9][a-z0-9_-]{0,15}")

RULE_NAME = ("rule.name", "kibana.alert.rule.name", "signal.rule.name", "x-detectforge.rule_name", "x-detectforge.rule")
RULE_ID = (
    "rule.id",
    "rule.uuid",
    "kibana.alert.rule.uuid",
    "kibana.alert.rule.rule_id",
    "signal.rule.id",
    "x-detectforge.rule_id",
)
SEVERITY = ("event.severity", "kibana.alert.risk_score", "signal.rule.risk_score", "event.risk_score")
LEVEL = ("kibana.alert.severity", "signal.rule.severity", "x-detectforge.level", "log.level")
HOST = ("host.name", "host.hostname", "winlog.computer_name", "host.id", "agent.hostname")
USER = ("user.name", "winlog.event_data.TargetUserName", "winlog.event_data.User", "source.user.name", "user.id")
OCCURRED = ("@timestamp", "kibana.alert.original_time", "event.created", "timestamp")
TECHNIQUES = tuple(
    f"{base}.technique{part}.id"
    for base in ("threat", "kibana.alert.rule.threat", "kibana.alert.rule.parameters.threat", "signal.rule.threat")
    for part in ("", ".subtechnique")
)
TAGS = ("tags", "rule.tags", "kibana.alert.rule.tags", "signal.rule.tags", "x-detectforge.tags", "x-detectforge.techniques")
#: What else an alert speaks of, by kind of entity.
ADDRESSES = ("source.ip", "destination.ip")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """The fields of an alert that the system looks at; empty where it says nothing."""

    rule_name: str
    rule_id: str
    severity: float | None
    confidence: float | None
    techniques: list[str]
    host: str
    user: str
    occurred_at: dt.datetime | None
    detectforge: dict[str, Any]
    addresses: tuple[str, ...]


def extract(document: Document, headers: Mapping[str, str]) -> Extracted:
    """Return what `document` says; the metadata of the headers count where the document has none."""
    metadata = detectforge(document, headers)
    whole = document if "x-detectforge" in document else {**document, "x-detectforge": metadata}
    return Extracted(
        rule_name=_text(whole, RULE_NAME, 300),
        rule_id=_text(whole, RULE_ID, 200),
        severity=_severity(whole),
        confidence=_confidence(metadata.get("confidence")),
        techniques=techniques(whole),
        host=_text(document, HOST, 255),
        user=_text(document, USER, 255),
        occurred_at=next((moment for path in OCCURRED if (moment := when(first(document, path)))), None),
        detectforge=metadata,
        addresses=tuple(dict.fromkeys(str(value)[:255] for path in ADDRESSES for value in values(document, path) if value)),
    )


def detectforge(document: Document, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return DetectForge's metadata: of the document, and of headers such as `X-DetectForge-Rule-Id` where it has none."""
    sent = [(name.lower(), value) for name, value in headers.items() if name.lower().startswith(HEADER_PREFIX)][:_MAX_HEADERS]
    found: dict[str, Any] = {name.removeprefix(HEADER_PREFIX).replace("-", "_")[:64]: _printable(value) for name, value in sent}
    own = field(document, "x-detectforge")
    return {**found, **own} if isinstance(own, Mapping) else found


def techniques(document: Document) -> list[str]:
    """Return the ATT&CK techniques that the alert names, each once, sub-techniques first."""
    named = _ids(value for path in (*TECHNIQUES, *TAGS) for value in values(document, path))
    return sorted(dict.fromkeys(named), key=lambda name: "." not in name)[:MAX_TECHNIQUES]


def trigger_source(declared: str, document: Document, metadata: Mapping[str, Any]) -> str:
    """Return what kind of source the alert is from: as declared, else the rule's format, else its ruleset, else `any`."""
    for word in (declared, metadata.get("rule_format"), first(document, "rule.ruleset")):
        text = str(word or "").strip().lower()
        if text != "any" and _SOURCE_WORD.fullmatch(text):
            return text
    return "any"


def when(value: Any) -> dt.datetime | None:
    """Return the UTC time that an ISO text or a number of seconds or milliseconds names, or None."""
    try:
        if isinstance(value, int | float):
            seconds = value / 1000 if value > 100_000_000_000 else value
            return dt.datetime.fromtimestamp(seconds, dt.UTC) if seconds > 0 else None
        moment = dt.datetime.fromisoformat(str(value))
        # A time without a zone is taken as UTC, which is what sensors write.
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _ids(found: Iterable[Any]) -> Iterable[str]:
    for value in found:
        match = _TECHNIQUE.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 64 else None
        if match:
            yield match.group(1).upper()


def _text(document: Document, paths: tuple[str, ...], longest: int) -> str:
    value = first(document, *paths)
    return "" if value is None else str(value)[:longest]


def _severity(document: Document) -> float | None:
    for path in SEVERITY:
        number = _number(first(document, path))
        if number is not None:
            return number
    return next((SEVERITIES[word] for path in LEVEL if (word := str(first(document, path)).lower()) in SEVERITIES), None)


def _confidence(value: Any) -> float | None:
    """Return a share of 1; what is above 1 is taken as percent."""
    number = _number(value)
    if number is None or not 0 <= number <= 100:
        return None
    return number if number <= 1 else number / 100


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _printable(value: object) -> str:
    return "".join(char for char in str(value)[:1000] if char.isprintable() and not "\ud800" <= char <= "\udfff")
