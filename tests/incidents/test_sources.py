"""Programs that sign what they send."""

import datetime as dt

import pytest

from core.errors import DomainError
from incidents.models import AlertSource
from incidents.services import sources
from tests import factories

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def made() -> tuple[AlertSource, str]:
    tenant = factories.tenant()
    environment = factories.environment(tenant)
    return sources.create(tenant=tenant, environment=environment, name="soc-siem", actor=factories.SETUP, now=NOW)


def headers(secret: str, body: bytes, at: dt.datetime = NOW) -> dict[str, str]:
    timestamp = str(int(at.timestamp()))
    return {
        "x-runbookpilot-source": "soc-siem",
        "X-RunbookPilot-Timestamp": timestamp,
        "X-RunbookPilot-Signature": sources.sign(secret=secret, timestamp=timestamp, body=body),
    }


def test_a_signed_body_names_its_source(made: tuple[AlertSource, str]) -> None:
    assert sources.verify_signature(headers=headers(made[1], b"{}"), body=b"{}", now=NOW) == made[0]


def test_the_same_signature_is_refused_the_second_time(made: tuple[AlertSource, str]) -> None:
    sent = headers(made[1], b"{}")
    sources.verify_signature(headers=sent, body=b"{}", now=NOW)
    sources.remember(headers=sent, now=NOW)
    with pytest.raises(sources.SignatureUsed):
        sources.verify_signature(headers=sent, body=b"{}", now=NOW)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_timestamp_out_of_time_is_refused(made: tuple[AlertSource, str], minutes: int) -> None:
    sent = headers(made[1], b"{}", NOW + dt.timedelta(minutes=minutes))
    with pytest.raises(sources.OutOfTime):
        sources.verify_signature(headers=sent, body=b"{}", now=NOW)


def test_another_body_is_refused(made: tuple[AlertSource, str]) -> None:
    with pytest.raises(sources.WrongSignature):
        sources.verify_signature(headers=headers(made[1], b"{}"), body=b"[]", now=NOW)


def test_a_disabled_source_is_refused(made: tuple[AlertSource, str]) -> None:
    AlertSource.objects.update(enabled=False)
    with pytest.raises(sources.WrongSignature):
        sources.verify_signature(headers=headers(made[1], b"{}"), body=b"{}", now=NOW)


@pytest.mark.parametrize("signature", ["", "v1=", "v2=" + "a" * 64, "v1=" + "é" * 64, "v1=" + "\udcff" * 64])
def test_what_is_no_signature_is_refused(made: tuple[AlertSource, str], signature: str) -> None:
    sent = {**headers(made[1], b"{}"), "X-RunbookPilot-Signature": signature}
    with pytest.raises(DomainError):
        sources.verify_signature(headers=sent, body=b"{}", now=NOW)


def test_a_name_is_taken_once(made: tuple[AlertSource, str]) -> None:
    row = made[0]
    with pytest.raises(sources.SourceExists):
        sources.create(tenant=row.tenant, environment=row.environment, name=row.name, actor=factories.SETUP, now=NOW)
