"""Other dialects as ECS, and what is read out of a document."""

import datetime as dt
from typing import Any

import pytest

from incidents.spec import extract, identity
from incidents.spec.fields import field
from incidents.spec.normalise import normalise

EVE: dict[str, Any] = {
    "timestamp": "2026-01-02T03:04:05.000001+0000",
    "flow_id": 7,
    "event_type": "alert",
    "src_ip": "192.0.2.1",
    "dest_ip": "198.51.100.2",
    "host": "sensor-1",
    "alert": {"signature_id": 2029740, "signature": "ET MALWARE Beacon", "severity": 1, "metadata": {"mitre_technique_id": ["T1071"]}},
    "http": {"hostname": "x.example"},
}
ELASTIC: dict[str, Any] = {
    "@timestamp": "2026-01-02T03:04:05Z",
    "kibana.alert.uuid": "u-1",
    "kibana.alert.rule.name": "LSASS",
    "kibana.alert.risk_score": 73,
    "kibana.alert.rule.threat": [{"technique": [{"id": "T1003", "subtechnique": [{"id": "T1003.001"}]}]}],
    "host.name": "dc-1",
}
SIGMA: dict[str, Any] = {
    "title": "WMI Process",
    "id": "r-1",
    "level": "high",
    "tags": ["attack.t1047", "attack.execution"],
    "event": {"Computer": "ws-9", "User": "CORP\\ann"},
}


def said(document: dict[str, Any], **headers: str) -> extract.Extracted:
    return extract.extract(normalise(document), headers)


def test_suricata_becomes_ecs_and_stays_whole() -> None:
    ecs = normalise(EVE)
    assert (ecs["source"]["ip"], ecs["destination"]["ip"], ecs["rule"]["name"]) == ("192.0.2.1", "198.51.100.2", "ET MALWARE Beacon")
    assert ecs["suricata"]["eve"] == EVE
    assert said(EVE).techniques == ["T1071"]
    assert said(EVE).severity == 73.0


def test_suricata_is_known_by_flow_signature_and_time() -> None:
    assert identity.external_id(normalise(EVE)) == "eve:7:2029740:2026-01-02T03:04:05.000001+0000"


@pytest.mark.parametrize("document", [ELASTIC, {"_id": "h", "_index": "i", "_source": ELASTIC}])
def test_an_elastic_alert_has_rule_technique_and_id(document: dict[str, Any]) -> None:
    found = said(document)
    assert (found.rule_name, found.host, found.severity, found.techniques) == ("LSASS", "dc-1", 73.0, ["T1003.001", "T1003"])
    assert identity.external_id(normalise(document)) == "u-1"


def test_an_old_elastic_signal_is_read() -> None:
    found = said({"signal": {"rule": {"name": "Old", "id": "s", "tags": ["attack.T1047"]}}})
    assert (found.rule_name, found.rule_id, found.techniques) == ("Old", "s", ["T1047"])


def test_a_sigma_match_becomes_ecs_and_stays_whole() -> None:
    found = said(SIGMA)
    assert (found.rule_name, found.rule_id, found.host, found.user) == ("WMI Process", "r-1", "ws-9", "CORP\\ann")
    assert (found.severity, found.techniques) == (73.0, ["T1047"])
    assert normalise(SIGMA)["sigma"] == SIGMA


@pytest.mark.parametrize(
    "document", [{"a": {"b": {"c": 1}}}, {"a.b.c": 1}, {"a.b": {"c": 1}}, {"a": {"b.c": 1}}, {"a": {"x": 2}, "a.b.c": 1}]
)
def test_a_field_is_found_however_its_keys_are_written(document: dict[str, Any]) -> None:
    assert field(document, "a.b.c") == 1


@pytest.mark.parametrize(
    "threat",
    [
        {"threat": {"technique": {"id": "T1003", "subtechnique": {"id": "T1003.001"}}}},
        {"threat.technique.id": ["T1003"], "threat.technique.subtechnique.id": ["T1003.001"]},
        {"threat": [{"technique": [{"id": "T1003", "subtechnique": [{"id": "T1003.001"}]}]}]},
        {"tags": ["attack.t1003", "attack.t1003.001"]},
    ],
)
def test_sub_techniques_come_first(threat: dict[str, Any]) -> None:
    assert extract.techniques(threat) == ["T1003.001", "T1003"]


def test_metadata_of_headers_counts_where_the_document_has_none() -> None:
    headers = {"X-DetectForge-Confidence": "0.9", "x-detectforge-rule-id": "h"}
    found = extract.extract({"x-detectforge": {"confidence": 0.4}}, headers)
    assert (found.confidence, found.detectforge["rule_id"]) == (0.4, "h")
    assert extract.extract({}, headers).confidence == 0.9


@pytest.mark.parametrize(("value", "share"), [(0.5, 0.5), ("85", 0.85), (-1, None), ("x", None), ([], None), (1e300, None)])
def test_confidence_is_a_share_of_one(value: Any, share: float | None) -> None:
    assert extract.extract({"x-detectforge": {"confidence": value}}, {}).confidence == share


@pytest.mark.parametrize(
    ("declared", "document", "source"),
    [
        ("siem", {"x-detectforge": {"rule_format": "sigma"}}, "siem"),
        ("any", {"x-detectforge": {"rule_format": "sigma"}, "rule": {"ruleset": "x"}}, "sigma"),
        ("", {"rule.ruleset": "Suricata"}, "suricata"),
        ("", {"rule": {"ruleset": "x" * 40}}, "any"),
        ("", {}, "any"),
    ],
)
def test_the_trigger_source_is_declared_or_read(declared: str, document: dict[str, Any], source: str) -> None:
    assert extract.trigger_source(declared, document, extract.detectforge(document, {})) == source


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "x", 1e300, float("nan"), None, -5])
def test_a_time_that_is_none_is_none(value: Any) -> None:
    assert extract.when(value) is None


def test_a_number_of_milliseconds_is_a_time() -> None:
    assert extract.when(1_767_323_045_000) == dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
