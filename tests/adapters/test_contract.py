"""Every adapter that comes with the project passes the shared contract tests; and a class that breaks it is refused."""

import importlib.metadata
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from adapters import checking, connections, registry, testing
from adapters.choices import Effect
from adapters.contract import Action, Adapter, CallContext, ExecutionResult, Health, Parameters, Result
from adapters.models import AdapterInstance
from runbookpilot.cli import doctor
from tests import factories
from tests.adapters.stubs import answers, vendor

CONFIGURED = {"webhook"}


class Contract(testing.AdapterContract):
    """The shared tests, with an instance in the database."""

    answers = True

    @pytest.fixture(autouse=True)
    def _instance(self, db: None) -> None:
        environment = factories.environment(factories.tenant())
        self.instance = AdapterInstance.objects.create(
            tenant_id=environment.tenant_id, environment=environment, adapter=self.adapter.name, name="one"
        )

    def context(self, key: str = "") -> CallContext:
        return CallContext(instance_id=self.instance.pk, tenant_id=self.instance.tenant_id, idempotency_key=key, timeout=10.0)


for name, cls in registry.adapters().items():
    if name not in CONFIGURED:
        word = f"Test{cls.__name__}"
        globals()[word] = type(word, (Contract,), {"adapter": cls, "__module__": __name__, "__doc__": f"`{name}`."})


class TestWebhook(Contract):
    """`webhook`, against a receiver."""

    adapter = registry.adapter("webhook")
    secrets: ClassVar[dict[str, str]] = {"secret": "a-long-secret"}

    @pytest.fixture(autouse=True)
    def _receiver(self) -> Iterator[None]:
        with vendor(answers(202)) as server:
            self.config = {"url": server.url("/hook"), "allow_private": True}
            yield
            connections.close()


def test_no_adapter_is_left_out() -> None:
    tested = {value.adapter.name for value in globals().values() if isinstance(value, type) and issubclass(value, Contract) and value is not Contract}
    assert tested == set(registry.adapters())


class Given(Parameters):
    host: str


class Found(Result):
    ok: bool


READ = {"name": "edr.see", "params": Given, "result": Found, "effect": Effect.READ}
WRITE = {"name": "edr.act", "params": Given, "result": Found, "effect": Effect.REVERSIBLE}


class Good(Adapter):
    """Keeps the contract."""

    name = "good"
    vendor = "Elsewhere"
    actions = (Action(**READ), Action(**WRITE))

    def execute(self, name: str, params: Any, context: CallContext) -> ExecutionResult:
        return ExecutionResult({"ok": True})

    def health_check(self, context: CallContext) -> Health:
        return Health(True, "It answers.")


class Open(BaseModel):
    host: str = ""


class Bare(Parameters):
    api_key: str


BROKEN = [
    ({"name": "No Good"}, "name must be small letters"),
    ({"vendor": ""}, "vendor must be a text"),
    ({"version": None}, "version must be a text"),
    ({"modes": ()}, "modes must be a tuple"),
    ({"Config": dict}, "must be a pydantic model"),
    ({"Config": Open}, "must refuse unknown fields"),
    ({"Config": Bare}, "holds api_key in the open"),
    ({"execute": lambda self: None}, "execute must take 3"),
    ({"health_check": lambda self: None}, "health_check must take 1"),
    ({"actions": ()}, "with one at least"),
    ({"actions": (Action(**READ), Action(**READ))}, "two actions of one name"),
    ({"actions": (Action(**{**READ, "name": "see"}),)}, "`capability.action`"),
    ({"actions": (Action(**{**READ, "effect": "read"}),)}, "effect must be one"),
    ({"actions": (Action(**{**READ, "params": Open}),)}, "derive from adapters.contract.Parameters"),
    ({"actions": (Action(**{**READ, "result": dict}),)}, "derive from adapters.contract.Result"),
    ({"actions": (Action(**READ, target="pid"),)}, "aimed at pid"),
    ({"actions": (Action(**READ, undo="edr.see"),)}, "a read has nothing"),
    ({"actions": (Action(**WRITE, look="edr.gone"),)}, "which the adapter does not have"),
    ({"actions": (Action(**WRITE, look="edr.act", settled=lambda *_: True),)}, "which writes"),
    ({"actions": (Action(**READ), Action(**WRITE, look="edr.see"))}, "does not say by `settled`"),
    ({"actions": (Action(**READ), Action(**WRITE, undo="edr.see"))}, "which is no write"),
]


def test_a_class_that_keeps_the_contract_is_taken() -> None:
    assert registry.checked(Good) is Good


@pytest.mark.parametrize(("change", "reason"), BROKEN, ids=[reason for _, reason in BROKEN])
def test_a_class_that_breaks_the_contract_is_refused_with_the_reason(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(registry.BreaksContract, match=reason):
        registry.checked(type("Broken", (Good,), change))


def test_every_reason_is_named_at_once() -> None:
    assert len(checking.problems(type("Broken", (Good,), {"name": "", "vendor": "", "actions": ()}))) == 3


@pytest.mark.parametrize("odd", [None, 3, dict, Adapter])
def test_what_is_no_adapter_is_refused(odd: Any) -> None:
    with pytest.raises(registry.BreaksContract):
        registry.checked(odd)


class TestOthers:
    """Adapters of other packages."""

    @pytest.fixture(autouse=True)
    def _anew(self) -> Iterator[None]:
        registry.forget()
        yield
        registry.forget()

    def brings(self, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
        point = importlib.metadata.EntryPoint("theirs", path, registry.ENTRY_POINTS)
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [point])

    def test_one_is_found_by_its_entry_point(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.brings(monkeypatch, f"{__name__}:Good")
        assert registry.adapter("good") is not None
        assert "edr.act" in registry.actions()

    def test_one_that_cannot_be_loaded_takes_nothing_with_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.brings(monkeypatch, "no.such.module:Theirs")
        assert registry.adapters()
        assert "ModuleNotFoundError" in registry.refused()["theirs"]

    def test_one_that_breaks_the_contract_is_named_with_the_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.brings(monkeypatch, f"{__name__}:Open")
        assert "no subclass" in registry.refused()["theirs"]

    def test_one_does_not_take_the_place_of_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.brings(monkeypatch, "adapters.edr.mock:MockEdr")
        assert "a name that is taken" in registry.refused()["theirs"]

    def test_doctor_tells_of_one_that_was_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.brings(monkeypatch, f"{__name__}:Open")
        well, what, _ = doctor._refused()
        assert (well, what.startswith("Refused adapters: theirs")) == (False, True)
