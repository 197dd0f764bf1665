"""The engine's routes where they refuse: before the first candle, and against the manifest."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tradewind.domain.errors import PermanentError
from tradewind.engine.api import EngineApi

STATUS = {
    "state": "EmergencyStopped",
    "reason": "x",
    "actor": "manifest",
    "time": -1,
    "openPositions": 0,
    "pendingOrders": {},
    "equity": "1",
    "equityPeak": "1",
    "lastCycle": None,
}


class Control:
    async def status(self):
        return dict(STATUS)


def api(*, emergency_stop=False):
    bot = SimpleNamespace(spec=SimpleNamespace(emergency_stop=emergency_stop))
    return EngineApi(SimpleNamespace(bot=bot), Control(), None)


async def test_before_the_first_candle_there_is_no_time_and_no_cycle():
    """Null, and not a moment in 1969; a cycle on nothing is refused with the reason."""
    assert (await api().status()).time is None
    with pytest.raises(PermanentError, match="no candle has closed yet"):
        await api().cycle()


async def test_a_stop_that_the_manifest_orders_is_not_cleared_by_a_call():
    """Whoever clears it learns where it comes from, instead of seeing nothing happen."""
    with pytest.raises(PermanentError, match=r"spec\.emergencyStop of the manifest is true; fix: set it to false"):
        await api(emergency_stop=True).clear_emergency_stop("alice", "done")
