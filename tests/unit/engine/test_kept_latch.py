"""An emergency stop that could not be stored goes into the first tick that is, and cancels entries once more."""

from types import SimpleNamespace

import pytest

from tradewind.engine.handlers import EngineHandlers


@pytest.mark.parametrize(("kept", "canceled"), [(True, [(7, "trading-3")]), (False, [])])
async def test_with_the_latch_go_cancellations_of_what_may_be_on_its_way(kept, canceled):
    """Execution could not store the stop either: started again since, it knows nothing of it."""
    told = []
    handlers = SimpleNamespace(
        _trading=SimpleNamespace(store_latch=lambda *_: kept, version=3, decided_time=7),
        _cycle=SimpleNamespace(cancel_entries=lambda time, cause, _: told.append((time, cause))),
        _ran=-1,
        _publish_decided=lambda *_, **__: None,
    )
    await EngineHandlers._run(handlers, 7, [], SimpleNamespace(writes=[], messages=[]))
    assert told == canceled
