"""A bot as processes of this machine: what `tradewind up` runs, from the plan of the bot.

A workload is a process; one that may have replicas is as many as are asked for. All of them get the manifest as it was
when the supervisor started, so that one which is started again is no other bot than its neighbours. Ports are any that
are free, because processes find each other by the registry; only the gateway has the one that people know.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tradewind import catalog
from tradewind.contracts.api.v1alpha1 import Mode, Profile, TradingBot
from tradewind.domain.errors import ConfigError, MachineError
from tradewind.kernel.addresses import shared_addresses
from tradewind.kernel.security import new_api_key, write_private
from tradewind.kernel.settings import Settings, variable
from tradewind.plan import Workload, plan
from tradewind.topology.child import Program
from tradewind.topology.places import Places

COMMAND = (sys.executable, "-P", "-m", "tradewind")
"""This very program, whatever lies in the working directory."""
MIGRATION = "migrate"
API_KEY = "api-key"
GRACE = 30.0
GRACE_OF_ORDERS = 60.0
"""Seconds, as pods have them: who has orders on the way gets longer."""
MOST_REPLICAS = 20

SERVERS = """\
A bot in several processes shares a PostgreSQL and a Redis. With Docker:
  docker run -d --name tradewind-postgres -p 127.0.0.1:5432:5432 -e POSTGRES_USER=tradewind -e POSTGRES_PASSWORD=secret postgres:17
  docker run -d --name tradewind-redis -p 127.0.0.1:6379:6379 redis:7
or with the packages of Debian and Ubuntu, as root:
  apt-get install postgresql redis-server
  su postgres -c "psql -c \\"CREATE ROLE tradewind LOGIN PASSWORD 'secret'\\" -c 'CREATE DATABASE tradewind OWNER tradewind'"
then, in the shell that starts the bot:
  export TRADEWIND_DATABASE_URL=postgresql://tradewind:secret@127.0.0.1:5432/tradewind
  export TRADEWIND_BUS_URL=redis://127.0.0.1:6379/0
"""  # noqa: E501 - commands are copied whole
"""How somebody who has neither server gets both; shown where an address is missing."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """How the processes run: `manifest` is what they read, `keys` what `make_keys` returned, `live` as for `serve`."""

    settings: Settings
    places: Places
    manifest: Path
    keys: Mapping[str, str]
    live: bool = False


class ServersMissingError(MachineError):
    """An address is missing; `SERVERS` says how to get both servers."""


def is_shared(bot: TradingBot, settings: Settings) -> bool:
    """Whether the processes share a database and a bus; raises `ServersMissingError` where they would have to.

    Profile Minimal is one process, which may have a database of its own.
    """
    database, broker = shared_addresses(settings)
    given = {variable("database_url"): database, variable("bus_url"): broker}
    missing = [name for name, one in given.items() if one is None]
    if not missing:
        return True
    if bot.spec.profile is Profile.MINIMAL and len(missing) == len(given):
        return False
    raise ServersMissingError(
        " and ".join(missing),
        "nothing",
        f"addresses of servers that run (or files with them, {missing[0]}_FILE)",
        "set them as shown, or run the bot in one process: tradewind serve BOT",
    )


def programs(bot: TradingBot, runtime: Runtime, replicas: Mapping[str, int]) -> tuple[Program, ...]:
    """The processes of `bot`, in the order of their start; raises `ConfigError` for replicas that cannot be."""
    workloads = sorted(plan(bot), key=_place)
    numbers = _numbers(workloads, replicas)
    return tuple(
        _program(bot, runtime, workload, number)
        for workload in workloads
        for number in range(1, numbers[workload.name] + 1)
    )


def migration() -> Program:
    """What brings the database to the newest revision before anybody uses it."""
    return Program(MIGRATION, MIGRATION, (), (*COMMAND, "migrate"), os.environ, watched=False)


def parse_replicas(given: Sequence[str]) -> dict[str, int]:
    """`strategy=3` as a number by name; raises `ConfigError` for what is no such text."""
    found = {}
    for text in given:
        name, _, number = text.partition("=")
        if not name or not number.isdecimal() or not 1 <= int(number) <= MOST_REPLICAS:
            allowed = f"NAME=NUMBER with a number from 1 to {MOST_REPLICAS}"
            raise ConfigError("--replicas", text, allowed, "write it like --replicas strategy=3")
        found[name] = int(number)
    return found


def make_keys(settings: Settings, places: Places) -> dict[str, str]:
    """Variables by which all processes of the bot have the same keys; keys that there are not yet are made."""
    directory = settings.key_directory or places.keys
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        variables = {variable("key_directory"): str(directory.absolute())}
        if settings.gateway.api_key is None and settings.gateway.api_key_file is None:
            key = directory / API_KEY
            if not key.exists():
                write_private(key, new_api_key(), replace=False)
            variables[variable("gateway", "api_key_file")] = str(key.absolute())
    except OSError as error:
        allowed = f"a folder that this user can write ({error.strerror})"
        raise MachineError(
            variable("key_directory"), str(directory), allowed, "make it writable, or leave it out"
        ) from error
    return variables


def _place(workload: Workload) -> int:
    """A workload starts when the last of its services may."""
    order = catalog.start_order()
    return max(order.index(name) for name in workload.services)


def _numbers(workloads: list[Workload], replicas: Mapping[str, int]) -> dict[str, int]:
    numbers = {workload.name: workload.replicas for workload in workloads}
    for name, number in replicas.items():
        found = next((one for one in workloads if name in (one.name, *one.services)), None)
        scalable = ", ".join(one.name for one in workloads if one.scalable) or "none in this profile"
        if found is None:
            raise ConfigError("--replicas", name, f"a process that may have replicas: {scalable}", "correct the name")
        if not found.scalable and number != 1:
            with_it = ", ".join(found.services)
            allowed = f"replicas of {scalable}; of the process with {with_it} one runs, or two would trade one account"
            raise ConfigError("--replicas", f"{name}={number}", allowed, "leave it out, or --set spec.profile=Full")
        numbers[found.name] = number
    return numbers


def _program(bot: TradingBot, runtime: Runtime, workload: Workload, number: int) -> Program:
    name = workload.name if number == 1 else f"{workload.name}-{number}"
    whole = bot.spec.profile is Profile.MINIMAL
    words = [*COMMAND, "serve", str(runtime.manifest), "--supervised", str(runtime.places.log(name))]
    if not whole:
        words += ["--services", ",".join(workload.services), "--name", name]
    if runtime.live and bot.spec.mode is Mode.LIVE:
        words.append("--live")
    return Program(
        name=name,
        replica_of=workload.name,
        services=workload.services,
        command=tuple(words),
        environment={**os.environ, **_environment(runtime, workload, number, whole=whole)},
        grace=GRACE_OF_ORDERS if "execution" in workload.services else GRACE,
    )


def _environment(runtime: Runtime, workload: Workload, number: int, *, whole: bool) -> dict[str, str]:
    style = "json" if runtime.settings.log_style == "json" else "text"
    variables = {variable("state_directory"): str(runtime.places.root.absolute()), variable("log_style"): style}
    if not whole:
        variables |= runtime.keys
        known = {"gateway": catalog.service("gateway").port, **runtime.settings.ports}
        # Of replicas the first has the port that was asked for, as two cannot.
        ports = {name: known.get(name, 0) if number == 1 else 0 for name in workload.services}
        variables |= {variable("ports", name): str(port) for name, port in ports.items()}
    return variables
