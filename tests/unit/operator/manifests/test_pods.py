"""What a pod is: who it may be, what it sees, how it is asked, what it gets of a machine."""

from __future__ import annotations

import json

import pytest

from tradewind.contracts.api.cluster import OUR_PREFIXES, OURS
from tradewind.contracts.api.resources import bytes_of, millicores
from tradewind.domain.errors import ConfigErrors
from tradewind_operator.manifests import release_job, template_hash

PROFILES = ("Minimal", "Standard", "Full")


def containers(pod):
    return [*pod.get("initContainers", ()), *pod["containers"]]


def variables(pod):
    return {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}


def files(pod, volume):
    (found,) = [one for one in pod["volumes"] if one["name"] == volume]
    return {item["path"] for item in found["secret"]["items"]}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_pod_meets_pod_security_restricted(pods, make_bot, site, profile):
    """A namespace that enforces `restricted` takes every pod, the Job of the last resort included."""
    job = release_job(make_bot(profile=profile), site)["spec"]["template"]["spec"]
    for pod in [*pods(profile=profile).values(), job]:
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & set(pod)
        assert all(not {"hostPath", "nfs"} & set(volume) for volume in pod["volumes"])
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            assert all("hostPort" not in port for port in container.get("ports", ()))


@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_container_mounts_is_there(pods, profile):
    """A mount without its volume is refused when the pod is made, long after the bot was accepted."""
    for pod in pods(profile=profile).values():
        names = [volume["name"] for volume in pod["volumes"]]
        assert len(names) == len(set(names))
        for container in containers(pod):
            assert {mount["name"] for mount in container["volumeMounts"]} == set(names)
            paths = [mount["mountPath"] for mount in container["volumeMounts"]]
            assert len(paths) == len(set(paths))
            assert {"/tmp", "/etc/tradewind"} < set(paths)


def test_a_pod_sees_only_its_keys(pods):
    """The gateway's key opens the bot to the outside, the venue's trades: neither lies where it is not used."""
    found = pods(profile="Full")

    assert {name: files(pod, "keys") - {"service-token.key"} for name, pod in found.items()} == {
        "gateway": {"api-key"},
        "engine": set(),
        "market-data": {"simulated-venue.key"},
        "portfolio": set(),
        "strategy": set(),
        "execution": {"simulated-venue.key"},
        "monitoring": set(),
        "sim-exchange": {"simulated-venue.key"},
    }


def test_credentials_reach_execution_and_market_data_alone(pods):
    """The keys of an account are in no pod that does not talk to exchanges."""
    exchange = {"name": "binance", "credentialsSecretRef": {"name": "binance-keys"}}
    for profile, expected in (("Full", {"execution", "market-data"}), ("Minimal", {"bot"})):
        found = pods(profile=profile, exchanges=[exchange])
        holders = {name for name, pod in found.items() if "binance-keys" in json.dumps(pod)}

        assert holders == expected
        folder = "/run/tradewind/credentials/binance"
        for name, pod in found.items():
            told = {key: value for key, value in variables(pod).items() if key.startswith("TRADEWIND_CREDENTIALS")}
            files = {
                "TRADEWIND_CREDENTIALS__BINANCE__API_KEY_FILE": f"{folder}/api-key",
                "TRADEWIND_CREDENTIALS__BINANCE__SECRET_FILE": f"{folder}/secret",
            }
            assert told == (files if name in expected else {})


CLASS = {"name": "dip", "kind": "Freqtrade", "parameters": {"file": "strategies/dip.py", "configMap": "dip.files"}}


def test_a_class_of_the_users_is_in_the_pod_of_strategy_alone(pods):
    """Out of its ConfigMap, in pods that have no keys of an account; nobody else could import it."""
    exchange = {"name": "binance", "credentialsSecretRef": {"name": "binance-keys"}}
    other = {**CLASS, "name": "other"}
    for profile, expected in (("Full", "strategy"), ("Standard", "trading")):
        found = pods(profile=profile, strategies=[CLASS, other], exchanges=[exchange])
        assert [expected] == [name for name, pod in found.items() if "dip.files" in json.dumps(pod)]
        pod = found[expected]
        assert "binance-keys" not in json.dumps(pod)
        (volume,) = [one for one in pod["volumes"] if one["name"].startswith("strategies-")]
        assert {"name": "dip.files", "defaultMode": 0o444, "optional": True} == volume["configMap"]
        (mount,) = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == volume["name"]]
        assert ("/run/tradewind/strategies/dip.files", True) == (mount["mountPath"], mount["readOnly"])
        assert "/run/tradewind/strategies" == variables(pod)["TRADEWIND_STRATEGY_DIRECTORY"]
    (with_class, without) = (pods(profile="Full", strategies=one)["strategy"] for one in ([CLASS], [EMA]))
    limits = [pod["containers"][0]["resources"]["limits"]["memory"] for pod in (with_class, without)]
    assert ["1Gi", "256Mi"] == limits


