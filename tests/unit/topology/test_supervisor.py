"""What becomes of supervised processes: real ones, as small as a shell makes them."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager

import pytest

from tradewind.domain.errors import NotFoundError, TemporaryError, TradewindError
from tradewind.topology.child import Backoff, ProcessState, Program, how
from tradewind.topology.process_logs import ProcessLog
from tradewind.topology.supervisor import Pauses, Supervisor

QUICK = Pauses(first=0.01, longest=0.04, forgets_after=60.0, longest_of_preparation=0.02)
FOR_EVER = "read nothing || exit 9"
"""Until a signal, or until the supervisor is gone: it has the other end of standard input and writes nothing."""
PATIENCE = 20.0


def program(name, script, *, services=(), replica_of=None, grace=PATIENCE):
    return Program(name, replica_of or name, tuple(services), ("/bin/sh", "-c", script), dict(os.environ), grace)


def works(name, note, **more):
    """Notes its begin and its end, and ends on SIGTERM."""
    script = f"trap 'echo -{name} >> {note}; exit 0' TERM; echo +{name} >> {note}; echo {name} is up; {FOR_EVER}"
    return program(name, script, **more)


class Watched:
    """A supervisor with what it and its processes have said."""

    def __init__(self, directory, programs, own_lines, **more):
        self.lines, self._said = [], asyncio.Event()
        logs = directory / "logs"
        self.supervisor = Supervisor(
            programs,
            lambda name: ProcessLog(name, logs / f"{name}.log", self._show),
            OwnLog(own_lines),
            pauses=QUICK,
            **more,
        )

    def _show(self, name, line):
        self.lines.append((name, line))
        self._said.set()

    async def said(self, name, line, times=1):
        """Wait until a process has said a line so many times."""
        while self.lines.count((name, line)) < times:
            self._said.clear()
            await self._said.wait()

    async def is_so(self, holds):
        """Wait until something is so that a change of a process's state may make so."""
        while not holds():  # noqa: ASYNC110 - whatever changes a state does so in this loop
            await asyncio.sleep(0)

    def child(self, name):
        return next(one for one in self.supervisor.children if one.program.name == name)


@pytest.fixture
def own_lines():
    """What supervisors log of their own."""
    return []


class OwnLog:
    """A logger that keeps what it is told."""

    def __init__(self, lines):
        self.info = self.warning = self.error = lambda event, **facts: lines.append({"event": event, **facts})


@pytest.fixture
def watched(tmp_path, own_lines):
    @asynccontextmanager
    async def run(*programs, **more):
        one = Watched(tmp_path, programs, own_lines, **more)
        one.task = asyncio.create_task(one.supervisor.run())
        try:
            async with asyncio.timeout(PATIENCE):
                yield one
        finally:
            one.supervisor.end()
            one.supervisor.end()
            await asyncio.gather(one.task, return_exceptions=True)

    return run


# ------------------------------------------------------------------------------------------------------------- pauses


def test_pauses_double_up_to_a_minute_and_begin_again_after_a_minute_of_work():
    """Who dies at once is tried less and less often; who worked for a while is started again at once."""
    backoff = Backoff()
    assert [1, 2, 4, 8, 16, 32, 60, 60] == [backoff.pause(worked=59.0) for _ in range(8)]
    assert [1, 2] == [backoff.pause(worked=worked) for worked in (60.0, 0.0)]


@pytest.mark.parametrize(
    ("code", "words"), [(1, "ended with exit code 1"), (-9, "was ended by SIGKILL"), (-250, "was ended by signal 250")]
)
def test_an_exit_code_is_said_in_words(code, words):
    """Whoever reads the log need not know that -9 is a SIGKILL."""
    assert words == how(code)


# ------------------------------------------------------------------------------------------------------------ healing


async def test_a_process_that_ends_is_started_again(watched, own_lines):
    """However often; each time is counted, and told with how it ended."""
    async with watched(program("engine", "echo begun; exit 1")) as one:
        await one.said("engine", "begun", 4)
        assert one.child("engine").restarts >= 3
    pauses = [line["again_in"] for line in own_lines if line["event"] == "process ended"]
    assert ["0.01s", "0.02s", "0.04s"] == pauses[:3]
    assert "it ended with exit code 1" in {line.get("reason") for line in own_lines}


async def test_a_killed_process_is_started_again(watched, tmp_path):
    """As the kernel kills one that takes too much memory."""
    async with watched(works("engine", tmp_path / "note")) as one:
        await one.said("engine", "engine is up")
        first = one.child("engine").process
        os.kill(first, signal.SIGKILL)
        await one.said("engine", "engine is up", 2)
        assert first != one.child("engine").process
        assert (1, ProcessState.RUNNING) == (one.child("engine").restarts, one.child("engine").state)


