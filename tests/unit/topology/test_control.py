"""The socket of a supervisor: who asks gets an answer, a refusal, or that nobody is there."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tradewind.domain.errors import NotFoundError, TemporaryError, TradewindError
from tradewind.topology.control import SOCKET, Control, _short, ask


async def parts(*values):
    for value in values:
        yield value


def answers(question):
    match question["do"]:
        case "status":
            return parts({"process": "engine"}, question)
        case "stop":
            raise NotFoundError("no service risk")
        case "restart":
            raise TradewindError("not now")
        case "later":
            raise TemporaryError("nothing is started yet")
        case "hang":
            return hang()
    raise ValueError("what?")


async def hang():
    yield "first"
    await asyncio.Event().wait()


@pytest.fixture(params=["state", "/".join(["a-folder-with-a-long-name"] * 6)])
async def directory(tmp_path, request):
    """A directory whose path a socket can have, and one whose path is too long for that."""
    path = tmp_path / request.param
    path.mkdir(parents=True)
    return path


@pytest.fixture
async def control(directory):
    one = Control(directory, answers)
    await one.start()
    yield one
    await one.close()


def asked(directory, question):
    return asyncio.to_thread(lambda: list(ask(directory, question)))


async def test_an_answer_comes_part_by_part(control, directory):
    """Only to this user."""
    assert [{"process": "engine"}, {"do": "status"}] == await asked(directory, {"do": "status"})
    assert 0o600 == (directory / SOCKET).stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("what", "kind", "words"),
    [
        ("stop", NotFoundError, "no service risk"),
        ("later", TemporaryError, "nothing is started yet"),
        ("restart", TradewindError, "not now"),
        ("x", TradewindError, "not understood: what"),
    ],
)
async def test_a_refusal_is_the_askers_error(control, directory, what, kind, words):
    """With its kind, because the exit code follows from that."""
    with pytest.raises(TradewindError, match=words) as refused:
        await asked(directory, {"do": what})
    assert kind is type(refused.value)


async def test_nobody_there_is_said_so(directory):
    """Before the first start, after an orderly end, and after a kill that left the socket behind."""
    one = Control(directory, answers)
    for _ in range(2):
        with pytest.raises(NotFoundError, match="no `tradewind up` of this bot"):
            await asked(directory, {"do": "status"})
        await one.start()
        await one.close()
        assert not (directory / SOCKET).exists()


async def test_what_a_killed_supervisor_left_is_in_nobodys_way(tmp_path):
    """Its socket answers nobody, and the next supervisor takes its place."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / SOCKET))
    with pytest.raises(NotFoundError):
        await asked(tmp_path, {"do": "status"})
    one = Control(tmp_path, answers)
    await one.start()
    assert await asked(tmp_path, {"do": "status"})
    await one.close()


async def test_an_answer_that_is_cut_off_is_not_taken_for_whole(directory, monkeypatch):
    """The supervisor ends while it answers."""
    monkeypatch.setattr("tradewind.topology.control.LAST_WORDS", 0.01)
    one, got = Control(directory, answers), []
    await one.start()

    def take():
        got.extend(ask(directory, {"do": "hang"}))

    taking = asyncio.create_task(asyncio.to_thread(take))
    while not got:  # noqa: ASYNC110 - a thread takes it
        await asyncio.sleep(0.001)
    await one.close()
    with pytest.raises(TradewindError, match="before it had answered"):
        await taking
    assert ["first"] == got


async def test_a_caller_that_goes_away_does_no_harm(control, directory):
    """Nor one that says nothing sensible."""
    for said in (b"", b"no json\n", b'{"do": "status"}\n'):
        _, writer = await asyncio.open_unix_connection(sock=_connected(directory))
        writer.write(said)
        writer.close()
    assert await asked(directory, {"do": "status"})


def _connected(directory):
    one = socket.socket(socket.AF_UNIX)
    with _short(directory / SOCKET) as path:
        one.connect(path)
    return one
