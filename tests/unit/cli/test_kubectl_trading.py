"""`kubectl tradewind pause`, `stop`, `start` and `decisions`, on an API server that is played.

On a real one, with real pods behind it, they are run by `tests/node`.
"""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace

import pytest

from tradewind.cli.kubectl import trading
from tradewind.cli.kubectl.cluster import Cluster
from tradewind.cli.options import Output
from tradewind.domain.errors import PermanentError

GATEWAY = "/api/v1/namespaces/bots/services/momentum-gateway:8000/proxy"
DECISION = {"time": "2022-01-03T02:00:00Z", "pair": "BTC/EUR", "action": "Enter", "verdict": "NO-GO", "reason": "risk"}


class Client:
    """In the place of the official client: answers by path, and keeps what it was asked."""

    def __init__(self, answers, **spec):
        keys = {"data": {"api-key": base64.b64encode(b"a-key").decode()}}
        self.asked = []
        self._answers = {
            "/apis/tradewind.dev/v1alpha1/namespaces/bots/tradingbots/momentum": (200, {"spec": spec}),
            "/api/v1/namespaces/bots/secrets/momentum-keys": (200, keys),
            **answers,
        }

    def param_serialize(self, method, path, **request):
        return (SimpleNamespace(method=method, path=path, **request),)

    def call_api(self, request, **_):
        self.asked.append(request)
        status, content = self._answers[request.path]
        response = SimpleNamespace(status=status, data=json.dumps(content).encode(), close=lambda: None)
        return SimpleNamespace(response=response)


@pytest.fixture
def cluster(monkeypatch):
    """Makes the cluster that the commands reach."""

    def make(answers, **spec):
        client = Client(answers, **spec)
        monkeypatch.setattr("tradewind.cli.kubectl.cluster.connect", lambda *_: Cluster(client, "bots"))
        return client

    return make


@pytest.mark.parametrize("verb", ["pause", "stop", "start"])
def test_a_bot_is_told_by_its_gateway_with_its_own_key(cluster, capsys, verb):
    path = f"{GATEWAY}/api/trading/{verb}"
    client = cluster({path: (200, {"state": "Paused", "reason": "lunch"})})

    getattr(trading, verb)("momentum", reason="lunch")

    told = client.asked[-1]
    assert (told.method, told.path, told.body) == ("POST", path, {"reason": "lunch"})
    assert told.header_params["X-API-Key"] == "a-key"
    assert capsys.readouterr().out == "tradingbot.tradewind.dev/momentum Paused: lunch\n"


def test_decisions_are_rows_or_a_document(cluster, capsys):
    client = cluster({f"{GATEWAY}/api/v1/decisions": (200, {"decisions": [DECISION]})})

    trading.decisions("momentum", pair="BTC/EUR", limit=3)
    trading.decisions("momentum", output=Output.JSON)

    assert client.asked[2].query_params == [("limit", "3"), ("pair", "BTC/EUR")]
    _, _, row, document = (line for line in capsys.readouterr().out.splitlines() if line.strip())
    assert row.split() == list(DECISION.values())
    assert json.loads(document) == [DECISION]


def test_no_decisions_are_said_in_words(cluster, capsys):
    cluster({f"{GATEWAY}/api/v1/decisions": (200, {"decisions": []})})
    trading.decisions("momentum")
    assert capsys.readouterr().out == "no decisions yet\n"


def test_a_bot_without_pods_is_not_asked(cluster):
    client = cluster({}, suspended=True)
    with pytest.raises(PermanentError, match=r"momentum is suspended.*kubectl tradewind resume momentum"):
        trading.pause("momentum")
    assert len(client.asked) == 1