async def test_a_program_that_cannot_be_started_is_tried_again(watched, own_lines):
    """A machine without memory for another process may have some later."""
    missing = Program("engine", "engine", (), ("/nowhere/at/all",), {})
    async with watched(missing) as one:
        await one.is_so(lambda: one.child("engine").restarts >= 2)
    assert {"process not started", "process ended"} <= {line["event"] for line in own_lines}


async def test_an_invalid_manifest_is_not_tried_again(watched, own_lines):
    """It would end the same way each time; what it said is told, and the others go on."""
    script = "echo 'error: spec.pairs: received nothing'; exit 3"
    async with watched(program("engine", script), program("gateway", f"echo up; {FOR_EVER}")) as one:
        await one.said("gateway", "up")
        await one.is_so(lambda: one.child("engine").state is ProcessState.REFUSED)
        assert not one.task.done()
        assert 0 == one.child("engine").restarts
    (line,) = [line for line in own_lines if line["event"] == "process is not tried again"]
    assert "error: spec.pairs: received nothing" == line["reason"]


async def test_where_every_process_is_refused_nothing_is_left_to_do(watched):
    """The exit code is theirs, so that a script learns it."""
    async with watched(program("engine", "exit 3"), program("gateway", "exit 3")) as one:
        assert 3 == await one.task


async def test_a_process_is_not_left_running_without_its_supervision(watched, own_lines):
    """Were there a defect in the supervisor, its process ends, it is told, and the others are ended in order."""
    async with watched(program("engine", f"echo $$; {FOR_EVER}"), program("gateway", f"echo up; {FOR_EVER}")) as one:

        async def fail(stream):
            one.lines.append(("engine", await stream.readline()))
            raise ValueError("a defect")

        one.child("engine").log.read = fail
        await one.said("gateway", "up")
        await one.is_so(lambda: one.child("engine").state is ProcessState.REFUSED)
        assert "ValueError('a defect')" in one.child("engine").reason
        (number,) = [int(line) for name, line in one.lines if name == "engine"]
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
        one.supervisor.end()
        assert 0 == await one.task
    assert "it is not watched any more: ValueError('a defect')" in {line.get("reason") for line in own_lines}


# ------------------------------------------------------------------------------------------------------ order and end


async def test_the_end_comes_in_the_reverse_order_of_the_start_one_after_the_other(watched, tmp_path):
    """Who decides is gone before who carries out; replicas of one another go together."""
    note, slow = tmp_path / "note", "sleep 0.1; "
    programs = [
        works("market-data", note),
        works("strategy", note, replica_of="strategy"),
        works("strategy-2", note, replica_of="strategy"),
        program("engine", f"trap '{slow}echo -engine >> {note}; exit 0' TERM; echo engine is up; {FOR_EVER}"),
    ]
    async with watched(*programs) as one:
        for each in programs:
            await one.said(each.name, f"{each.name} is up")
        assert [one.child(each.name).process for each in programs] == sorted(
            one.child(each.name).process for each in programs
        )
        one.supervisor.end()
        assert 0 == await one.task
    ends = [line for line in note.read_text().split() if line.startswith("-")]
    assert "-engine" == ends[0]
    assert {"-strategy", "-strategy-2"} == set(ends[1:3])
    assert "-market-data" == ends[3]
    assert {ProcessState.STOPPED} == {child.state for child in one.supervisor.children}


async def test_who_does_not_end_is_killed_when_its_grace_is_over(watched, own_lines):
    """A process that hangs does not keep the others from ending."""
    async with watched(program("engine", f"trap '' TERM; echo up; {FOR_EVER}", grace=0.05)) as one:
        await one.said("engine", "up")
        one.supervisor.end()
        assert 0 == await one.task
    assert "process killed" in {line["event"] for line in own_lines}


async def test_a_second_signal_does_not_wait(watched):
    """Somebody presses Ctrl-C twice, and means it."""
    async with watched(program("engine", f"trap '' TERM; echo up; {FOR_EVER}", grace=600)) as one:
        await one.said("engine", "up")
        one.supervisor.end()
        one.supervisor.end()
        assert 0 == await one.task


async def test_the_end_does_not_wait_for_a_pause(watched):
    """What would be tried again in a minute is not tried again at all."""
    async with watched(program("engine", "echo begun; exit 1")) as one:
        one.child("engine")._backoff = Backoff(600, 600)
        await one.said("engine", "begun")
        await one.is_so(lambda: one.child("engine").state is ProcessState.WAITING)
        one.supervisor.end()
        assert 0 == await one.task
    assert 1 == one.lines.count(("engine", "begun"))


async def test_the_last_words_of_a_process_are_kept(watched, tmp_path):
    """Why it ended stands there, even without the end of the line."""
    async with watched(program("engine", "printf 'one\\ntwo'; exit 3")) as one:
        await one.task
    assert [("engine", "one"), ("engine", "two")] == one.lines
    assert "one\ntwo\n" == (tmp_path / "logs" / "engine.log").read_text()


