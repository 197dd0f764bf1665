"""What `tradewind up` runs for a bot: which processes, in which order, with which ports, keys and addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind import catalog
from tradewind.contracts.api.document import load_bot
from tradewind.domain.errors import ConfigError, MachineError
from tradewind.kernel.settings import Settings
from tradewind.topology.places import Places
from tradewind.topology.processes import (
    Runtime,
    ServersMissingError,
    is_shared,
    make_keys,
    migration,
    parse_replicas,
    programs,
)

SAMPLES = Path(__file__).parents[3] / "manifests" / "samples"
POSTGRES, REDIS = "postgresql://me:hidden@db/bots", "redis://broker:6379/0"


def a_bot(profile, *overrides):
    return load_bot(SAMPLES / "standard.yaml", [f"spec.profile={profile}", "spec.services=[]", *overrides])


@pytest.fixture
def run(tmp_path):
    """The programs of a bot."""

    def make(bot, *replicas, live=False, **settings):
        given = Settings(state_directory=tmp_path / "state", **settings)
        places = Places(given.state_directory, "default", "standard")
        runtime = Runtime(given, places, places.supervisor / "bot.yaml", make_keys(given, places), live=live)
        return programs(bot, runtime, parse_replicas(replicas))

    return make


@pytest.mark.parametrize("profile", ["Full", "Standard"])
def test_who_is_asked_starts_before_who_asks(run, profile):
    """As far as the groups of a profile let it be: nobody starts before all that its last service asks."""
    started, order = [], catalog.start_order()
    for program in run(a_bot(profile)):
        last = max(program.services, key=order.index)
        asked = set(catalog.service(last).calls) - set(program.services)
        assert asked <= set(started)
        started += program.services
    assert sorted(catalog.by_name()) == sorted(started)


def test_every_process_runs_its_services_from_one_manifest(run, tmp_path):
    """That which the supervisor wrote; a file that somebody edits meanwhile makes no second bot."""
    found = {one.name: one for one in run(a_bot("Standard"))}
    assert {"market-data", "sim-exchange", "execution", "trading", "operations", "door"} == set(found)
    words = found["trading"].command
    assert "engine,portfolio,strategy" == words[words.index("--services") + 1]
    assert "trading" == words[words.index("--name") + 1]
    place = tmp_path / "state" / "default" / "standard"
    assert {str(place / "supervisor" / "bot.yaml")} == {
        one.command[one.command.index("serve") + 1] for one in found.values()
    }
    assert str(place / "logs" / "trading.log") == words[words.index("--supervised") + 1]
    assert (60, 30) == (found["execution"].grace, found["trading"].grace)


def test_only_the_door_has_a_port_that_people_know(run):
    """Processes find each other by the registry, so two bots on one machine need no table of ports."""
    found = {one.name: one.environment for one in run(a_bot("Full"), "gateway=2", ports={"engine": 8101})}
    assert "8000" == found["gateway"]["TRADEWIND_PORTS__GATEWAY"]
    assert "0" == found["gateway-2"]["TRADEWIND_PORTS__GATEWAY"]
    assert "0" == found["market-data"]["TRADEWIND_PORTS__MARKET_DATA"]
    assert "8101" == found["engine"]["TRADEWIND_PORTS__ENGINE"]
    moved = {one.name: one.environment for one in run(a_bot("Full"), ports={"gateway": 8100})}
    assert "8100" == moved["gateway"]["TRADEWIND_PORTS__GATEWAY"]


def test_all_processes_have_the_same_keys(run, tmp_path):
    """Made once, readable by this user alone, and the same at the next start and in every replica of the gateway."""
    first, second = run(a_bot("Full"), "gateway=2"), run(a_bot("Standard"))
    files = {one.environment["TRADEWIND_GATEWAY__API_KEY_FILE"] for one in (*first, *second)}
    folders = {one.environment["TRADEWIND_KEY_DIRECTORY"] for one in (*first, *second)}
    (file,), (folder,) = files, folders
    assert str(tmp_path / "state" / "default" / "standard" / "keys") == folder
    key = Path(file).read_text()
    run(a_bot("Full"))
    assert Path(file).read_text() == key
    assert key.startswith("tw_")
    assert (0o600, 0o700) == (Path(file).stat().st_mode & 0o777, Path(folder).stat().st_mode & 0o777)


def test_keys_that_are_given_stay_those(run, tmp_path):
    """Whoever has a folder of keys, or a key of the gateway, gets no other."""
    folder = tmp_path / "given"
    (one, *_) = run(a_bot("Full"), key_directory=folder, gateway={"api_key": "x" * 40})
    assert str(folder) == one.environment["TRADEWIND_KEY_DIRECTORY"]
    assert "TRADEWIND_GATEWAY__API_KEY_FILE" not in one.environment
    assert [] == list(folder.iterdir())


def test_keys_that_cannot_be_made_are_told(tmp_path):
    """With the folder, and what to do."""
    (tmp_path / "file").touch()
    given = Settings(key_directory=tmp_path / "file" / "keys")
    with pytest.raises(MachineError, match="TRADEWIND_KEY_DIRECTORY"):
        make_keys(given, Places(tmp_path, "default", "standard"))


def test_the_profile_of_one_process_is_serve(run):
    """It has its state where `serve` has it, with the ports and the key of `serve`."""
    (only,) = run(a_bot("Minimal"))
    assert "bot" == only.name
    assert "--services" not in only.command
    assert not {"TRADEWIND_PORTS__ENGINE", "TRADEWIND_KEY_DIRECTORY"} & set(only.environment)


def test_money_is_allowed_only_to_bots_that_have_it(run):
    """`--live` goes to the processes of a bot of mode Live, and to no other."""
    assert not any("--live" in one.command for one in run(a_bot("Full"), live=True))


def test_lines_are_text_unless_somebody_wants_json(run):
    """A terminal is not what the processes see, so they are told."""
    assert {"text"} == {one.environment["TRADEWIND_LOG_STYLE"] for one in run(a_bot("Full"))}
    assert {"json"} == {one.environment["TRADEWIND_LOG_STYLE"] for one in run(a_bot("Full"), log_style="json")}


def test_migrate_needs_no_supervisor():
    """It ends by itself, and what it began is one transaction."""
    assert "migrate" == migration().command[-1]
    assert not migration().watched


# ------------------------------------------------------------------------------------------------------------ replicas


def test_replicas_are_processes_of_their_own(run):
    """Each with a name and so a directory, an address and a log of its own."""
    found = [one for one in run(a_bot("Full"), "strategy=3") if one.replica_of == "strategy"]
    assert ["strategy", "strategy-2", "strategy-3"] == [one.name for one in found]
    assert all(one.known_as("strategy") for one in found)
    assert [False, True, False] == [one.known_as("strategy-2") for one in found]


@pytest.mark.parametrize(
    ("profile", "given", "words"),
    [
        ("Full", "engine=2", ("engine=2", "strategy, gateway", "two would trade one account")),
        ("Full", "risk=2", ("risk", "strategy, gateway", "correct the name")),
        ("Standard", "strategy=2", ("engine, portfolio, strategy", "spec.profile=Full")),
        ("Minimal", "strategy=2", ("none in this profile",)),
        ("Full", "strategy", ("NAME=NUMBER", "--replicas strategy=3")),
        ("Full", "strategy=0", ("from 1 to 20",)),
        ("Full", "strategy=21", ("from 1 to 20",)),
        ("Full", "=2", ("NAME=NUMBER",)),
    ],
)
def test_replicas_that_cannot_be_are_refused(run, profile, given, words):
    """Two of a singleton would trade one account twice; the message says what may have replicas."""
    with pytest.raises(ConfigError) as refused:
        run(a_bot(profile), given)
    assert [] == [word for word in words if word not in str(refused.value)]


# ----------------------------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "TRADEWIND_DATABASE_URL and TRADEWIND_BUS_URL"),
        ({"database_url": POSTGRES}, "TRADEWIND_BUS_URL"),
        ({"database_url": POSTGRES, "bus_url": "memory://"}, "TRADEWIND_BUS_URL"),
        ({"bus_url": REDIS}, "TRADEWIND_DATABASE_URL"),
    ],
)
def test_processes_that_could_share_nothing_are_refused(given, missing):
    """Each would trade on a book of its own."""
    with pytest.raises(ServersMissingError) as refused:
        is_shared(a_bot("Full"), Settings(**given))
    assert missing == refused.value.field
    assert "hidden" not in str(refused.value)


def test_a_file_is_no_database_for_several():
    """The message names what is."""
    with pytest.raises(MachineError, match="SQLite is for one process"):
        is_shared(a_bot("Full"), Settings(database_url="sqlite:///x.sqlite3", bus_url=REDIS))


def test_one_process_needs_no_server_but_both_or_none():
    """Profile Minimal has a database of its own, unless it is given both addresses."""
    assert not is_shared(a_bot("Minimal"), Settings())
    assert is_shared(a_bot("Minimal"), Settings(database_url=POSTGRES, bus_url=REDIS))
    with pytest.raises(ServersMissingError):
        is_shared(a_bot("Minimal"), Settings(database_url=POSTGRES))
    assert is_shared(a_bot("Full"), Settings(database_url=POSTGRES, bus_url=REDIS))
