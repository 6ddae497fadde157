"""structlog: one JSON line an event, with trace, tenant and actor, and without secrets."""

from typing import Any

import structlog

from core import redaction
from runbookpilot.settings.base import OPERATOR


def _redacted(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return redaction.redact(event)  # type: ignore[return-value]


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
    _redacted,
]
_RENDERER: structlog.typing.Processor = (
    structlog.processors.JSONRenderer() if OPERATOR.log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
)

structlog.configure(
    # First, so that a line below the level costs nothing more.
    processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

_handlers: dict[str, Any] = {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}}
if OPERATOR.log_file:
    _handlers["file"] = {"class": "logging.handlers.WatchedFileHandler", "filename": OPERATOR.log_file, "formatter": "line"}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _SHARED,
            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _RENDERER],
        }
    },
    "handlers": _handlers,
    "root": {"handlers": list(_handlers), "level": OPERATOR.log_level},
    "loggers": {
        "django.server": {"level": "WARNING"},
        "django-q": {"level": "WARNING"},
        "uvicorn.access": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
    },
}
