"""Instances of adapters, the calls made through them, and what the mock adapters were told."""

from adapters.models.calls import Call
from adapters.models.instances import AdapterInstance, Binding
from adapters.models.mocks import MockCall, MockScript
from adapters.models.reads import SecretRead

__all__ = ["AdapterInstance", "Binding", "Call", "MockCall", "MockScript", "SecretRead"]
