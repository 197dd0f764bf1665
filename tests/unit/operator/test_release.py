"""The end of a bot that nobody waits for any more."""

from __future__ import annotations

import pytest

from tradewind.contracts.labels import FINALIZER
from tradewind_operator.apiclient import ApiError
from tradewind_operator.bots import read_bot
from tradewind_operator.children import Children
from tradewind_operator.release import Release

BOT = {
    "apiVersion": "tradewind.dev/v1alpha1",
    "kind": "TradingBot",
    "metadata": {
        "name": "momentum",
        "namespace": "default",
        "uid": "u1",
        "resourceVersion": "7",
        "finalizers": [FINALIZER],
        "deletionTimestamp": "2026-01-01T00:00:00Z",
    },
    "spec": {
        "exchanges": [{"name": "paper"}],
        "pairs": {"include": ["AAA/EUR"]},
        "timeframe": "1m",
        "strategies": [{"name": "reversion", "kind": "RsiMeanReversion"}],
        "capital": {"currency": "EUR", "startingBalance": "1000"},
        "data": {"source": "Synthetic"},
    },
}


class Gone:
    """An API server where the resource has another uid, or is not there, since the watch was last heard of."""

    def __init__(self, uid):
        self._uid = uid

    async def apply(self, *_, **__):
        raise ApiError(
            409, "Conflict", "uid mismatch: the provided object specified uid u1, and no existing object was found"
        )

    async def get(self, *_):
        return self._uid and {"metadata": {"uid": self._uid}}


class Silent:
    async def record(self, *_, **__):
        """Nobody listens."""

    def forget(self, _uid):
        """Nothing was remembered."""


def release(uid):
    return Release(Gone(uid), children=Children(), running=Silent(), events=Silent(), site=None, timeout=30)


@pytest.mark.parametrize("uid", [None, "u2"], ids=["gone", "a successor of its name"])
async def test_a_bot_that_went_meanwhile_is_done_and_no_error(uid):
    assert await release(uid).finish(read_bot(BOT)) is None


async def test_a_conflict_about_a_bot_that_is_there_is_told():
    with pytest.raises(ApiError):
        await release("u1").finish(read_bot(BOT))
