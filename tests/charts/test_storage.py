"""Redis, PostgreSQL and their passwords: what is wired to what, what is kept, and who gets in."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import urlsplit

import yaml
from tests.charts.rendering import EVERYTHING, OWN, one, pods, render, secret
from tests.charts.values import ROOT

from tradewind.contracts.api.backtest import parse_backtest
from tradewind.contracts.api.document import load_bot
from tradewind.kernel.addresses import POSTGRES
from tradewind_operator.manifests import Site
from tradewind_operator.manifests import render as children_of
from tradewind_operator.manifests.backtests import render_backtest


def storage_sources(objects):
    """File that the operator reads -> Secret and key that it comes from."""
    (volume,) = pods(objects)["tradewind-operator"]["spec"]["volumes"]
    return {
        source["secret"]["items"][0]["path"]: (source["secret"]["name"], source["secret"]["items"][0]["key"])
        for source in volume["projected"]["sources"]
    }


def test_bots_get_the_addresses_of_the_stores_that_are_installed(helm):
    """The names in them are those of the Services, and the password is the one that the stores start with."""
    objects = render(helm, *EVERYTHING)
    addresses = secret(objects)
    database, bus = urlsplit(addresses["database-url"]), urlsplit(addresses["bus-url"])
    assert database.scheme in POSTGRES
    assert (database.username, database.password, database.path) == ("tradewind", "databaseword", "/tradewind")
    assert (bus.password, bus.path) == ("redisword", "/0")
    for address in (database, bus):
        name, namespace, _ = address.hostname.split(".")
        service = one(objects, "Service", name)
        assert service["metadata"]["namespace"] == namespace
        assert [port["port"] for port in service["spec"]["ports"]] == [address.port]
        selected = service["spec"]["selector"].items()
        assert selected <= pods(objects)[name]["metadata"]["labels"].items()
    assert addresses["redis.conf"] == "requirepass redisword\n"
    assert addresses["postgres-password"] == "databaseword"
    assert storage_sources(objects) == {
        "database-url": ("tradewind-storage", "database-url"),
        "bus-url": ("tradewind-storage", "bus-url"),
    }


def test_stores_of_ones_own_take_the_place_of_those_of_the_chart(helm):
    """No store is installed, no password is made, and the operator reads the Secrets that were named."""
    objects = render(helm, *OWN)
    assert not [each for each in objects if each["kind"] in ("StatefulSet", "Secret")]
    assert storage_sources(objects) == {"database-url": ("my-database", "database-url"), "bus-url": ("my-redis", "url")}


def test_one_store_may_be_ones_own(helm):
    """The database of the house, and the chart's Redis."""
    objects = render(helm, "postgresql.enabled=false", "externalPostgresql.existingSecret=house")
    assert secret(objects).keys() == {"redis-password", "redis.conf", "bus-url"}
    assert storage_sources(objects)["database-url"] == ("house", "database-url")
    assert storage_sources(objects)["bus-url"] == ("tradewind-storage", "bus-url")


def test_a_password_stands_in_its_secret_and_nowhere_else(helm):
    """Not in an argument, a variable or a ConfigMap, where whoever may list pods would read it."""
    objects = render(helm, *EVERYTHING)
    for word in ("redisword", "databaseword", "boardword"):
        holders = [each for each in objects if word in json.dumps(each)]
        assert [] == [each["metadata"]["name"] for each in holders]
        encoded = base64.b64encode(word.encode()).decode().rstrip("=")[:8]
        assert {each["kind"] for each in objects if encoded in json.dumps(each)} == {"Secret"}
    for pod in pods(objects).values():
        for container in pod["spec"]["containers"]:
            assert not [each for each in container.get("env", ()) if "secretKeyRef" in each.get("valueFrom", {})]


def test_a_password_is_long_and_another_one_each_time(helm):
    """Two installations do not share one, and it needs no quoting in an address."""
    first, second = (secret(render(helm, namespace=one)) for one in ("first", "second"))
    for key in ("redis-password", "postgres-password"):
        assert first[key] != second[key]
        assert re.fullmatch(r"[A-Za-z0-9]{32}", first[key])


def test_what_outlives_an_uninstall_says_so(helm):
    """The definition, so that no bot is deleted with the operator that would end it; and the passwords of the data."""
    keep = {"helm.sh/resource-policy": "keep"}
    objects = render(helm)
    for plural in ("tradingbots", "backtests"):
        definition = one(objects, "CustomResourceDefinition", f"{plural}.tradewind.dev")
        assert definition["metadata"]["annotations"] == keep
    assert one(objects, "Secret", "tradewind-storage")["metadata"]["annotations"] == keep
    for each in objects:
        if each["kind"] == "StatefulSet":
            assert set(each["spec"]["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}
    loose = one(render(helm, "crds.keep=false"), "CustomResourceDefinition", "tradingbots.tradewind.dev")
    assert "annotations" not in loose["metadata"]
    assert not [each for each in render(helm, "crds.enabled=false") if each["kind"] == "CustomResourceDefinition"]


def test_only_bots_reach_the_stores(helm):
    """By the labels that the operator gives to the pods of bots, in whatever namespace."""
    bot = load_bot(ROOT / "manifests" / "samples" / "standard.yaml")
    site = Site(image="any", operator_namespace="any", storage_wired=True, version="1")
    labels = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in children_of(bot, site)
        if each["kind"] == "Deployment"
    ]
    document = yaml.safe_load((ROOT / "manifests" / "samples" / "backtest.yaml").read_text())
    job = render_backtest(parse_backtest(document, "the sample"), site, "any")[-1]
    backtests = [job["spec"]["template"]["metadata"]["labels"]]
    objects = render(helm, *EVERYTHING)
    for name, port, known in (("tradewind-redis", 6379, [labels]), ("tradewind-postgresql", 5432, [labels, backtests])):
        spec = one(objects, "NetworkPolicy", name)["spec"]
        (rule,) = spec["ingress"]
        for who, those in zip(rule["from"], known, strict=True):
            assert who["namespaceSelector"] == {}
            selected = who["podSelector"]["matchLabels"].items()
            assert all(selected <= each.items() for each in those)
            strangers = [pod for other, pod in pods(objects).items() if other != name]
            assert not [pod for pod in strangers if selected <= pod["metadata"].get("labels", {}).items()]
        assert rule["ports"] == [{"protocol": "TCP", "port": port}]
        assert "Egress" in spec["policyTypes"]
        assert "egress" not in spec
