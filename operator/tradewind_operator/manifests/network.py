"""Who may talk to whom: everything is refused but what the catalog says a service does.

`<bot>-default` refuses everything for every pod of the bot, in both directions, but the look-up of names. Each
workload then gets its own edges: from and to the services that ask each other, to the database and the bus where it
uses them, to exchanges for execution and market-data alone and only where the bot trades at one, and to where traces
go.
The operator's namespace reaches the services that the operator asks. Everybody reaches a public service.

Metrics are read over the same ports as everything else, which a NetworkPolicy cannot tell apart. So a pod that is
labelled `tradewind.dev/reads-metrics: "true"` in any namespace reaches every port; what it can do there without a
service token is to read metrics and probes. The chart's Prometheus has the label, another one can be given it.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from tradewind import catalog
from tradewind.contracts.api.v1alpha1 import DataSource, TradingBot
from tradewind.contracts.labels import COMPONENT, METRICS_READER
from tradewind.plan import Workload
from tradewind_operator.manifests.names import (
    RELEASE,
    WHOLE,
    metadata,
    selector,
)
from tradewind_operator.manifests.pods import otlp_endpoint
from tradewind_operator.manifests.site import Manifest, Site
from tradewind_operator.manifests.storage import storage_use
from tradewind_operator.manifests.volumes import SEE_CREDENTIALS

ASKED_BY_OPERATOR = ("engine", "execution", "monitoring")
DEFAULT = "default"

DNS = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
# Private ranges, those of carriers, and the link-local one where clouds give out credentials: no exchange is there.
_NOT_OUTSIDE = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
_NOT_OUTSIDE_IPV6 = ("fc00::/7", "fe80::/10")
_OUTSIDE = [
    {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(_NOT_OUTSIDE)}},
    {"ipBlock": {"cidr": "::/0", "except": list(_NOT_OUTSIDE_IPV6)}},
]


def network_policies(bot: TradingBot, site: Site, workloads: Sequence[Workload]) -> list[Manifest]:
    """The refusal of everything, and the edges of each workload."""
    refusal = {"podSelector": {"matchLabels": selector(bot)}, "egress": [{"ports": DNS}]}
    return [
        _policy(bot, site, DEFAULT, WHOLE, refusal),
        *(_policy(bot, site, one.name, one.name, _edges(bot, site, one, workloads)) for one in workloads),
    ]


def venue_rules(bot: TradingBot, workload: Workload) -> list[Manifest]:
    """The edges to exchanges outside, for who reads candles there or has the keys of an account there.

    An `endpoint` stands for all addresses of its exchange.
    """
    rules: list[Manifest] = []
    candles = bot.spec.data.source is DataSource.EXCHANGE and "market-data" in workload.services
    trusted = bool(set(SEE_CREDENTIALS) & set(workload.services))
    for exchange in bot.spec.exchanges:
        if not candles and not (trusted and exchange.credentials_secret_ref is not None):
            continue
        if exchange.endpoint is None:
            rules.append({"to": _OUTSIDE, "ports": _ports([443])})
        else:
            ports = {_port_of(exchange.endpoint.url), _port_of(exchange.endpoint.websocket_url)}
            rules.append({"ports": _ports(sorted(ports))})
    return rules


def _policy(bot: TradingBot, site: Site, ending: str, component: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(bot, site, ending, component),
        "spec": {**spec, "policyTypes": ["Ingress", "Egress"]},
    }


def _edges(bot: TradingBot, site: Site, workload: Workload, workloads: Sequence[Workload]) -> Manifest:
    ways = {"ingress": _ingress(bot, site, workload, workloads), "egress": _egress(bot, site, workload, workloads)}
    # The server drops an empty list and then takes every apply of one for a change.
    return {"podSelector": _pods(bot, _components(workload)), **{way: rules for way, rules in ways.items() if rules}}


def _components(workload: Workload) -> list[str]:
    """The pods that stand where the workload's do: the Job that releases what is open stands where execution does."""
    return [workload.name, RELEASE] if "execution" in workload.services else [workload.name]


def _pods(bot: TradingBot, components: Sequence[str]) -> Manifest:
    if len(components) == 1:
        return {"matchLabels": selector(bot, components[0])}
    among = {"key": COMPONENT, "operator": "In", "values": sorted(components)}
    return {"matchLabels": selector(bot), "matchExpressions": [among]}


def _callers(workload: Workload, workloads: Sequence[Workload]) -> list[tuple[str, Sequence[str]]]:
    """The components outside the pods of `workload`, with the services that they stand for."""
    others = [(one.name, one.services) for one in workloads if one.name != workload.name]
    return [*others, (RELEASE, ("execution",))]


def _asked(asking: Sequence[str], asked: Workload) -> list[str]:
    """The services of `asked` that a service of `asking` may ask, in the order of the catalog."""
    calls = {called for name in asking for called in catalog.service(name).calls}
    # Who watches looks over the network at other pods only.
    calls |= {one for name in asking if name not in asked.services for one in catalog.service(name).watches}
    return [name for name in asked.services if name in calls]


def _ports(numbers: Sequence[int]) -> list[Manifest]:
    return [{"protocol": "TCP", "port": number} for number in numbers]


def _ingress(bot: TradingBot, site: Site, workload: Workload, workloads: Sequence[Workload]) -> list[Manifest]:
    rules: list[Manifest] = []
    public = [port for name, port in workload.ports.items() if catalog.service(name).public]
    if public:
        rules.append({"ports": _ports(public)})
    # Callers of the same ports share a rule; within a pod nobody asks over the network.
    callers: dict[tuple[int, ...], list[str]] = {}
    for name, services in _callers(workload, workloads):
        callers.setdefault(tuple(workload.ports[one] for one in _asked(services, workload)), []).append(name)
    rules += [
        {"from": [{"podSelector": _pods(bot, names)}], "ports": _ports(ports)}
        for ports, names in callers.items()
        if ports
    ]
    operator = [workload.ports[name] for name in ASKED_BY_OPERATOR if name in workload.ports]
    if operator:
        namespace = {"matchLabels": {"kubernetes.io/metadata.name": site.operator_namespace}}
        rules.append({"from": [{"namespaceSelector": namespace}], "ports": _ports(operator)})
    readers = {"namespaceSelector": {}, "podSelector": {"matchLabels": {METRICS_READER: "true"}}}
    rules.append({"from": [readers], "ports": _ports(list(workload.ports.values()))})
    return rules


def _egress(bot: TradingBot, site: Site, workload: Workload, workloads: Sequence[Workload]) -> list[Manifest]:
    rules: list[Manifest] = []
    for other in workloads:
        ports = [other.ports[name] for name in _asked(workload.services, other)]
        if ports and (other.name != workload.name or RELEASE in _components(workload)):
            rules.append({"to": [{"podSelector": _pods(bot, [other.name])}], "ports": _ports(ports)})
    use = storage_use(bot, workload)
    stores = [port for used, port in ((use.database, site.postgres_port), (use.bus, site.redis_port)) if used]
    if stores:
        rules.append({"ports": _ports(stores)})
    rules += venue_rules(bot, workload)
    endpoint = otlp_endpoint(bot, site)
    if endpoint is not None:
        rules.append({"ports": _ports([_port_of(endpoint)])})
    return rules


def _port_of(address: str) -> int:
    parts = urlsplit(address)
    return parts.port or (443 if parts.scheme in ("https", "wss") else 80)
