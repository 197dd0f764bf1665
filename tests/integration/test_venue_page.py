"""The page "A venue on your machine", done as a reader does it: every block, in order, in one shell, output compared.

The shell gets one block, and the next one when what the page shows has been printed. The port of the page is exchanged
for a free one everywhere; nothing else is changed. A block of JSON is freqtrade's configuration, and is given to ccxt.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import queue
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import ccxt.pro
import pytest
from tests.cluster.processes import own_ports

from tradewind.contracts.api.faults import FaultKind

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "a-venue-on-your-machine.md").read_text()
PORT = "8011"
PATIENCE, SOON = 60.0, 20.0
"""Seconds for a block to end, and for what runs on to print what the page shows."""


@dataclass
class Block:
    """What the reader does, in which language, and what the page shows below it."""

    language: str
    text: str
    shown: str = ""


def blocks_of(page: str) -> list[Block]:
    blocks: list[Block] = []
    for language, text in re.findall(r"^```(.*?)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL):
        if language == "text":
            assert not blocks[-1].shown
            blocks[-1].shown = text
        else:
            blocks.append(Block(language, text))
    return blocks


def lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def agrees(shown: str, printed: str) -> bool:
    """Whether the page shows what was printed; three dots stand for anything within a line."""
    pattern = re.escape(lines(shown)).replace(r"\.\.\.", ".*")
    return re.fullmatch(pattern, lines(printed)) is not None


class Shell:
    """A shell in the clone, to which blocks are typed."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        self.process = subprocess.Popen(
            ["bash", "--norc"],
            cwd=ROOT,
            env={**environment, "TERM": "dumb", "NO_COLOR": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._printed: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._type("trap 'failed=1' ERR")

    def _read(self) -> None:
        for line in self.process.stdout:
            self._printed.put(line)

    def _type(self, text: str) -> None:
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def do(self, code: str, shown: str) -> tuple[str, bool]:
        """What `code` prints, until it is at its end and `shown` is there; whether a command of it failed."""
        self._type(f"failed=0\n{code}\nprintf '\\n%s%s\\n' 'at its end: ' $failed")
        printed, failed, deadline = "", None, time.monotonic() + PATIENCE
        while failed is None or (shown and not agrees(shown, printed)):
            try:
                line = self._printed.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                break
            if line.startswith("at its end: "):
                failed, deadline = line.split()[-1] != "0", time.monotonic() + SOON
            else:
                printed += line
        assert failed is not None, f"not at its end after {PATIENCE:.0f} s:\n{code}\n{printed}"
        return printed, failed

    def leave(self) -> int:
        """Go away; the exit code of the shell, whose children have all ended."""
        self.process.stdin.close()
        code = self.process.wait(timeout=PATIENCE)
        self._reader.join(timeout=PATIENCE)
        assert not self._reader.is_alive(), "something of the page still runs"
        return code

    def end(self) -> None:
        """End whatever is left of a reading that failed: the session is this shell's own."""
        if self._reader.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=PATIENCE)
        self._reader.join(timeout=PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def shell():
    shell = Shell()
    yield shell
    shell.end()


async def check_configuration(text: str, port: str) -> None:
    """With this part of its configuration, freqtrade's ccxt reaches the venue, and nothing else."""
    exchange = json.loads(text)["exchange"]
    client = ccxt.pro.binance({"apiKey": exchange["key"], "secret": exchange["secret"], **exchange["ccxt_config"]})
    asked, fetch = [], client.fetch
    client.fetch = lambda url, *more, **named: (asked.append(url), fetch(url, *more, **named))[1]
    try:
        markets = await client.load_markets()
        assert set(exchange["pair_whitelist"]) <= set(markets)
        assert (await client.fetch_balance())["EUR"]["total"] > 0
        await client.authenticate()
        assert f"ws://127.0.0.1:{port}/ws-api/v3" in client.clients
    finally:
        await client.close()
    assert asked
    assert [] == [url for url in asked if not url.startswith(f"http://127.0.0.1:{port}/")]


async def test_a_reader_gets_what_the_page_shows(shell):
    """Each block ends well, or with the error that is shown, and prints what is shown; at the end nothing is left."""
    (port,) = map(str, own_ports(1))
    blocks = blocks_of(PAGE.replace(PORT, port))
    for block in blocks:
        if block.language == "json":
            await check_configuration(block.text, port)
            continue
        code = block.text if block.language == "sh" else f".venv/bin/python - <<'PYTHON'\n{block.text}PYTHON"
        printed, failed = shell.do(code, block.shown)
        assert block.shown.startswith("error: ") == failed, f"{block.text}\n{printed}"
        assert not block.shown or agrees(block.shown, printed), f"{block.text}\n{printed}"
    assert 0 == shell.leave()
    assert {"sh", "python", "json"} == {block.language for block in blocks}, "a block that nobody runs"


def test_the_recipe_for_freqtrade_is_what_make_freqtrade_runs(monkeypatch):
    """What the page tells of `exchange` is what is known to work, for other pairs."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    script = importlib.import_module("freqtrade_on_sim_exchange")
    ready = {"url": f"http://127.0.0.1:{PORT}", "websocketUrl": f"ws://127.0.0.1:{PORT}"}
    runs = script.configuration({**ready, "apiKey": "my-key", "secret": "my-secret"})["exchange"]
    (shown,) = [json.loads(block.text)["exchange"] for block in blocks_of(PAGE) if block.language == "json"]
    assert {**runs, "pair_whitelist": ["BTC/EUR", "ETH/EUR"]} == shown
    assert re.search(r"`(PairLocks\.unlock_reason\(.*?\))`", PAGE)[1] in script.STRATEGY


def test_the_options_and_faults_of_the_page_are_all_there_are():
    """The tables leave nothing out and promise nothing."""
    command = [ROOT / ".venv" / "bin" / "tradewind", "sim-exchange", "--help"]
    environment = {**os.environ, "COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"}
    helped = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", helped.partition("Options")[2])) - {"--help"}
    assert len(options) > 10
    assert options == {
        option
        for row in re.findall(r"^\| (`--.*?) \|", PAGE, flags=re.MULTILINE)
        for option in re.findall(r"`(--[a-z-]+)`", row)
    }
    assert [str(kind) for kind in sorted(FaultKind)] == sorted(re.findall(r"^\| `([A-Z]\w+)` \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a 1\nb\n", "\na 1 \nb\n", True),
        ("a ... c", "a b c", True),
        ("a ... c", "a b\nc", False),
        ("a", "a\nb", False),
        ("1.5", "1x5", False),
    ],
)
def test_output_that_differs_is_seen(shown, printed, same):
    """The comparison is of whole lines, and dots are dots."""
    assert same == agrees(shown, printed)


def test_a_command_that_fails_or_says_another_thing_is_seen(shell):
    """A failure in the middle of a block counts, and so does one word too many."""
    assert ("a\n\n", False) == shell.do("echo a", "a\n")
    assert shell.do("false\necho a", "a\n")[1]
    assert not agrees("a\n", shell.do("echo a; echo b", "")[0])
