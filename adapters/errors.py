"""What can go wrong with the outside world; each error says what to do, and none carries a secret."""

from collections.abc import Mapping
from typing import Any

from core import redaction


class AdapterError(Exception):
    """The adapter failed.

    `permanent`: trying again will not help. `outcome_unknown`: the vendor may have carried it out all the same.
    """

    code = "adapter_error"
    permanent = False
    outcome_unknown = False
    hint = "See the vendor's own log."

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        self.message = redaction.text(message or (self.__doc__ or "").strip().split("\n")[0])
        self.retry_after = retry_after
        super().__init__(self.message)

    def to_dict(self) -> dict[str, object]:
        """The form that steps and calls keep."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "permanent": self.permanent,
            "outcome_unknown": self.outcome_unknown,
        }


class AuthError(AdapterError):
    """The vendor refused the credentials."""

    code = "auth"
    permanent = True
    hint = "Check the instance's secrets and their permissions, then check the connection."


class CallTimeout(AdapterError):
    """The vendor did not answer in time."""

    code = "timeout"
    outcome_unknown = True
    hint = "Look at the vendor whether it happened; raise the step's timeout if it is only slow."


class RateLimited(AdapterError):
    """The vendor asked to slow down."""

    code = "rate_limit"
    hint = "It is tried again after the time that the vendor named."


class Throttled(RateLimited):
    """The instance's own rate limit leaves no room for the call in its time."""

    code = "throttled"
    hint = "It is tried again when there is room; raise the instance's rate where the vendor takes more."


class TargetNotFound(AdapterError):
    """The vendor does not know the target."""

    code = "not_found"
    permanent = True
    hint = "Check the identifier: hosts are often known by id rather than by name."


class InvalidRequest(AdapterError):
    """The vendor refused the parameters."""

    code = "invalid_request"
    permanent = True
    hint = "Check the step's parameters against the action's."


class VendorError(AdapterError):
    """The vendor failed while it handled the call."""

    code = "vendor_error"
    outcome_unknown = True


class WrongAnswer(VendorError):
    """The vendor answered in another shape than the action promises."""

    code = "wrong_answer"
    hint = "Compare the vendor's version with the adapter's; a write may well have been carried out: look before you repeat it."

    def __init__(self, message: str = "", *, write: bool = False) -> None:
        super().__init__(message)
        # The vendor took the write: it is looked at or asked about, and never sent once more for a better answer.
        self.permanent = write


class Unavailable(AdapterError):
    """The vendor cannot be reached."""

    code = "unavailable"
    hint = "Check the address and the network; the circuit breaker tries again by itself."


class Stopped(AdapterError):
    """An emergency stop stands: no write leaves."""

    code = "stopped"
    hint = "Somebody who may release the stop lifts it, with a reason."


class Cancelled(AdapterError):
    """The execution was cancelled before the call had changed anything."""

    code = "cancelled"
    permanent = True
    hint = "Nothing was changed."


class NoOtherTry(AdapterError):
    """A try was not answered, and no other can be made."""

    code = "no_other_try"
    permanent = True
    hint = "Look at the vendor whether the first one happened."


class SimulationViolation(AdapterError):
    """A simulation tried to send a write, and was kept from it."""

    code = "simulation_violation"
    permanent = True
    hint = "The adapter's simulate method is wrong: report it."


class NotPermitted(AdapterError):
    """A write was about to be sent outside of a call that may write."""

    code = "not_permitted"
    permanent = True
    hint = (
        "The adapter declares the action a write, or says of the request that it reads; its threads run in a copy of their"
        " call's context."
    )


def restored(kept: Mapping[str, Any]) -> AdapterError:
    """Return an error again from its form that was kept, which may name a `retry_after` too."""
    error = AdapterError(kept["message"], retry_after=kept.get("retry_after"))
    error.code, error.hint = kept["code"], kept["hint"]
    error.permanent, error.outcome_unknown = kept["permanent"], kept["outcome_unknown"]
    return error


BY_CODE: dict[str, type[AdapterError]] = {
    error.code: error for error in (AuthError, CallTimeout, RateLimited, TargetNotFound, InvalidRequest, VendorError, Unavailable)
}
