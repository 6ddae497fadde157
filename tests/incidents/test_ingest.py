"""Alerts as they come in."""

import contextlib
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Tenant
from audit.choices import Kind
from audit.selectors import entries
from core import canonical
from core.errors import DomainError
from entities.models import Link
from incidents.models import Alert
from incidents.services import alerts
from incidents.spec import cleaning, reading
from tests import factories

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def tenant() -> Tenant:
    return factories.tenant()


def send(tenant: Tenant, body: bytes | dict[str, Any] | list[Any], *, now: dt.datetime = NOW, **more: Any) -> alerts.Batch:
    return alerts.ingest(
        tenant=tenant,
        environment=factories.environment(tenant),
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        actor=factories.SETUP,
        now=now,
        **more,
    )


def one(tenant: Tenant, body: bytes | dict[str, Any], **more: Any) -> Alert:
    row: Alert = Alert.objects.get(pk=send(tenant, body, **more).accepted[0].alert.pk)
    return row


@pytest.mark.parametrize(("name", "count"), [("sigma-ecs.ndjson", 60), ("sigma-ecs-dotted.ndjson", 10)])
def test_every_recorded_alert_is_accepted(tenant: Tenant, shared_data: Path, name: str, count: int) -> None:
    batch = send(tenant, (shared_data / "alerts" / name).read_bytes())
    assert [result.duplicate for result in batch.accepted] == [False] * count
    assert batch.refused == []
    assert all(row.rule_name and row.host and row.occurred_at and row.trigger_source == "sigma" for row in Alert.objects.all())


def test_nested_and_dotted_keys_say_the_same(shared_data: Path) -> None:
    said = []
    for name in ("sigma-ecs.ndjson", "sigma-ecs-dotted.ndjson"):
        lines = (shared_data / "alerts" / name).read_bytes().splitlines()[:10]
        batch = send(factories.tenant(), b"\n".join(lines))
        said.append(
            [
                (a.rule_name, a.rule_id, a.severity, a.confidence, a.techniques, a.host, a.user, a.occurred_at, a.external_id)
                for a in (result.alert for result in batch.accepted)
            ]
        )
    assert said[0] == said[1]


def test_it_keeps_the_bytes_of_the_line_and_their_hash(tenant: Tenant) -> None:
    line = b'{"event": {"id": "1"},   "a": 1.50}'
    batch = send(tenant, line + b"\n\n\r\n" + b'{"event":{"id":"2"}}\r\n')
    row = Alert.objects.get(external_id="1")
    assert len(batch.accepted) == 2
    assert (bytes(row.original), row.sha256) == (line, canonical.sha256(line))


def test_an_array_keeps_each_element_and_the_hash_of_the_whole(tenant: Tenant) -> None:
    body = b'[ {"b": 1, "a": 2} ]'
    row = one(tenant, body)
    assert bytes(row.original) == b'{"a":2,"b":1}'
    assert row.batch_sha256 == canonical.sha256(body)


def test_a_document_printed_over_lines_is_one_alert(tenant: Tenant) -> None:
    batch = send(tenant, json.dumps({"a": {"b": [{"c": 1}]}}, indent=2).encode())
    assert batch.single
    assert len(batch.accepted) == 1


def test_the_same_alert_twice_is_one(tenant: Tenant) -> None:
    first, second = (send(tenant, {"event": {"id": "x"}, "n": n}).results[0] for n in (1, 2))
    assert isinstance(second, alerts.Accepted)
    assert second.duplicate
    assert second.alert.pk == first.alert.pk  # type: ignore[union-attr]
    assert second.alert.duplicates == 1
    kinds = [entry.kind for entry in entries.of_stream(f"alert:{second.alert.pk}")]
    assert kinds == [Kind.ALERT_RECEIVED, Kind.ALERT_REPEATED]


def test_another_tenant_has_its_own_alert(tenant: Tenant) -> None:
    send(tenant, {"event": {"id": "x"}})
    assert not send(factories.tenant(), {"event": {"id": "x"}}).accepted[0].duplicate