def test_two_files_of_one_name_in_a_config_map_are_refused(pods):
    """It has no folders: both strategies would be the same class."""
    other = {**CLASS, "name": "other", "parameters": {"file": "others/dip.py", "configMap": "dip.files"}}
    with pytest.raises(
        ConfigErrors, match=r"\[1\].parameters.file: received others/dip.py, which is the key dip.py of dip"
    ):
        pods(strategies=[CLASS, other])


EMA = {"name": "trend", "kind": "EmaCross"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"strategies": [EMA, {**CLASS, "parameters": {"file": "dip.py"}}]},
            "spec.strategies[1].parameters.configMap: received nothing; allowed: on a cluster, the ConfigMap",
        ),
        (
            {
                "strategies": [CLASS],
                "profile": "Minimal",
                "exchanges": [{"name": "binance", "credentialsSecretRef": {"name": "binance-keys"}}],
            },
            "spec.profile: received Minimal; allowed: Standard or Full beside kind Freqtrade: the one pod",
        ),
        ({"strategies": [CLASS], "decision": {"consensus": "Majority"}}, "spec.decision.consensus: received Majority"),
    ],
)
def test_a_class_without_a_place_to_come_from_or_beside_keys_is_refused(pods, changes, told):
    """The condition of the bot says it."""
    with pytest.raises(ConfigErrors) as caught:
        pods(**changes)
    assert told in str(caught.value)


@pytest.mark.parametrize("profile", PROFILES)
def test_probes_ask_ports_that_the_container_has(pods, profile):
    """One address for each probe: alive is the event loop, ready is every service of the process."""
    for pod in pods(profile=profile).values():
        (container,) = pod["containers"]
        ports = {port["name"] for port in container["ports"]}
        asked = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}

        assert all(one["port"] in ports for one in asked.values())
        assert [one["path"] for one in asked.values()] == ["/healthz", "/processz", "/healthz"]
        assert all(len(name) <= 15 for name in ports)


def test_the_environment_is_the_operators_and_what_the_bot_adds(pods):
    """What the operator sets cannot be set by a bot, which the schema knows by the same list."""
    endpoint = {"otlpEndpoint": "http://jaeger:4318", "samplingRatio": "0.10"}
    exchange = {"name": "binance", "credentialsSecretRef": {"name": "binance-keys"}}
    services = [{"name": "engine", "env": [{"name": "TRADEWIND_LOG_LEVEL", "value": "debug"}]}]
    named = [{"name": "dip", "kind": "Freqtrade", "parameters": {"file": "dip.py", "configMap": "dip"}}]
    found = {}
    for profile in PROFILES:
        for pod in pods(profile=profile, telemetry=endpoint, exchanges=[exchange], services=services).values():
            found |= variables(pod)
    for pod in pods(profile="Full", strategies=named).values():
        found |= variables(pod)

    others = {name for name in set(found) - set(OURS) if not name.startswith(OUR_PREFIXES)}
    assert others == {"TRADEWIND_LOG_LEVEL"}
    assert set(OURS) <= set(found)
    assert (found["OTEL_EXPORTER_OTLP_ENDPOINT"], found["OTEL_TRACES_SAMPLER_ARG"]) == ("http://jaeger:4318", "0.10")
    assert "k8s.pod.name=$(POD_NAME)" in found["OTEL_RESOURCE_ATTRIBUTES"]


