"""Whether a class keeps the adapter contract: every reason why not, found without making a call."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from adapters.choices import Effect, Mode
from adapters.contract import Action, Adapter, Parameters, Result
from core import redaction

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
ACTION = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
#: The methods that adapters write, with the parameters that each is called with.
METHODS = {"execute": 3, "simulate": 3, "validate": 2, "health_check": 1}


def problems(cls: Any) -> list[str]:
    """Return why `cls` is no adapter, in sentences; nothing where it keeps the contract."""
    if not (isinstance(cls, type) and issubclass(cls, Adapter)):
        return [f"{cls!r} is no subclass of adapters.contract.Adapter."]
    if inspect.isabstract(cls):
        return [f"It lacks {', '.join(sorted(cls.__abstractmethods__))}."]
    return [*_identity(cls), *_config(cls), *_methods(cls), *_actions(cls)]


def _identity(cls: type[Adapter]) -> Iterator[str]:
    name, modes = getattr(cls, "name", None), getattr(cls, "modes", None)
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        yield "Its name must be small letters, digits and dashes, at most 64."
    for attribute, most in (("vendor", 64), ("version", 32)):
        value = getattr(cls, attribute, None)
        if not (isinstance(value, str) and 0 < len(value) <= most):
            yield f"Its {attribute} must be a text of at most {most} characters."
    if not (isinstance(modes, tuple) and modes and all(isinstance(mode, Mode) for mode in modes)):
        yield "Its modes must be a tuple of adapters.choices.Mode."


def _config(cls: type[Adapter]) -> Iterator[str]:
    config = getattr(cls, "Config", None)
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        yield "Its Config must be a pydantic model."
        return
    if config.model_config.get("extra") != "forbid":
        yield "Its Config must refuse unknown fields: derive it from adapters.contract.Parameters."
    for name, field in config.model_fields.items():
        if redaction.is_secret_name(name) and "Secret" not in str(field.annotation) and field.annotation is not bool:
            yield f"Its Config holds {name} in the open: make it a SecretStr."


def _methods(cls: type[Adapter]) -> Iterator[str]:
    for name, count in METHODS.items():
        method = getattr(cls, name)
        try:
            inspect.signature(method).bind(None, *range(count))
        except TypeError:
            yield f"Its {name} must take {count} parameter{'s' if count > 1 else ''}."


def _actions(cls: type[Adapter]) -> Iterator[str]:
    actions = getattr(cls, "actions", None)
    if not (isinstance(actions, tuple) and actions and all(isinstance(action, Action) for action in actions)):
        yield "Its actions must be a tuple of adapters.contract.Action, with one at least."
        return
    by_name = {action.name: action for action in actions}
    if len(by_name) < len(actions):
        yield "It has two actions of one name."
    for action in actions:
        wrong = list(_shape(action)) or list(_relations(action, by_name))
        yield from (f"{action.name}: {reason}" for reason in wrong)


def _shape(action: Action) -> Iterator[str]:
    if not ACTION.fullmatch(action.name):
        yield "the name must be `capability.action` in small letters."
    if not isinstance(action.effect, Effect):
        yield "the effect must be one of adapters.choices.Effect."
    if not (isinstance(action.params, type) and issubclass(action.params, Parameters)):
        yield "the parameters must derive from adapters.contract.Parameters."
    elif action.params.model_config.get("extra") != "forbid":
        yield "the parameters must refuse unknown ones."
    elif action.target and action.target not in action.params.model_fields:
        yield f"it is aimed at {action.target}, which is none of its parameters."
    if not (isinstance(action.result, type) and issubclass(action.result, Result)):
        yield "the result must derive from adapters.contract.Result."


def _relations(action: Action, others: dict[str, Action]) -> Iterator[str]:
    """What is wrong between an action and others, where each has its shape."""
    look, undo = others.get(action.look), others.get(action.undo)
    if not action.effect.is_write and (action.look or action.undo or action.notification):
        yield "a read has nothing to look at, to undo or to notify of."
    if action.look and look is None:
        yield f"it looks through {action.look}, which the adapter does not have."
    if look is not None and isinstance(look.effect, Effect):
        yield from _looking(action, look)
    if action.undo and (undo is None or undo.effect == Effect.READ):
        yield f"it is undone by {action.undo}, which is no write of the adapter."


def _looking(action: Action, look: Action) -> Iterator[str]:
    if look.effect.is_write:
        yield f"it looks through {look.name}, which writes."
    if action.settled is Action.__dataclass_fields__["settled"].default:
        yield "it can look, and does not say by `settled` what it sees."
    needed = {name for name, field in look.params.model_fields.items() if field.is_required()}
    if needed - set(action.params.model_fields):
        yield f"{look.name} needs {', '.join(sorted(needed - set(action.params.model_fields)))}, which it does not take."
