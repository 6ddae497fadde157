"""Other dialects as ECS: Suricata EVE, Elastic alerts, matches of Sigma rules. What was sent stays in the document."""

from collections.abc import Callable, Mapping
from typing import Any

from incidents.spec.fields import field, first, values

Raw = dict[str, Any]

#: What the words of rules mean as Elastic's risk scores.
SEVERITIES = {"informational": 10.0, "info": 10.0, "low": 21.0, "medium": 47.0, "high": 73.0, "critical": 99.0}
#: Suricata counts from 1, the gravest.
_EVE_SEVERITIES = {1: 73.0, 2: 47.0, 3: 21.0}


def normalise(document: Raw) -> Raw:
    """Return `document` as ECS; one that is ECS already comes back as it is."""
    for fits, convert in DIALECTS:
        if fits(document):
            return convert(document)
    return document


def _is_eve(document: Raw) -> bool:
    return document.get("event_type") == "alert" and isinstance(document.get("alert"), Mapping)


def _from_eve(eve: Raw) -> Raw:
    alert = eve["alert"]
    severity = alert.get("severity")
    metadata = alert.get("metadata") if isinstance(alert.get("metadata"), Mapping) else {}
    techniques = [{"id": item} for item in values(metadata, "mitre_technique_id") if isinstance(item, str)]
    ecs: Raw = {
        "@timestamp": eve.get("timestamp"),
        "event": {
            "kind": "alert",
            "module": "suricata",
            "category": ["network", "intrusion_detection"],
            "action": alert.get("action"),
            "severity": _EVE_SEVERITIES.get(severity) if isinstance(severity, int) else None,
        },
        "rule": {
            "id": _text(alert.get("signature_id")),
            "name": alert.get("signature"),
            "category": alert.get("category"),
            "ruleset": "suricata",
        },
        "source": {"ip": eve.get("src_ip"), "port": eve.get("src_port")},
        "destination": {"ip": eve.get("dest_ip"), "port": eve.get("dest_port")},
        "network": {"transport": eve.get("proto"), "protocol": eve.get("app_proto"), "community_id": eve.get("community_id")},
        "observer": {"name": eve.get("host"), "ingress": {"interface": {"name": eve.get("in_iface")}}},
        "threat": {"framework": "MITRE ATT&CK", "technique": techniques} if techniques else None,
        "x-detectforge": eve.get("x-detectforge"),
        "suricata": {"eve": eve},
    }
    return _without_none(ecs)


def _is_hit(document: Raw) -> bool:
    return isinstance(document.get("_source"), dict) and "_id" in document


def _from_hit(hit: Raw) -> Raw:
    outer = {name: value for name, value in hit.items() if name != "_source"}
    return {**normalise_elastic(hit["_source"]), "elastic": outer}


def _is_elastic(document: Raw) -> bool:
    return first(document, "kibana.alert.rule.name", "kibana.alert.uuid", "signal.rule.name", "signal.rule.id") is not None


def normalise_elastic(document: Raw) -> Raw:
    """Return an Elastic alert with `rule`, `threat` and the severity where ECS has them; what is there already stays."""
    found = dict(document)
    rule = {
        "id": first(document, "kibana.alert.rule.uuid", "kibana.alert.rule.rule_id", "signal.rule.id"),
        "name": first(document, "kibana.alert.rule.name", "signal.rule.name"),
        "description": first(document, "kibana.alert.rule.description", "signal.rule.description"),
    }
    if field(document, "rule") is None and any(rule.values()):
        found["rule"] = _without_none(rule)
    threat = field(document, "kibana.alert.rule.threat") or field(document, "signal.rule.threat")
    if field(document, "threat") is None and threat:
        found["threat"] = threat[0] if isinstance(threat, list) and len(threat) == 1 else threat
    return found


def _is_sigma_match(document: Raw) -> bool:
    named = isinstance(document.get("title") or document.get("rule") or document.get("name"), str)
    ranked = isinstance(document.get("level") or document.get("rule_level"), str)
    return named and ranked and not isinstance(document.get("rule"), Mapping) and field(document, "rule.name") is None


def _from_sigma_match(match: Raw) -> Raw:
    event = next((match[name] for name in ("event", "document", "record") if isinstance(match.get(name), Mapping)), None)
    if event is None:
        event = next((item for item in values(match, "matches") if isinstance(item, Mapping)), {})
    level = str(match.get("level") or match.get("rule_level")).lower()
    ecs: Raw = {
        "@timestamp": first(match, "@timestamp", "timestamp") or first(event, "@timestamp", "SystemTime", "UtcTime", "timestamp"),
        "event": {"kind": "alert", "severity": SEVERITIES.get(level)},
        "rule": {
            "id": first(match, "rule_id", "id"),
            "name": next(match[name] for name in ("title", "rule", "name") if isinstance(match.get(name), str)),
            "description": match.get("description"),
            "ruleset": "sigma",
        },
        "host": {"name": first(match, "computer", "host.name", "host") or first(event, "Computer", "host.name", "ComputerName")},
        "user": {"name": first(match, "user.name", "user") or first(event, "User", "TargetUserName", "user.name")},
        "tags": match.get("tags"),
        "x-detectforge": match.get("x-detectforge"),
        "sigma": match,
    }
    return _without_none(ecs)


#: The dialects in the order in which they are tried.
DIALECTS: tuple[tuple[Callable[[Raw], bool], Callable[[Raw], Raw]], ...] = (
    (_is_eve, _from_eve),
    (_is_hit, _from_hit),
    (_is_elastic, normalise_elastic),
    (_is_sigma_match, _from_sigma_match),
)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _without_none(node: Raw) -> Raw:
    """Return `node` without what the sender left out, at the levels that are made here."""
    made = {name: _without_none(item) if type(item) is dict and name not in _AS_SENT else item for name, item in node.items()}
    return {name: item for name, item in made.items() if item is not None and item != {}}


_AS_SENT = frozenset({"eve", "suricata", "sigma", "x-detectforge"})
