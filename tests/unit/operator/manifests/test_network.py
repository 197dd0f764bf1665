"""Who may talk to whom, asked as a network would: is there a policy on both sides that lets this through?"""

from __future__ import annotations

import pytest

from tradewind import catalog

PROFILES = ("Minimal", "Standard", "Full")
COMPONENT = "app.kubernetes.io/component"


class Network:
    """The NetworkPolicies of one bot, as Kubernetes reads them: what no policy allows is refused."""

    def __init__(self, found):
        self.policies = [one["spec"] for (kind, _), one in found.items() if kind == "NetworkPolicy"]
        self.pods, self.home = {}, {}
        for (kind, _), one in found.items():
            if kind == "Deployment":
                template = one["spec"]["template"]
                labels = template["metadata"]["labels"]
                self.pods[labels[COMPONENT]] = labels
                for port in template["spec"]["containers"][0]["ports"]:
                    self.home[port["name"]] = (labels[COMPONENT], port["containerPort"])
        some = next(iter(self.pods.values()))
        self.pods["release"] = {**some, COMPONENT: "release"}

    def reaches(self, component, service):
        """Whether a pod of `component` reaches `service`."""
        target, port = self.home[service]
        leaves = any(
            self._port(rule, port) and self._peer(rule.get("to"), self.pods[target])
            for rule in self._rules(component, "egress")
        )
        return leaves and self.lets_in(service, self.pods[component])

    def lets_in(self, service, labels, namespace=None):
        """Whether `service` takes connections of a pod with `labels`, of the bot's namespace or another one."""
        target, port = self.home[service]
        return any(
            self._port(rule, port) and self._peer(rule.get("from"), labels, namespace)
            for rule in self._rules(target, "ingress")
        )

    def outward(self, component):
        """The ports by which a pod reaches whatever is not of the bot."""
        return {
            (port["protocol"], port["port"])
            for rule in self._rules(component, "egress")
            for port in rule["ports"]
            if all("podSelector" not in peer for peer in rule.get("to", ()))
        }

    def _rules(self, component, direction):
        chosen = [one for one in self.policies if self._selects(one["podSelector"], self.pods[component])]
        assert chosen
        assert all(direction.capitalize() in one["policyTypes"] for one in chosen)
        return [rule for one in chosen for rule in one.get(direction, ())]

    @staticmethod
    def _port(rule, port):
        return any(one["port"] == port and one["protocol"] == "TCP" for one in rule["ports"])

    @staticmethod
    def _selects(selector, labels):
        among = selector.get("matchExpressions", ())
        return selector.get("matchLabels", {}).items() <= labels.items() and all(
            labels.get(one["key"]) in one["values"] for one in among
        )

    def _peer(self, peers, labels, namespace=None):
        return peers is None or any(self._is(peer, labels, namespace) for peer in peers)

    def _is(self, peer, labels, namespace):
        if "ipBlock" in peer:
            return False
        if "namespaceSelector" in peer:
            name = {"kubernetes.io/metadata.name": namespace or "trading"}
            if not self._selects(peer["namespaceSelector"], name):
                return False
        elif namespace is not None:
            return False
        return "podSelector" not in peer or self._selects(peer["podSelector"], labels)


@pytest.mark.parametrize("profile", PROFILES)
def test_exactly_the_questions_of_the_catalog_go_through(rendered, profile):
    """A service that may ask another reaches it, over whatever pods they are in; nobody else does."""
    network = Network(rendered(profile=profile))
    for asked, (target, _) in network.home.items():
        for component in network.pods:
            services = [name for name, (home, _) in network.home.items() if home == component]
            services += ["execution"] if component == "release" else []
            may = any(asked in catalog.service(name).asks for name in services)
            if component != target:
                assert network.reaches(component, asked) == may, (component, asked)


@pytest.mark.parametrize("profile", PROFILES)
def test_who_comes_in_from_outside(rendered, profile):
    """Everybody to the gateway, the operator to whom it asks, a reader of metrics to all, and nobody else."""
    network = Network(rendered(profile=profile))
    stranger, reader = {"app": "web"}, {"tradewind.dev/reads-metrics": "true"}

    assert {name for name in network.home if network.lets_in(name, stranger, "elsewhere")} == {"gateway"}
    assert {name for name in network.home if network.lets_in(name, stranger, "tradewind-system")} == {
        "gateway",
        "engine",
        "execution",
        "monitoring",
    }
    assert all(network.lets_in(name, reader, "monitoring") for name in network.home)
    another_bot = {**network.pods["release"], "app.kubernetes.io/instance": "other"}
    assert {name for name in network.home if network.lets_in(name, another_bot)} == {"gateway"}


def test_who_goes_out(rendered):
    """Names and the bus for all, the database for who has tables, exchanges for no one who trades on a recording."""
    network = Network(rendered(profile="Full"))
    names = {("UDP", 53), ("TCP", 53)}
    database, bus = ("TCP", 5432), ("TCP", 6379)

    assert network.outward("gateway") == network.outward("strategy") == names | {bus}
    assert network.outward("engine") == names | {bus, database}
    assert network.outward("execution") == network.outward("release") == names | {bus, database}
    assert Network(rendered(profile="Minimal")).outward("bot") == names


def test_only_who_talks_to_exchanges_reaches_the_world(rendered):
    """Candles for market-data; with the keys of an account execution as well; an endpoint stands for the exchange."""
    candles = {"data": {"source": "Exchange"}, "exchanges": [{"name": "binance"}]}
    traded = {**candles, "exchanges": [{"name": "binance", "credentialsSecretRef": {"name": "keys"}}]}
    endpoint = {"url": "http://proxy:8080", "websocketUrl": "wss://proxy"}
    through = {**candles, "exchanges": [{"name": "binance", "endpoint": endpoint}]}

    def out(spec, port):
        network = Network(rendered(profile="Full", **spec))
        return {name for name in network.pods if ("TCP", port) in network.outward(name)}

    assert out(candles, 443) == {"market-data"}
    assert out(traded, 443) == {"market-data", "execution", "release"}
    assert out(through, 8080) == out(through, 443) == {"market-data"}


def test_the_world_is_not_the_cluster(rendered):
    """What may reach an exchange reaches neither neighbours nor the address where clouds give out credentials."""
    found = rendered(data={"source": "Exchange"}, exchanges=[{"name": "binance"}])
    (rule,) = [one for one in found["NetworkPolicy", "momentum-market-data"]["spec"]["egress"] if "to" in one]
    left_out = {block for peer in rule["to"] for block in peer["ipBlock"]["except"]}

    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} <= left_out


@pytest.mark.parametrize(
    ("endpoint", "port"), [("http://jaeger:4318", 4318), ("https://traces.example", 443), ("http://traces", 80)]
)
def test_traces_leave_by_the_port_of_their_endpoint(rendered, endpoint, port):
    """A bot that names where its traces go is let through there."""
    network = Network(rendered(telemetry={"otlpEndpoint": endpoint}))

    assert all(("TCP", port) in network.outward(name) for name in network.pods)
