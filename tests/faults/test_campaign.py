"""The short form of `make faults`: a run of each row that has least in common with the others.

And what makes its answer worth something: a defect that is planted in execution is found. The page tells all of it.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.faults import __main__ as command
from tests.faults.campaign import TRIES, play
from tests.faults.comparison import Findings
from tests.faults.lane import Lane
from tests.faults.life import Outcome
from tests.faults.report import BEGIN, END, PAGE, Campaign, published, table
from tests.faults.rows import ROWS
from tests.faults.warm import PLANTED

SHORT = (
    "kill -9 before send",
    "kill -9 after ack before commit",
    "kill -9 while canceling",
    "Redis emptied",
    "process paused (SIGSTOP) between lease check and send",
)


@pytest.fixture(scope="module")
def lane(redis_of_worker, postgres_of_worker):
    with Lane(redis_of_worker, postgres_of_worker) as made:
        yield made


def happened(lane, name, kept):
    """The first outcome of which the fault happened."""
    tried = []
    for seed in range(TRIES):
        outcome = play(lane, name, seed, kept)
        if outcome.happened:
            return outcome
        tried.append(outcome.notes)
    pytest.fail(f"{name} never happened: {tried}")


@pytest.mark.parametrize("name", SHORT)
def test_no_order_is_lost_or_doubled(lane, name, tmp_path):
    """Real processes, real servers, a venue over HTTP: the books agree, and the bot trades again."""
    outcome = happened(lane, name, tmp_path)
    assert [] == outcome.findings.all
    assert outcome.recovery is not None
    assert outcome.findings.sent >= 3


def test_a_planted_defect_is_found(lane, tmp_path, monkeypatch):
    """A campaign that cannot fail would prove nothing."""
    monkeypatch.setenv(PLANTED, "fills known by their telling")
    monkeypatch.setattr("tests.faults.life.PATIENCE", 6.0)
    outcome = happened(lane, "Redis emptied", tmp_path)
    assert [one for one in outcome.findings.unequal if "fill" in one], outcome
    assert (tmp_path / outcome.logs / "execution-1.log").read_text()


# ------------------------------------------------------------------------------------------------------------ the table


def outcome(row=0, **changes):
    return Outcome(ROWS[row].name, 7, **{"findings": Findings(sent=3), "recovery": 1.25, **changes})


def test_the_table_counts_what_happened_and_nothing_else():
    """A run whose fault did not happen says nothing; a bot that never traded again is not forgotten in the median."""
    lost = Findings(sent=2, lost=["one"], unequal=["that one"])
    told = table([outcome(), outcome(recovery=None, findings=lost), outcome(happened=False), outcome(row=3)])
    assert told.splitlines()[2:] == [
        "| kill -9 before send | 2 | 5 | 1 | 0 | 0 | 1 of 2 | 1.2 | 1.2 (1 never) |",
        "| kill -9 while canceling | 1 | 3 | 0 | 0 | 0 | 1 of 1 | 1.2 | 1.2 |",
        "| all | 3 | 8 | 1 | 0 | 0 | 2 of 3 | 1.2 | 1.2 (1 never) |",
    ]


def test_the_page_is_renewed_between_its_markers_alone():
    """What a person wrote around it stays."""
    played = Campaign(runs=1, seed=5, lanes=2, seconds=90.0)
    page = published(f"before\n{BEGIN}old{END}\nafter\n", [outcome(), outcome(happened=False)], played)
    assert page.startswith(f"before\n{BEGIN}\n\n| fault |")
    assert page.endswith(f"{END}\nafter\n")
    assert "old" not in page
    assert "seeds from 5 on. Played again, because the fault had not happened for certain: 1." in page
    with pytest.raises(ValueError, match="no part between"):
        published("nothing", [], played)
    assert BEGIN in PAGE.read_text()


def test_the_page_says_of_every_row_what_it_does():
    """As the command would write it today."""
    page = PAGE.read_text()
    assert [] == [row.name for row in ROWS if f"| {row.name} | {row.words} |" not in page]


@pytest.mark.parametrize(
    ("of_run", "code"),
    [
        ({}, 0),
        ({"findings": Findings(duplicated=["twice"])}, 1),
        ({"recovery": None}, 1),
        ({"happened": False}, 1),
        ({"happened": False, "findings": Findings(lost=["one"])}, 1),
    ],
)
def test_the_command_ends_with_1_where_anything_does_not_hold(of_run, code, monkeypatch, capsys):
    """And writes nothing into the page unless the campaign was whole."""
    monkeypatch.setattr(command, "campaign", lambda *_: iter([outcome(**of_run)]))
    page = SimpleNamespace()  # whoever touched it would fail
    monkeypatch.setattr(command, "PAGE", page)
    assert code == command.main(["--row", ROWS[0].name, "--runs", "1", "--lanes", "1"])
    assert "| all |" in capsys.readouterr().out


def test_a_whole_campaign_is_published(monkeypatch, tmp_path, capsys):
    """By the command itself, so that no page says what nobody measured."""
    monkeypatch.setattr(
        command, "campaign", lambda names, runs, *_: (outcome(row) for row in range(20) for _ in range(runs))
    )
    monkeypatch.setattr(command.SmallDisk, "is_allowed", lambda: True)
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}{END}")
    assert 0 == command.main(["--page", str(page)])
    assert capsys.readouterr().out.strip() in page.read_text()


def test_a_row_that_could_not_be_played_stands_in_the_table_and_nothing_is_published(monkeypatch, tmp_path, capsys):
    """Without root there is no small disk: the table says so, and a whole one of before stays."""
    monkeypatch.setattr(
        command, "campaign", lambda names, runs, *_: (outcome(row) for row in range(20) for _ in range(runs))
    )
    monkeypatch.setattr(command.SmallDisk, "is_allowed", lambda: False)
    page = tmp_path / "page.md"
    page.write_text("whole")
    assert 0 == command.main(["--page", str(page)])
    said = capsys.readouterr()
    assert "| disk full (not played: only root may mount a small disk) | 0 | - | - | - | - | - | - | - |" in said.out
    assert "not published in page.md: disk full was not played, only root may mount a small disk" in said.err
    assert page.read_text() == "whole"
