"""Log lines as people and machines get them."""

from __future__ import annotations

import io
import json
import logging

import pytest

from tradewind.kernel.telemetry.logging import REDACTED, configure_logging, logger_for


@pytest.fixture
def lines():
    """Configure logging onto a text stream and give a reader of it."""
    stream = io.StringIO()

    def configure(style="json", level="info"):
        configure_logging(level, style, stream)
        return lambda: stream.getvalue().splitlines()

    yield configure
    configure_logging("critical", "text")


def test_a_line_is_one_json_object(lines):
    """`timestamp service level message` and the facts, each line by itself."""
    read = lines()
    logger_for("engine", "default/quickstart").info("position closed", pair="BTC/EUR", profit="12.30")
    (line,) = [json.loads(line) for line in read()]

    assert {"timestamp", "service", "level", "message", "bot", "pair", "profit"} == set(line)
    assert (line["service"], line["level"], line["message"]) == ("engine", "info", "position closed")
    assert line["timestamp"].endswith("Z")


def test_a_person_gets_labels(lines):
    """On a terminal the service stands in brackets before the message."""
    read = lines("text")
    logger_for("engine", "default/quickstart").warning("order rejected", reason="Filter")

    assert read()[0].endswith("[engine] WARNING order rejected reason=Filter")


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize(
    "facts",
    [
        {"api_key": "tw_123"},
        {"headers": {"Authorization": "Bearer tw_123"}},
        {"accounts": [{"password": "tw_123"}]},
        {"X-Service-Token": "tw_123"},
    ],
)
def test_secrets_never_reach_a_line(lines, style, facts):
    """Whatever names a secret is taken out, at any depth."""
    read = lines(style)
    logger_for("gateway", "b").info("request", **facts)

    assert "tw_123" not in read()[0]
    assert REDACTED in read()[0]


def test_the_level_is_kept(lines):
    """Below the level nothing is written."""
    read = lines(level="warning")
    logger_for("engine", "b").info("quiet")

    assert read() == []


def test_records_of_libraries_take_the_same_form(lines):
    """A warning through the standard library is one JSON line with its source as service."""
    read = lines()
    logging.getLogger("uvicorn.error").warning("trouble %s", 1)
    (line,) = [json.loads(line) for line in read()]

    assert (line["service"], line["level"], line["message"]) == ("uvicorn", "warning", "trouble 1")


def test_an_exception_is_told_with_its_trace(lines):
    """A failure is one line that holds the traceback."""
    read = lines()
    try:
        int("boom")
    except ValueError:
        logger_for("engine", "b").exception("service failed")
    (line,) = [json.loads(line) for line in read()]

    assert "ValueError: invalid literal" in line["exception"]


def test_a_log_that_cannot_be_written_fails_nobody():
    """A full disk, or a terminal that has gone: the trade that wanted to tell of itself goes on."""

    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

        def flush(self):
            raise BrokenPipeError

    try:
        configure_logging("info", "json", Full())
        logger_for("engine", "default/quickstart").info("position closed")
    finally:
        configure_logging("critical", "text")
