"""A worker that goes on when its broker was away: a message that cannot be acknowledged is let go of all the same.

Kombu keeps counting it, and once as many stand open as a worker may hold it takes no more, nor looks at its connection
again: it would wait for ever. The message comes back after the visibility time-out, if at all; tasks are safe to run twice.
"""

from typing import Any

import structlog
from kombu.transport import redis, virtual

from runbookpilot import broker

log = structlog.get_logger(__name__)


class QoS(redis.QoS):
    """Redis' bookkeeping of open messages, which forgets one here also when Redis cannot be told."""

    def ack(self, delivery_tag: Any) -> None:
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        except broker.ERRORS as error:
            log.warning("not_acknowledged", error=type(error).__name__)
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]


def install() -> None:
    """Let every channel of this process keep its books so."""
    redis.Channel.QoS = QoS
