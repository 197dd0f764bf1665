"""Log lines: one JSON object a line, or a labelled line for a person at a terminal.

Keys: `timestamp` (RFC 3339, UTC), `level`, `service`, `message` (a short constant phrase), then the facts. Variables
stand in keys, never in the message. Whatever looks like a secret is taken out by the last processor.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

Event = MutableMapping[str, Any]

_SECRET_WORDS = ("secret", "password", "token", "api_key", "apikey", "authorization", "private_key", "passphrase")
REDACTED = "[redacted]"


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """Replace the value of every key that names a secret, at any depth."""
    for key, value in event.items():
        event[key] = _redacted(key, value)
    return event


def _redacted(key: str, value: Any) -> Any:
    if any(word in key.lower().replace("-", "_") for word in _SECRET_WORDS) and value not in (None, ""):
        return REDACTED
    if isinstance(value, dict):
        return {inner: _redacted(str(inner), item) for inner, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted("", item) for item in value]
    return value


def _label(_logger: Any, _method: str, event: Event) -> str:
    """`08:15:00 [engine] position closed pair=BTC/EUR profit=12.3`."""
    moment, level = str(event.pop("timestamp", ""))[11:19], event.pop("level", "info")
    service, message = event.pop("service", "tradewind"), event.pop("message", "")
    trouble = event.pop("exception", None)
    mark = "" if level in ("info", "debug") else f"{level.upper()} "
    facts = " ".join(f"{key}={value}" for key, value in event.items() if key not in ("bot", "trace_id"))
    line = f"{moment} [{service}] {mark}{message}{' ' + facts if facts else ''}"
    return f"{line}\n{trouble}" if trouble else line


class _Unfailing:
    """A stream whose trouble is nobody else's: a full disk, or a reader that has gone, must not fail a trade."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure_logging(level: str = "info", style: str = "auto", stream: TextIO | None = None) -> None:
    """Set up structlog for the process; the standard library's records go the same way.

    `style` is `json`, `text`, or `auto`: text where `stream` (standard error by default) is a terminal.
    """
    stream = stream or sys.stderr
    text = style == "text" or (style == "auto" and stream.isatty())
    number = getattr(logging, level.upper())
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
        redact,
    ]
    renderer: Any = _label if text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Unfailing(stream))),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=[*shared[:-2], _name_service, *shared[-2:]],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries speak up only when something is wrong; uvicorn's access lines would drown ours.
    root.setLevel(max(number, logging.WARNING))


def _name_service(_logger: Any, _method: str, event: Event) -> Event:
    record = event.get("_record")
    event["service"] = record.name.partition(".")[0] if record is not None else "tradewind"
    return event


def logger_for(service: str, bot: str) -> Any:
    """The logger of one service of one bot."""
    return structlog.get_logger().bind(service=service, bot=bot)
