"""What supervised processes print: kept, bounded, followed; and never in the way of the supervisor."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from tradewind.cli.terminal import Terminal
from tradewind.kernel.telemetry.logging import configure_logging, logger_for
from tradewind.topology.process_logs import LONGEST_LINE, LogStream, ProcessLog, tail


@pytest.fixture
def log(tmp_path):
    one = ProcessLog("engine", tmp_path / "logs" / "engine.log", lambda *_: None, largest=1000)
    yield one
    one.close()


def test_a_log_has_a_largest_size_and_its_end_is_kept(log):
    """A bot that runs for a year does not fill the disk, and the last lines are those that are wanted."""
    for number in range(500):
        log.write(f"line {number} {'x' * 20}")
    files = sorted(log.path.parent.iterdir())
    assert ["engine.log", "engine.log.1"] == [file.name for file in files]
    assert sum(file.stat().st_size for file in files) <= 2000
    wanted = tail(log.path, 30)
    assert [f"line {number}" for number in range(470, 500)] == [" ".join(line.split()[:2]) for line in wanted]
    assert [] == tail(log.path, 0)
    assert [] == tail(log.path.with_name("gateway.log"), 10)


async def test_a_follower_gets_every_line_and_the_end(log):
    """From the moment of asking, from several processes in one queue."""
    queue = asyncio.Queue()
    log.write("before")
    with log.follow(queue):
        log.write("one")
        log.write("two")
        log.close()
    log.write("after")
    assert [("engine", "one"), ("engine", "two"), None] == [queue.get_nowait() for _ in range(3)]
    assert queue.empty()


async def test_a_follower_that_takes_nothing_is_left(log):
    """A terminal that is held with Ctrl-S costs no memory without end."""
    queue = asyncio.Queue(3)
    with log.follow(queue):
        for number in range(10):
            log.write(str(number))
    assert [("engine", "1"), ("engine", "2"), None] == [queue.get_nowait() for _ in range(3)]


async def test_a_line_without_end_is_cut(log):
    """What prints for ever without a newline is kept in pieces."""
    stream = asyncio.StreamReader()
    stream.feed_data(b"a" * (LONGEST_LINE + 10) + b"\xff\nlast")
    stream.feed_eof()
    lines = []
    log._show = lambda _, line: lines.append(line)
    await log.read(stream)
    assert "last" == lines[-1] == log.last
    assert "a" * (LONGEST_LINE + 10) + "\ufffd" == "".join(lines[:-1])


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path, capfd):
    """A full disk must not end what watches over the bot."""
    shown = []
    one = ProcessLog("engine", tmp_path / "logs" / "engine.log", lambda name, line: shown.append((name, line)))
    one.path.mkdir()
    one.write("still here")
    one.close()
    assert [("engine", "still here")] == shown
    assert ("", "") == capfd.readouterr()


def test_the_supervisors_own_lines_are_a_log_like_the_others(log):
    """They are formatted as those of the processes, so they read alike."""
    try:
        configure_logging("info", "text", LogStream(log))
        logger_for("supervisor", "default/bot").info("process started", process="engine")
        logging.getLogger("asyncio").warning("loop is slow")
    finally:
        configure_logging("critical", "text")
    first, second = tail(log.path, 2)
    assert first.endswith("[supervisor] process started process=engine")
    assert second.endswith("[asyncio] WARNING loop is slow")


# ------------------------------------------------------------------------------------------------------------ terminal


class Screen:
    """A stream that shows nothing before it may."""

    def __init__(self, *, terminal=False, held=False):
        self.text, self._terminal = "", terminal
        self.may, self.begun = threading.Event(), threading.Event()
        if not held:
            self.may.set()

    def isatty(self):
        return self._terminal

    def write(self, text):
        self.begun.set()
        self.may.wait(10)
        self.text += text

    def flush(self):
        """Nothing is kept back."""


@pytest.mark.parametrize(
    ("line", "json_lines", "shown"),
    [
        ("08:15:00 [engine] cycle completed", False, "[engine] 08:15:00 cycle completed"),
        ("08:15:00 [portfolio] position closed", False, "[engine] 08:15:00 [portfolio] position closed"),
        ("Traceback (most recent call last):", True, "[engine] Traceback (most recent call last):"),
        ('{"level": "info"}', True, '{"process": "engine", "level": "info"}'),
        ("{}", True, "[engine] {}"),
    ],
)
def test_every_line_says_whose_it_is_once(line, json_lines, shown):
    """The name of the process first; a label that says the same again is left out; JSON stays JSON."""
    screen = Screen()
    terminal = Terminal(screen, json_lines=json_lines)
    terminal.show("engine", line)
    terminal.close()
    assert f"{shown}\n" == screen.text


def test_colours_are_for_terminals(monkeypatch):
    """One for each process; none in a file, and none for who does not want them."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen, file = Screen(terminal=True), Screen()
    for stream in (screen, file):
        terminal = Terminal(stream)
        terminal.show("engine", "a")
        terminal.show("gateway", "b")
        terminal.close()
    assert "\x1b" not in file.text
    engine, gateway = screen.text.splitlines()
    assert engine.partition("[")[2].partition("m")[0] != gateway.partition("[")[2].partition("m")[0]


def test_a_terminal_that_is_held_holds_nobody():
    """Lines that it does not take in time are left out and counted."""
    screen = Screen(held=True)
    terminal = Terminal(screen)
    terminal.show("engine", "first")
    assert screen.begun.wait(10)
    for number in range(10_005):
        terminal.show("engine", str(number))
    screen.may.set()
    while not terminal._queue.empty():
        screen.begun.wait(0.01)
    terminal.show("engine", "last")
    terminal.close(10)
    lines = screen.text.splitlines()
    assert ["[engine] 9999", "(5 lines are left out here; tradewind logs has them)", "[engine] last"] == lines[-3:]