def test_without_an_endpoint_nothing_is_traced(pods):
    """No variable of OpenTelemetry is set, so no exporter is loaded; the installation's endpoint is the default."""
    assert not [name for pod in pods().values() for name in variables(pod) if name.startswith("OTEL")]
    for pod in pods({"otlp_endpoint": "http://collector:4318"}).values():
        assert variables(pod)["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4318"


def test_the_requests_of_full_fit_into_one_processor(pods):
    """A laptop's cluster runs a bot in profile Full; every container has requests and a limit on memory."""
    requests = [container["resources"] for pod in pods(profile="Full").values() for container in pod["containers"]]

    assert sum(millicores(one["requests"]["cpu"]) for one in requests) <= 1000
    assert all(bytes_of(one["requests"]["memory"]) <= bytes_of(one["limits"]["memory"]) for one in requests)
    assert all("cpu" not in one["limits"] for one in requests)


def test_services_that_share_a_pod_add_up(pods):
    """Standard's pod of engine, portfolio and strategy asks for what the three ask for."""
    asked = {"requests": {"cpu": "1.5", "memory": "1Gi"}}
    found = pods(profile="Standard", services=[{"name": "strategy", "resources": asked}])["trading"]

    assert found["containers"][0]["resources"] == {
        "requests": {"cpu": "1600m", "memory": "1216Mi"},
        "limits": {"memory": "1536Mi"},
    }


def test_a_limit_below_the_default_request_lowers_it(pods):
    """What a person says holds: a request above its limit would be refused by Kubernetes."""
    limits = {"limits": {"cpu": "20m", "memory": "64Mi"}}
    found = pods(services=[{"name": "strategy", "resources": limits}])["strategy"]

    assert found["containers"][0]["resources"] == {
        "requests": {"cpu": "20m", "memory": "64Mi"},
        "limits": {"cpu": "20m", "memory": "64Mi"},
    }


def test_what_a_bot_adds_to_its_pods_is_there(rendered):
    """Labels, nodes, taints, rank and spread of one service, in its own pods alone."""
    template = {
        "metadata": {"labels": {"team": "research"}, "annotations": {"example.com/note": "ours"}},
        "spec": {
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "dedicated", "value": "trading", "effect": "NoSchedule"}],
            "priorityClassName": "high",
            "topologySpreadConstraints": [{"topologyKey": "rack", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"}],
        },
    }
    found = rendered(services=[{"name": "execution", "podTemplate": template}])
    pod = found["Deployment", "momentum-execution"]["spec"]["template"]
    other = found["Deployment", "momentum-engine"]["spec"]["template"]

    assert pod["metadata"]["labels"]["team"] == "research"
    assert pod["metadata"]["annotations"]["example.com/note"] == "ours"
    assert pod["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert pod["spec"]["tolerations"] == [
        {"key": "dedicated", "operator": "Equal", "value": "trading", "effect": "NoSchedule"}
    ]
    assert pod["spec"]["priorityClassName"] == "high"
    (spread,) = pod["spec"]["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["maxSkew"], spread["whenUnsatisfiable"]) == ("rack", 2, "DoNotSchedule")
    assert spread["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "execution"
    assert "team" not in other["metadata"]["labels"]
    assert not {"nodeSelector", "tolerations", "priorityClassName", "topologySpreadConstraints"} & set(other["spec"])


@pytest.mark.parametrize(
    ("services", "field"),
    [
        (
            [
                {"name": "engine", "env": [{"name": "TZ", "value": "UTC"}]},
                {"name": "strategy", "env": [{"name": "TZ", "value": "CET"}]},
            ],
            "spec.services[1].env[TZ]",
        ),
        (
            [
                {"name": "engine", "podTemplate": {"spec": {"priorityClassName": "high"}}},
                {"name": "strategy", "podTemplate": {"spec": {"priorityClassName": "low"}}},
            ],
            "spec.services[1].podTemplate.spec[priorityClassName]",
        ),
        ([{"name": "strategy", "autoscaling": {}}], "spec.services[0].autoscaling"),
        ([{"name": "engine", "resources": {"limits": {"cpu": "1"}}}], "spec.services[0].resources.limits.cpu"),
    ],
)
def test_services_of_one_pod_that_disagree_are_told(rendered, services, field):
    """Standard puts engine and strategy into one pod: it cannot be both, and taking one of the two would be a guess."""
    with pytest.raises(ConfigErrors) as refused:
        rendered(profile="Standard", services=services)
    (error,) = refused.value.errors

    assert error.field == field
    assert "Full" in error.fix
    assert rendered(profile="Full", services=services)


def test_a_stop_and_a_suspension_restart_no_pod(rendered):
    """They go another way: a stop over HTTP, a suspension by the number of pods."""

    def templates(**spec):
        return {key: template_hash(one) for key, one in rendered(**spec).items() if key[0] == "Deployment"}

    plain = templates()

    assert templates(emergencyStop=True) == plain
    assert templates(suspended=True) == plain
    assert templates(deletionPolicy="Flatten") == plain
    assert templates(metadata={"labels": {"a": "b"}, "annotations": {"c": "d"}}) == plain
    changed = templates(risk={"stopLoss": "0.01"})
    assert all(changed[key] != plain[key] for key in plain)


def test_the_annotation_restarts_all_pods(rendered):
    """`kubectl annotate tb momentum tradewind.dev/restart=...` makes new pods."""
    before, after = rendered(), rendered(metadata={"annotations": {"tradewind.dev/restart": "2026-01-01T00:00:00Z"}})
    deployments = [key for key in before if key[0] == "Deployment"]

    assert len(deployments) == 8
    assert all(template_hash(before[key]) != template_hash(after[key]) for key in deployments)


def test_the_annotation_of_a_workload_restarts_its_pods_alone(rendered):
    """`kubectl tradewind restart momentum --service engine`."""
    moment = {"annotations": {"tradewind.dev/restart.engine": "2026-01-01T00:00:00Z"}}
    before, after = rendered(), rendered(metadata=moment)
    assert [key for key in before if before[key] != after[key]] == [("Deployment", "momentum-engine")]
    assert rendered(metadata=moment, profile="Standard") == rendered(profile="Standard"), "there it has another name"


def test_one_service_that_changes_restarts_its_own_pods(rendered):
    """More memory for the gateway is no reason to stop the engine."""
    before = rendered()
    after = rendered(services=[{"name": "gateway", "resources": {"requests": {"memory": "200Mi"}}}])
    changed = [key for key in before if before[key] != after[key]]

    assert changed == [("Deployment", "momentum-gateway")]