# ----------------------------------------------------------------------------------------------------------- by name


async def test_what_is_stopped_by_name_stays_so_until_it_is_started_by_name(watched, tmp_path):
    """By the name of a service, of a process, or of the workload for all its replicas."""
    note = tmp_path / "note"
    programs = [
        works("strategy", note, services=["strategy"]),
        works("strategy-2", note, services=["strategy"], replica_of="strategy"),
        works("trading", note, services=["engine", "portfolio"]),
    ]
    async with watched(*programs) as one:
        for each in programs:
            await one.said(each.name, f"{each.name} is up")
        untouched = one.child("strategy").process
        stopped = await one.supervisor.stop(["engine", "strategy-2"])
        assert ["strategy-2", "trading"] == [child.program.name for child in stopped]
        assert {ProcessState.STOPPED} == {child.state for child in stopped}
        assert [None, None] == [child.process for child in stopped]
        assert untouched == one.child("strategy").process
        await one.supervisor.restart(["portfolio"])
        await one.said("trading", "trading is up", 2)
        assert ProcessState.STOPPED is one.child("strategy-2").state
        await one.supervisor.restart([])
        for each in programs:
            await one.said(each.name, f"{each.name} is up", 2)
        with pytest.raises(NotFoundError, match="no service or process risk; there are: strategy, strategy-2, trading"):
            await one.supervisor.stop(["engine", "risk"])
        assert untouched != one.child("strategy").process


async def test_a_restart_does_not_outlive_the_end(watched, tmp_path):
    """Nothing is started any more once all is to end."""
    async with watched(works("engine", tmp_path / "note")) as one:
        await one.said("engine", "engine is up")
        restarting = asyncio.create_task(one.supervisor.restart([]))
        await asyncio.sleep(0)
        one.supervisor.end()
        assert 0 == await one.task
        await restarting
    assert 1 == one.lines.count(("engine", "engine is up"))


# -------------------------------------------------------------------------------------------------------- preparation


async def test_nothing_starts_before_the_preparation_is_done(watched, own_lines, tmp_path):
    """A database that is still starting is waited for, and named once."""
    counted = f"""
    echo x >> {tmp_path}/tries
    [ $(wc -l < {tmp_path}/tries) -ge 4 ] && exit 0
    echo 'error: the database does not answer'; exit 6"""
    async with watched(program("engine", f"echo up; {FOR_EVER}"), preparation=program("migrate", counted)) as one:
        await one.said("engine", "up")
    names = [name for name, _ in one.lines]
    assert ["migrate"] * 3 + ["engine"] == names
    waits = [(line["what"], line["reason"]) for line in own_lines if line["event"] == "start waits"]
    assert [("migrate", "the database does not answer")] == waits


async def test_a_preparation_that_fails_ends_it_with_the_reason(watched):
    """A database that was made by a newer version is no matter of patience."""
    failing = program("migrate", "echo 'error: unknown revision'; exit 1")
    async with watched(program("engine", "echo up"), preparation=failing) as one:
        with pytest.raises(TradewindError, match="migrate ended with exit code 1: unknown revision"):
            await one.task
    assert "engine" not in {name for name, _ in one.lines}


async def test_the_end_does_not_wait_for_the_preparation(watched):
    """Ctrl-C while the database is away."""
    hanging = program("migrate", f"echo begun; {FOR_EVER}")
    async with watched(program("engine", "echo up"), preparation=hanging) as one:
        await one.said("migrate", "begun")
        one.supervisor.end()
        assert 0 == await one.task
    assert [("migrate", "begun")] == one.lines


async def test_what_is_not_started_yet_is_not_restarted(watched):
    """Or it would begin on a database that is not up to date."""
    hanging = program("migrate", f"echo begun; {FOR_EVER}")
    async with watched(program("engine", "echo up"), preparation=hanging) as one:
        await one.said("migrate", "begun")
        for change in (one.supervisor.restart, one.supervisor.stop):
            with pytest.raises(TemporaryError, match="nothing is started yet"):
                await change(["engine"])
        assert (ProcessState.WAITING, "it has not been started yet") == (
            one.child("engine").state,
            one.child("engine").reason,
        )


async def test_what_comes_first_is_waited_for_and_may_refuse(watched):
    """Processes of a supervisor that was killed, for one; Ctrl-C ends that wait as well."""

    async def never():
        await asyncio.Event().wait()

    async def refuse():
        raise TradewindError("somebody else is at work")

    for first, ends in ((never, True), (refuse, False)):
        async with watched(program("engine", "echo up"), first=first) as one:
            if ends:
                one.supervisor.end()
                assert 0 == await one.task
            else:
                with pytest.raises(TradewindError, match="somebody else"):
                    await one.task
        assert [] == one.lines
