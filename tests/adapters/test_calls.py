"""What reaches the outside, and what never does."""

import hashlib
import hmac
from typing import Any

import pytest

from accounts.services import stops
from adapters import calls, client, connections, errors, instances, registry, simulation
from adapters.choices import Mode
from adapters.models import AdapterInstance, Call, MockCall, MockScript
from tests import factories
from tests.factories import NOW, SETUP


def made(adapter: str, **more: Any) -> AdapterInstance:
    environment = factories.environment(factories.tenant())
    return instances.create(environment=environment, adapter=adapter, name="one", actor=SETUP, now=NOW, **more)


def call(instance: AdapterInstance, action: str, params: dict[str, Any], key: str = "k") -> calls.Outcome:
    row = calls.intend(
        instance=instance, environment="production", owner=("test", "1"), step="s", action=action, params=params, key=key, attempt=1, now=NOW
    )  # fmt: skip
    outcome = calls.send(row, timeout=10)
    calls.conclude(row, outcome, now=NOW)
    return outcome


def rehearsed(error: str) -> simulation.Simulation:
    """The dry run of an isolation whose look the vendor answers with `error`."""
    instance = made("mock-edr")
    MockScript.objects.create(instance=instance, action="edr.get_isolation_status", error=error)
    return simulation.simulate(
        instance=instance, action="edr.isolate_host", params={"host": "h1"}, environment_kind="production", confidence=0.9,
        tenant_id=instance.tenant_id,
    )  # fmt: skip


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "fd00::1", "ff02::1",
     "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::127.0.0.1", "fec0::1", "::ffff:127.0.0.1", "2130706433", "0x7f.1"],
)  # fmt: skip
def test_no_name_leads_into_the_private_network(address: str) -> None:
    with pytest.raises((errors.InvalidRequest, errors.Unavailable)):
        connections.addresses(address, 443, allow_private=False)


def test_a_public_address_may_be_reached() -> None:
    assert connections.addresses("93.184.216.34", 443, allow_private=False) == ["93.184.216.34"]


@pytest.mark.parametrize("url", ["ftp://example.org/", "http://user:pw@example.org/", "file:///etc/passwd", "http:///x"])
def test_an_address_that_may_not_be_called_is_refused(url: str) -> None:
    with pytest.raises(errors.InvalidRequest):
        client.request("GET", url)


@pytest.mark.django_db(transaction=True)
class TestCalls:
    def test_a_keyed_write_is_carried_out_once(self) -> None:
        instance = made("mock-notify")
        first = call(instance, "notify.send_slack_message", {"text": "x"})
        second = call(instance, "notify.send_slack_message", {"text": "x"})
        assert first.output == second.output
        assert MockCall.objects.count() == 1

    def test_the_mock_remembers_what_it_isolated(self) -> None:
        instance = made("mock-edr")
        call(instance, "edr.isolate_host", {"host": "h1"})
        outcome = call(instance, "edr.get_isolation_status", {"host": "h1"})
        assert outcome.output == {"host": "h1", "isolated": True}

    def test_wrong_parameters_are_refused_by_name(self) -> None:
        outcome = call(made("mock-edr"), "edr.isolate_host", {"hots": "h1"})
        assert isinstance(outcome.error, errors.InvalidRequest)
        assert "hots" in outcome.error.message

    def test_a_scripted_error_is_answered(self) -> None:
        instance = made("mock-edr")
        MockScript.objects.create(instance=instance, action="edr.get_process_tree", error="rate_limit")
        assert isinstance(call(instance, "edr.get_process_tree", {"host": "h", "pid": 1}).error, errors.RateLimited)

    def test_no_write_leaves_while_a_stop_stands(self) -> None:
        instance = made("mock-edr")
        stops.engage(tenant=instance.tenant, reason="fire", actor=SETUP, now=NOW)
        assert isinstance(call(instance, "edr.isolate_host", {"host": "h1"}).error, errors.Stopped)
        assert MockCall.objects.count() == 0

    def test_reads_go_on_while_a_stop_stands(self) -> None:
        instance = made("mock-edr")
        stops.engage(tenant=instance.tenant, reason="fire", actor=SETUP, now=NOW)
        assert call(instance, "edr.get_isolation_status", {"host": "h1"}).ok

    def test_a_dry_run_shows_before_and_after_and_writes_nothing(self) -> None:
        instance = made("mock-edr")
        found = simulation.simulate(
            instance=instance, action="edr.isolate_host", params={"host": "h1"}, environment_kind="production", confidence=0.9,
            tenant_id=instance.tenant_id,
        )  # fmt: skip
        assert (found.result.before, found.result.output) == ({"host": "h1", "isolated": False}, {"isolated": True})
        assert 1 <= found.impact.risk <= 10
        assert MockCall.objects.count() == 0

    @pytest.mark.parametrize("error", ["timeout", "unavailable", "rate_limit", "vendor_error"])
    def test_a_dry_run_goes_on_without_a_comparison_where_the_vendor_does_not_answer(self, error: str) -> None:
        found = rehearsed(error)
        assert (found.result.before, found.result.after, found.confidence) == (None, {"isolated": True}, None)
        assert (found.result.would_execute, len(found.result.findings)) == (True, 1)

    @pytest.mark.parametrize(("error", "raised"), [("auth", errors.AuthError), ("not_found", errors.TargetNotFound)])
    def test_a_dry_run_that_is_refused_fails(self, error: str, raised: type[errors.AdapterError]) -> None:
        with pytest.raises(raised):
            rehearsed(error)

    def test_an_adapter_that_breaks_still_leaves_a_result(self, monkeypatch: pytest.MonkeyPatch) -> None:
        instance = made("mock-edr")
        monkeypatch.setattr(registry.adapter("mock-edr"), "execute", lambda *_: 1 / 0)
        assert isinstance(call(instance, "edr.isolate_host", {"host": "h1"}).error, errors.VendorError)

    def test_a_mock_cannot_be_called_live_nor_a_webhook_a_mock(self) -> None:
        with pytest.raises(instances.WrongMode):
            made("mock-edr", mode=Mode.LIVE)
        with pytest.raises(instances.WrongMode):
            made("webhook", mode=Mode.MOCK, config={"url": "http://example.org/"}, secrets={"secret": "s"})


