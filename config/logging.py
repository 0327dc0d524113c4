"""Logging for every process: constant event names with values as keywords, one JSON object a line, nothing secret.

Lines go to stderr, because stdout belongs to data. Libraries that use the standard library's logging (Dramatiq,
granian, Alembic) come out through the same formatter, so they are redacted too.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from config.redaction import redact
from config.settings import Settings

QUIET = {"urllib3": "WARNING", "alembic": "WARNING", "zeep": "WARNING"}
"""Libraries whose own info lines only repeat ours."""


def configure_logging(settings: Settings, role: str, stream: TextIO | None = None) -> None:
    """Send every log line of this process through one redacting formatter.

    Args:
        settings: `log.level` and `log.format` are read.
        role: what this process is (web, worker, relay, cli); stands in every line.
        stream: where lines go; stderr by default.
    """
    stream = stream or sys.stderr
    console = settings.log.format == "console" or (settings.log.format == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _role(role),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                _console(stream) if console else structlog.processors.JSONRenderer(_json),
            ],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.log.level.upper())
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)


def _role(role: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("role", role)
        return event

    return add


def _console(stream: TextIO) -> Processor:
    # The renderer would format exceptions a second time, with the values of local variables.
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=32
    )


def _json(event: EventDict, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
