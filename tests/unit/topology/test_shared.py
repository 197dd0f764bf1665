"""What a process of several has to be given: addresses of what its services need, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.domain.errors import MachineError
from tradewind.kernel.settings import Settings
from tradewind.topology.shared import shared_by

BOT = load_bot(Path(__file__).parents[3] / "manifests" / "samples" / "quickstart.yaml")
DATABASE, BROKER = "postgresql://me@127.0.0.1:1/bots", "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("services", [("strategy",), ("monitoring",), ("gateway", "monitoring")])
async def test_services_without_tables_share_a_bus_alone(services):
    """Nobody has to give the address of the database to what must not touch it."""
    shared = shared_by(BOT, Settings(bus_url=BROKER), services)
    assert shared is not None
    await shared.close()
    await shared.bus.close()


@pytest.mark.parametrize(
    ("services", "given", "missing"),
    [
        (("strategy", "engine"), {"bus_url": BROKER}, "TRADEWIND_DATABASE_URL_FILE"),
        (("engine",), {"bus_url": BROKER}, "TRADEWIND_DATABASE_URL_FILE"),
        (("strategy",), {"database_url": DATABASE}, "TRADEWIND_BUS_URL_FILE"),
        (("strategy",), {}, "TRADEWIND_DATABASE_URL_FILE"),
        (None, {"bus_url": BROKER}, "TRADEWIND_DATABASE_URL_FILE"),
    ],
)
def test_who_could_not_work_is_refused_by_the_name_of_what_is_missing(services, given, missing):
    """Before anything starts."""
    with pytest.raises(MachineError, match=missing):
        shared_by(BOT, Settings(**given), services)