@pytest.mark.django_db(transaction=True)
class TestWebhook:
    def hook(self, httpserver: Any) -> AdapterInstance:
        config = {"url": httpserver.url_for("/hook"), "allow_private": True}
        return made("webhook", config=config, secrets={"secret": "a-secret"})

    def test_it_is_signed(self, httpserver: Any) -> None:
        httpserver.expect_request("/hook", method="POST").respond_with_data("", status=202)
        assert call(self.hook(httpserver), "notify.send_webhook", {"event": "test", "data": {"a": 1}}).ok
        request, _ = httpserver.log[0]
        signed = request.headers["X-RunbookPilot-Timestamp"].encode() + b"." + request.data
        expected = hmac.new(b"a-secret", signed, hashlib.sha256).hexdigest()
        assert request.headers["X-RunbookPilot-Signature"] == f"v1={expected}"

    @pytest.mark.parametrize(
        ("status", "error"),
        [(302, errors.InvalidRequest), (401, errors.AuthError), (404, errors.TargetNotFound), (500, errors.VendorError)],
    )
    def test_each_refusal_has_its_error(self, httpserver: Any, status: int, error: type[Exception]) -> None:
        httpserver.expect_request("/hook").respond_with_data("", status=status, headers={"Location": "/elsewhere"})
        assert isinstance(call(self.hook(httpserver), "notify.send_webhook", {"event": "test"}).error, error)

    def test_the_secret_is_in_no_error(self, httpserver: Any) -> None:
        httpserver.expect_request("/hook").respond_with_data("", status=401)
        outcome = call(self.hook(httpserver), "notify.send_webhook", {"event": "test"})
        assert outcome.error is not None
        assert "a-secret" not in str(outcome.error.to_dict())


@pytest.mark.django_db(transaction=True)
class TestAnswers:
    """An answer in another shape than the action promises."""

    def scripted(self, action: str, output: Any) -> AdapterInstance:
        instance = made("mock-edr")
        MockScript.objects.create(instance=instance, action=action, output=output)
        return instance

    def test_it_is_the_vendors_error_and_names_what_is_missing(self) -> None:
        outcome = call(self.scripted("edr.get_isolation_status", {"host": "h"}), "edr.get_isolation_status", {"host": "h"})
        assert isinstance(outcome.error, errors.WrongAnswer)
        assert "isolated: Field required" in outcome.error.message

    def test_a_read_may_be_tried_again(self) -> None:
        outcome = call(self.scripted("edr.get_isolation_status", {}), "edr.get_isolation_status", {"host": "h"})
        assert outcome.error is not None
        assert not outcome.error.permanent

    def test_a_write_is_neither_failed_nor_tried_again(self) -> None:
        outcome = call(self.scripted("edr.isolate_host", {}), "edr.isolate_host", {"host": "h"})
        assert outcome.error is not None
        assert (outcome.error.permanent, outcome.error.outcome_unknown) == (True, True)
        assert Call.objects.get().status == "uncertain"

    @pytest.mark.parametrize("odd", [float("nan"), float("inf"), object(), b"bytes"])
    def test_what_no_json_can_carry_is_refused(self, odd: Any) -> None:
        with pytest.raises(errors.WrongAnswer):
            registry.adapter("mock-http").action("http.get").read({"status": 200, "body": odd})

    def test_more_than_it_promises_is_kept(self) -> None:
        found = registry.adapter("mock-http").action("http.get").read({"status": 200, "more": 1})
        assert found == {"status": 200, "more": 1}
