"""Which adapters there are: those of the table, those of the apps above, and those that other packages bring under an entry
point."""

import dataclasses
import functools
import importlib.metadata
from collections.abc import Mapping
from typing import Any

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

from adapters import checking
from adapters.choices import Effect
from adapters.contract import Action, Adapter
from core.errors import DomainError, NotFound

log = structlog.get_logger(__name__)

ENTRY_POINTS = "runbookpilot.adapters"

BUILT_IN = (
    "adapters.asset.inventory.Inventory",
    "adapters.edr.mock.MockEdr",
    "adapters.firewall.mock.MockFirewall",
    "adapters.geo.mock.MockGeo",
    "adapters.http.mock.MockHttp",
    "adapters.identity.mock.MockIdentity",
    "adapters.intel.mock.MockIntel",
    "adapters.notary.mock.MockNotary",
    "adapters.notify.mock.MockNotify",
    "adapters.notify.webhook.Webhook",
    "adapters.siem.mock.MockSiem",
    "adapters.ticket.mock.MockTicket",
    "adapters.user.mock.MockUser",
)


class NoSuchAdapter(NotFound):
    """There is no such adapter."""

    code = "no_such_adapter"


class BreaksContract(DomainError):
    """The adapter breaks the contract."""

    code = "breaks_contract"


@dataclasses.dataclass(frozen=True, slots=True)
class ActionInfo:
    """An action as playbooks are checked against it. `params_schema` is JSON Schema."""

    name: str
    effect: Effect
    params_schema: Mapping[str, Any]
    notification: bool
    undo: str


def adapter(name: str) -> type[Adapter]:
    """Return the adapter of this name; raises NoSuchAdapter."""
    try:
        return adapters()[name]
    except KeyError:
        raise NoSuchAdapter(f"There is no adapter {name!r}.", hint=f"There are: {', '.join(sorted(adapters()))}.") from None


def adapters() -> Mapping[str, type[Adapter]]:
    """Return every adapter by name, loaded on first use; raises BreaksContract where one of ours breaks the contract."""
    return _loaded()[0]


def refused() -> Mapping[str, str]:
    """Return the entry points of other packages whose adapters were refused, each with the reason."""
    return _loaded()[1]


def forget() -> None:
    """Load all adapters anew when they are needed next, as after a package was installed."""
    for known in (_loaded, own, actions):
        known.cache_clear()


@functools.cache
def _loaded() -> tuple[Mapping[str, type[Adapter]], Mapping[str, str]]:
    found = {cls.name: cls for cls in map(checked, map(import_string, (*BUILT_IN, *import_string(settings.STEP_ACTIONS))))}
    wrong: dict[str, str] = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            cls = checked(point.load())
            if cls.name in found:
                raise BreaksContract(f"{cls.name} is a name that is taken.")
        except Exception as error:
            # Another package's code may raise anything while it is loaded; it must not take the registry with it.
            wrong[point.name] = error.sentence if isinstance(error, BreaksContract) else f"{type(error).__name__}: {error}"[:500]
            log.exception("adapter_refused", adapter=point.name)
        else:
            found[cls.name] = cls
    return found, wrong


@functools.cache
def own() -> Mapping[str, type[Adapter]]:
    """Return, by capability, the classes whose actions belong to apps of ours; they need no configuration."""
    classes: list[type[Adapter]] = [import_string(path) for path in import_string(settings.STEP_ACTIONS)]
    return {capability: cls for cls in classes for capability in cls.capabilities()}


def checked(cls: Any) -> type[Adapter]:
    """Return `cls` where it keeps the contract; raises BreaksContract with every reason why not."""
    wrong = checking.problems(cls)
    if wrong:
        raise BreaksContract(f"{getattr(cls, '__name__', cls)} breaks the contract. {' '.join(wrong)}")
    kept: type[Adapter] = cls
    return kept


@functools.cache
def actions() -> Mapping[str, ActionInfo]:
    """Return every action that some adapter has, by name; the worst effect that any of them declares."""
    found: dict[str, ActionInfo] = {}
    order = list(Effect)
    for cls in adapters().values():
        for action in cls.actions:
            known = found.get(action.name)
            if known is None or order.index(action.effect) > order.index(known.effect):
                found[action.name] = _info(action)
    return found


def _info(action: Action) -> ActionInfo:
    return ActionInfo(action.name, action.effect, action.params.model_json_schema(), action.notification, action.undo)
