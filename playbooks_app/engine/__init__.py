"""The engine: pure decisions about executions. No Django, no clock, no network.

`decide(state, event)` says what to do next; whoever runs it does it, and asks again.
"""

from playbooks_app.engine.decide import decide

__all__ = ["decide"]
