"""A bot that runs on this machine, as its commands find it: its places, its processes, and how they are.

It is found by its name alone: one whose manifest has since become wrong, or gone, can be looked at and stopped too.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tradewind.contracts.api.reading import read_document
from tradewind.domain.errors import ConfigError, NotFoundError
from tradewind.kernel.settings import Settings
from tradewind.topology.control import ask
from tradewind.topology.places import Places, Running

_NAME = re.compile(r"(?:([a-z0-9-]{1,63})/)?([a-z0-9-]{1,63})")
ANSWERS_WITHIN = 3.0
"""Seconds for a process to tell how it is."""


def find(bot: str, settings: Settings) -> Places:
    """The places of the bot that the manifest or the name `bot` means; raises `NotFoundError` where it never ran."""
    namespace, name = _name_in(bot)
    places = Places(settings.state_directory, namespace, name)
    if not places.bot.is_dir():
        raise NotFoundError(f"{namespace}/{name} has never run here ({places.bot} is not there)")
    return places


def _name_in(bot: str) -> tuple[str, str]:
    path, named = Path(bot), _NAME.fullmatch(bot)
    if named is not None and not path.is_file():
        return named[1] or "default", named[2]
    metadata = read_document(path).get("metadata")
    found = metadata if isinstance(metadata, Mapping) else {}
    key = f"{found.get('namespace', 'default')}/{found.get('name', '')}"
    named = _NAME.fullmatch(key)
    if named is None:
        raise ConfigError("metadata.name", key, "the name of a bot", "correct it, or give the name instead of a file")
    return named[1], named[2]


def supervised(places: Places) -> list[dict[str, Any]]:
    """The rows of the supervisor, one for each of its processes; empty where none runs."""
    try:
        return list(ask(places.supervisor, {"do": "status"}))
    except NotFoundError:
        return []


def service_rows(places: Places) -> list[dict[str, Any]]:
    """One row for each service of each process of the bot that runs here, whoever started it."""
    rows, running = supervised(places), {one.process: one for one in places.running()}
    told = asyncio.run(_ask_all([address for one in running.values() for address in one.addresses.values()]))
    found: list[dict[str, Any]] = []
    for row in rows:
        found += _rows(row, row["services"], running.pop(row["pid"], None), told)
    for one in running.values():
        row = {"process": one.name, "state": "Running", "pid": one.process, "restarts": 0, "since": one.since}
        found += _rows({**row, "reason": ""}, list(one.addresses) or [one.name], one, told)
    return found


def _rows(
    process: Mapping[str, Any], services: Sequence[str], running: Running | None, told: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    for service in services:
        address = running.addresses.get(service, "") if running is not None else ""
        yield {
            "service": service,
            "process": process["process"],
            **_state(process, told.get(address)),
            "pid": process["pid"],
            "restarts": process["restarts"],
            "since": process["since"],
            "address": address,
        }


def _state(process: Mapping[str, Any], told: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the service itself says, where it can; else what is known of its process."""
    if process["state"] != "Running":
        reasons = {"process": process["reason"] or "it was stopped by name"}
        return {"state": process["state"], "ready": False, "reasons": reasons}
    if told is None:
        return {"state": "Starting", "ready": False, "reasons": {"process": "it does not listen yet"}}
    return {name: told[name] for name in ("state", "ready", "reasons")}


async def _ask_all(addresses: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    import aiohttp  # noqa: PLC0415  (what asks nobody starts sooner)

    timeout = aiohttp.ClientTimeout(total=ANSWERS_WITHIN)

    async def one(session: Any, address: str) -> Mapping[str, Any]:
        try:
            async with session.get(f"{address}/readyz") as answer:
                return dict(await answer.json())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            words = str(error) or "it does not answer in time"
            return {"state": "Unknown", "ready": False, "reasons": {"process": words}}

    async with aiohttp.ClientSession(timeout=timeout) as session:
        answers = await asyncio.gather(*(one(session, address) for address in addresses))
    return dict(zip(addresses, answers, strict=True))
