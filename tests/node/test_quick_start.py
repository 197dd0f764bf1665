"""The way of the README onto a cluster, walked: its first command has installed the chart, here are the others."""

from __future__ import annotations

import contextlib

import pytest
from tests.node.bots import Bot
from tests.node.images import CHECKOUT
from tests.node.terminal import quick_start

FOLLOWED = 20.0
"""Seconds for which logs are followed."""

SOON = 120.0


@pytest.mark.usefixtures("node")
def test_helm_test_passes(terminal):
    """A pod of the image asks the operator by the name of its Service; a failure would be one of the command."""
    said = terminal("helm test tradewind --namespace tradewind-system")
    assert "Succeeded" in said, said


def test_the_commands_of_the_readme_end_with_a_bot_that_trades(node, terminal):
    """As they stand there, in order; `kubectl wait` has the limit that a bot is promised to be ready within."""
    installing, *following = quick_start()
    assert installing.startswith("helm install tradewind ")
    assert any("kubectl wait --for=condition=Ready tb/paper --timeout=120s" in command for command in following)
    bot = Bot(node, CHECKOUT / "manifests" / "samples" / "paper.yaml")
    with contextlib.ExitStack() as at_the_end:
        at_the_end.push(bot)
        said = {one: terminal(one, patience=FOLLOWED if one.endswith(" -f") else SOON + 20) for one in following}
        assert "paper" in said["kubectl tradewind status"]
        followed = said["kubectl tradewind logs paper -f"]
        assert all(service in followed for service in ("engine", "execution", "market-data")), followed
        bot.wait_until("trading", lambda: bool(bot.books().trades), SOON)
        assert bot.ask_gateway("/api/v1/decisions?limit=5").content["decisions"]
        assert set(bot.restarts().values()) == {0}
