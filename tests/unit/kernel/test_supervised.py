"""A process whose supervisor is gone ends, whatever it does at that moment."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys, time
from pathlib import Path
from tradewind.kernel.supervised import end_with_supervisor
{before}
end_with_supervisor(Path(sys.argv[1]), grace=0.05)
print("ready", flush=True)
{then}
"""


@pytest.fixture
def supervised(tmp_path):
    """A process that watches over its standard input, and where it logs then."""
    started = []

    def start(before="", then="time.sleep(600)", log=tmp_path / "engine.log"):
        program = PROGRAM.format(before=before, then=then)
        child = subprocess.Popen([sys.executable, "-c", program, log], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(child)
        assert b"ready\n" == child.stdout.readline()
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def test_it_ends_as_after_sigterm_when_the_other_end_is_closed(supervised, tmp_path):
    """The kernel closes it however the supervisor ends; what it still says is kept."""
    child = supervised()
    child.stdin.close()
    assert -signal.SIGTERM == child.wait(30)
    assert "the supervisor has ended; so does this process\n" == (tmp_path / "engine.log").read_text()
    assert b"" == child.stdout.read()


def test_it_is_killed_where_it_does_not_end(supervised):
    """One that hangs, or takes too long, does not trade on either."""
    child = supervised("signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    child.stdin.close()
    assert -signal.SIGKILL == child.wait(30)


def test_it_ends_without_a_log_too(supervised, tmp_path):
    """A folder that is gone is no reason to go on."""
    child = supervised(log=tmp_path / "gone" / "engine.log")
    child.stdin.close()
    assert -signal.SIGTERM == child.wait(30)


def test_it_works_on_while_nothing_happens(supervised):
    """What is written to it by mistake means nothing."""
    child = supervised()
    child.stdin.write(b"hello\n")
    child.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.2)


def test_the_watch_does_not_hold_a_process_that_is_done(supervised):
    """It ends by itself as before, though nobody has closed anything."""
    assert 0 == supervised(then="pass").wait(30)