@pytest.mark.parametrize(("minutes", "duplicate"), [(0, True), (20, True), (59, True), (61, False), (180, False)])
def test_without_an_id_the_same_content_within_an_hour_is_one(tenant: Tenant, minutes: int, duplicate: bool) -> None:
    start = NOW.replace(minute=50)
    send(tenant, {"@timestamp": "2026-01-01T00:00:00Z", "event": {"created": 1}, "a": 1}, now=start)
    again = {"@timestamp": "2026-01-01T00:00:09Z", "event": {"created": 2}, "a": 1}
    assert send(tenant, again, now=start + dt.timedelta(minutes=minutes)).accepted[0].duplicate is duplicate


def test_an_alert_is_one_whose_second_copy_is_looked_at_before_the_first_is_stored(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    edge, document, insert = NOW.replace(minute=0, second=0), {"a": 1}, alerts._insert

    def first_of_all(*given: Any) -> None:
        monkeypatch.setattr(alerts, "_insert", insert)
        send(tenant, document, now=edge - dt.timedelta(seconds=30))
        insert(*given)

    monkeypatch.setattr(alerts, "_insert", first_of_all)
    assert send(tenant, document, now=edge + dt.timedelta(seconds=30)).accepted[0].duplicate
    assert Alert.objects.get().duplicates == 1


@pytest.mark.parametrize("at", [0, 30])
def test_an_alert_that_comes_again_to_a_server_whose_clock_is_behind_is_one(tenant: Tenant, at: int) -> None:
    edge = NOW.replace(minute=at, second=0)
    send(tenant, {"a": 1}, now=edge + dt.timedelta(seconds=2))
    assert send(tenant, {"a": 1}, now=edge - dt.timedelta(seconds=2)).accepted[0].duplicate


def test_of_the_same_content_every_half_hour_one_an_hour_is_an_alert_of_its_own(tenant: Tenant) -> None:
    start = NOW.replace(minute=20)
    sent = [send(tenant, {"a": 1}, now=start + n * dt.timedelta(minutes=30)).accepted[0] for n in range(6)]
    assert [accepted.duplicate for accepted in sent] == [False, True] * 3


def test_the_journal_keeps_digests_and_no_content(tenant: Tenant) -> None:
    row = one(tenant, {"event": {"id": "s"}, "user": {"name": "secret-person"}})
    (entry,) = entries.of_stream(f"alert:{row.pk}")
    assert entry.data["sha256"] == row.sha256
    assert "secret-person" not in repr(entry)


def test_it_joins_the_alert_to_what_it_speaks_of(tenant: Tenant) -> None:
    one(tenant, {"host": {"name": "WEB-1"}, "user.name": "ann", "source": {"ip": "192.0.2.1"}})
    assert set(Link.objects.values_list("target__kind", "target__key")) == {
        ("host", "web-1"),
        ("user", "ann"),
        ("address", "192.0.2.1"),
    }


CLEANED: list[tuple[bytes, Any, str]] = [
    (b'{"a": "x\\u0000y"}', "x\ufffdy", "NUL"),
    (b'{"a": "x\xffy"}', "x\ufffdy", "no text"),
    (b'{"a": "\\ud800"}', "\ufffd", "no text"),
    (b'{"a": 1e400}', "1e400", "kept as text"),
    (b'{"a": NaN}', "NaN", "kept as text"),
    (b'{"a": ' + b"9" * 400 + b"}", "9" * 400, "kept as text"),
    (b'{"a": ' + b"9" * 9000 + b"}", "9" * 9000, "kept as text"),
    (b'{"a": 1, "a": 2}', 2, "twice"),
]


@pytest.mark.parametrize(("body", "kept", "why"), CLEANED, ids=[repr(case[0][:24]) for case in CLEANED])
def test_what_cannot_be_stored_is_cleaned_with_a_note(tenant: Tenant, body: bytes, kept: Any, why: str) -> None:
    row = one(tenant, body)
    assert row.document["a"] == kept
    assert row.notes[0]["path"] == "a"
    assert why in row.notes[0]["what"]
    assert bytes(row.original) == body


REFUSED: list[tuple[bytes, type[DomainError]]] = [
    (b"", reading.EmptyBody),
    (b" \n ", reading.EmptyBody),
    (b"[]", reading.EmptyBody),
    (b'{"a": ', cleaning.NotJson),
    (b"\x00\xff", cleaning.NotJson),
    (b"5", cleaning.NotAnObject),
    (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, cleaning.TooDeep),
    (b'{"a":' * 65 + b"1" + b"}" * 65, cleaning.TooDeep),
    (json.dumps({"a": "x" * 2_000_000}).encode(), reading.AlertTooLarge),
    (json.dumps({f"{n:x}": 1 for n in range(100_000)}).encode()[: 1 << 22], DomainError),
]


@pytest.mark.parametrize(("body", "error"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_alert_is_refused_with_a_reason(tenant: Tenant, body: bytes, error: type[DomainError]) -> None:
    with pytest.raises(error) as refused:
        send(tenant, body)
    assert refused.value.detail
    assert not Alert.objects.exists()


def test_too_many_values_are_refused() -> None:
    with pytest.raises(cleaning.TooManyKeys):
        cleaning.clean({str(n): n for n in range(100_000)})


@pytest.mark.parametrize("text", ["{{ 7*7 }}", "{% debug %}", "${jndi:ldap://x}", "=cmd()", "a\r\nX-Evil: 1", "<script>"])
def test_hostile_text_is_stored_as_it_came(tenant: Tenant, text: str) -> None:
    row = one(tenant, {"rule": {"name": text}, "host": {"name": text}})
    assert row.document["rule"]["name"] == row.rule_name == row.host == text


@pytest.mark.parametrize("bad", ["5", "{bad}", '{"a":' * 3000 + "1" + "}" * 3000, "null", '"x"', '{"a": tru}'])
def test_one_bad_element_of_an_array_loses_no_other(tenant: Tenant, bad: str) -> None:
    batch = send(tenant, f'[{{"event":{{"id":"1"}}}}, {bad}, {{"event":{{"id":"2"}}}}]'.encode())
    assert [result.index for result in batch.refused] == [1]
    assert [result.alert.external_id for result in batch.accepted] == ["1", "2"]


def test_one_large_alert_of_a_batch_loses_no_other(tenant: Tenant) -> None:
    lines = [json.dumps({"event": {"id": n}, "x": "y" * size}) for n, size in ((1, 1), (2, 2_000_000), (3, 1))]
    batch = send(tenant, "\n".join(lines).encode())
    assert [result.alert.external_id for result in batch.accepted] == ["1", "3"]
    assert isinstance(batch.refused[0].error, reading.AlertTooLarge)


def test_a_batch_has_limits(tenant: Tenant) -> None:
    with pytest.raises(reading.BatchTooLarge):
        send(tenant, b"{}\n" * (reading.MAX_ITEMS + 1))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=80))
def test_arbitrary_bytes_are_stored_or_refused(tenant: Tenant, junk: bytes) -> None:
    with contextlib.suppress(DomainError):
        assert send(tenant, junk).results


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.lists(st.binary(max_size=60), max_size=4), place=st.integers(0, 4))
def test_arbitrary_lines_lose_no_good_alert(tenant: Tenant, junk: list[bytes], place: int) -> None:
    lines = [line.replace(b"\n", b"").replace(b"[", b"(") for line in junk]
    lines.insert(place, b'{"event":{"id":"good"}}')
    batch = send(tenant, b"\n".join(lines), content_type="application/x-ndjson")
    assert "good" in [result.alert.external_id for result in batch.accepted]


@settings(max_examples=100, deadline=None)
@given(
    document=st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        ),
        max_size=5,
    )
)
def test_any_document_becomes_canonical_json(document: dict[str, Any]) -> None:
    cleaned, _ = cleaning.clean(cleaning.parse(json.dumps(document)))
    assert canonical.dumps(cleaned)
