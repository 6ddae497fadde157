"""The tests that every adapter passes, ours and those of other packages.

Derive a test class, and run it with pytest:

    class TestMyFirewall(AdapterContract):
        adapter = MyFirewall
        config = {"url": "https://127.0.0.1:8443/"}
        secrets = {"api_key": "not-a-real-one"}

What makes no call is always tested. Set `answers` where the configuration leads to something that answers, such as a stub
of the vendor, and every action is called too.
"""

import contextlib
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, SecretStr

from adapters import checking, errors, guard
from adapters.contract import Action, Adapter, CallContext

UNKNOWN = "no_adapter_has_this"


class AdapterContract:
    """The shared tests. `params` gives example parameters by action, where those made from the schema make no sense."""

    adapter: ClassVar[type[Adapter]]
    config: Mapping[str, Any] = {}
    secrets: Mapping[str, str] = {}
    params: Mapping[str, Mapping[str, Any]] = {}
    answers: bool = False

    def context(self, key: str = "") -> CallContext:
        """Return what a call comes with; override it where the adapter needs an instance of its own."""
        return CallContext(instance_id=uuid.uuid4(), tenant_id=uuid.uuid4(), idempotency_key=key, timeout=10.0)

    def made(self) -> Adapter:
        """Return the adapter with its configuration."""
        given = {**self.config, **{name: SecretStr(value) for name, value in self.secrets.items()}}
        return self.adapter(self.adapter.Config.model_validate(given), live=False)

    def example(self, action: Action) -> dict[str, Any]:
        """Return parameters that the action takes."""
        return dict(self.params.get(action.name) or examples(action.params))

    def test_the_class_keeps_the_contract(self) -> None:
        found = checking.problems(self.adapter)
        assert not found, found

    def test_its_secrets_do_not_show(self) -> None:
        shown = repr(self.made().config) + str(self.made().config) + self.made().config.model_dump_json()
        for name, value in self.secrets.items():
            assert value not in shown, f"{name} shows in the configuration"

    def test_its_configuration_refuses_what_it_does_not_know(self) -> None:
        with _raises(ValueError):
            self.adapter.Config.model_validate({**self.config, **self.secrets, UNKNOWN: 1})

    def test_each_action_takes_its_parameters(self) -> None:
        for action in self.adapter.actions:
            assert self.made().validate(action.name, self.example(action)) is not None, action.name

    def test_each_action_refuses_unknown_parameters(self) -> None:
        for action in self.adapter.actions:
            with _raises(errors.InvalidRequest):
                self.made().validate(action.name, {**self.example(action), UNKNOWN: 1})

    def test_each_action_refuses_missing_parameters(self) -> None:
        for action in self.adapter.actions:
            for name, field in action.params.model_fields.items():
                if field.is_required():
                    with _raises(errors.InvalidRequest):
                        self.made().validate(action.name, {key: value for key, value in self.example(action).items() if key != name})

    def test_each_prediction_has_the_promised_shape(self) -> None:
        for action in self.adapter.actions:
            if action.effect.is_write:
                action.read(action.predict(self.example(action)))

    def test_each_answer_has_the_promised_shape(self) -> None:
        for action in self._called():
            with guard.permitted() if action.effect.is_write else contextlib.nullcontext():
                found = self.made().execute(action.name, self.example(action), self.context(key=uuid.uuid4().hex))
            action.read(found.output)

    def test_no_simulation_writes(self) -> None:
        for action in self._called():
            with guard.simulation():
                found = self.made().simulate(action.name, self.example(action), self.context())
            assert found.action == action.name, "a simulation is of another action"

    def test_a_keyed_write_that_is_repeated_answers_the_same(self) -> None:
        for action in self._called():
            if action.takes_key:
                key = uuid.uuid4().hex
                with guard.permitted():
                    first, second = (self.made().execute(action.name, self.example(action), self.context(key)) for _ in range(2))
                assert first.output == second.output, action.name

    def test_a_write_has_taken_effect_when_it_looks(self) -> None:
        for action in self._called():
            if action.look:
                params, context = self.example(action), self.context(key=uuid.uuid4().hex)
                with guard.permitted():
                    self.made().execute(action.name, params, context)
                taken = self.adapter.action(action.look).params.model_fields
                seen = self.made().execute(action.look, {name: params[name] for name in taken if name in params}, context)
                assert action.settled(seen.output, params) is True, action.name

    def test_it_says_how_it_is(self) -> None:
        if self.answers:
            found = self.made().health_check(self.context())
            assert found.healthy, found.detail
            assert found.detail, "it says nothing of itself"

    def _called(self) -> tuple[Action, ...]:
        return self.adapter.actions if self.answers else ()


def examples(model: type[BaseModel]) -> dict[str, Any]:
    """Return a value for each required field of a model, made from its JSON Schema."""
    schema = model.model_json_schema()
    defined = schema.get("$defs", {})
    return {name: _example(schema["properties"][name], defined) for name in schema.get("required", ())}


def _example(schema: Mapping[str, Any], defined: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return _example(defined[schema["$ref"].rsplit("/", 1)[-1]], defined)
    if "examples" in schema or "enum" in schema:
        return (schema.get("examples") or schema["enum"])[0]
    if "const" in schema:
        return schema["const"]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _example(schema[several][0], defined)
    made: dict[str, Any] = {"integer": schema.get("minimum", 1), "number": 1.0, "boolean": True, "array": [], "null": None}
    if schema.get("type") == "object":
        return {name: _example(schema["properties"][name], defined) for name in schema.get("required", ())}
    return made.get(str(schema.get("type")), "example")


@contextlib.contextmanager
def _raises(expected: type[Exception]) -> Any:
    """Fail unless the block raises what is expected; the suite needs no test library to be imported."""
    try:
        yield
    except expected:
        return
    raise AssertionError(f"It did not raise {expected.__name__}.")
