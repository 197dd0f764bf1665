"""The containers of rendered pods, run as processes: their commands, variables, files and probes are the program's.

What a container mounts is laid out below a temporary folder, and the paths in command and variables are moved there.
A bot that becomes ready here needs nothing but what is rendered for it; in several pods, a Redis and a PostgreSQL
besides. Only the names of Services are nobody's here: pods find each other by what each says of itself.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.cluster.processes import own_ports
from tests.servers.databases import Postgres

from tradewind.contracts.api.document import load_bot
from tradewind.kernel.settings import variable
from tradewind_operator.manifests import SERVICE_KEY_FILES, Site, render, service_secret
from tradewind_operator.manifests.names import child_name
from tradewind_operator.manifests.secrets import BUS_URL_FILE, DATABASE_URL_FILE, STORAGE

ROOT = Path(__file__).parents[2]
SITE = Site(image="tradewind:1", operator_namespace="tradewind-system", storage_wired=False, version="1.0.0")
PATIENCE = 60.0


class Pod:
    """The one container of a Deployment, with its volumes below `folder`."""

    def __init__(self, deployment, children, secrets, folder):
        named = {(one["kind"], one["metadata"]["name"]): one for one in [*children, *secrets]}
        spec = deployment["spec"]["template"]["spec"]
        (self.container,) = spec["containers"]
        self.mounts = {one["name"]: one["mountPath"] for one in self.container["volumeMounts"]}
        self.folder = folder
        names = [one["name"] for one in self.container["ports"]]
        self.ports = dict(zip(names, own_ports(len(names)), strict=True))
        for volume in spec["volumes"]:
            self._lay_out(volume, named)

    def _lay_out(self, volume, named):
        target = self.inside(self.mounts[volume["name"]])
        target.mkdir(parents=True)
        if "configMap" in volume:
            for name, text in named["ConfigMap", volume["configMap"]["name"]]["data"].items():
                (target / name).write_text(text)
        secrets = [volume["secret"] | {"name": volume["secret"]["secretName"]}] if "secret" in volume else []
        secrets += [one["secret"] for one in volume.get("projected", {}).get("sources", ())]
        for secret in secrets:
            data = named["Secret", secret["name"]]["data"]
            for item in secret["items"]:
                (target / item["path"]).write_bytes(base64.b64decode(data[item["key"]]))
        if secrets:
            target.chmod(0o500)

    def inside(self, path):
        return self.folder / path.lstrip("/")

    def moved(self, text):
        """`text` with the path of a mount in it led to where that mount is here."""
        (above,) = [path for path in self.mounts.values() if text.startswith(path)] or [None]
        return str(self.inside(text)) if above else text

    def start(self):
        variables = {one["name"]: self.moved(one["value"]) for one in self.container["env"] if "value" in one}
        variables.pop("TRADEWIND_PEER_ADDRESS", None)
        variables |= {variable("ports", name): str(port) for name, port in self.ports.items()}
        variables |= {"TRADEWIND_HOST": "127.0.0.1", "KUBERNETES_SERVICE_HOST": "10.96.0.1", "PATH": os.environ["PATH"]}
        assert self.container["command"] == ["tradewind"]
        arguments = [self.moved(one) for one in self.container["args"]]
        program = "from tradewind.cli.main import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env=variables,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def key(self):
        """The API key of the gateway."""
        return (self.inside(self.mounts["keys"]) / "api-key").read_text()

    def question(self, path):
        """A request to the gateway in it, with that key."""
        url = f"http://127.0.0.1:{self.ports['gateway']}{path}"
        return urllib.request.Request(url, headers={"Authorization": f"Bearer {self.key()}"})

    def probe(self, kind):
        """The status that a kubelet would get, 0 where nobody answers."""
        asked = self.container[f"{kind}Probe"]["httpGet"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[asked['port']]}{asked['path']}") as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


def deployments(children):
    return [one for one in children if one["kind"] == "Deployment"]


def keys_of(bot):
    """The Secret that the operator makes."""
    return service_secret(bot, {name: make() for name, make in SERVICE_KEY_FILES.items()})


def until_ready(pods, processes):
    """Until each pod says that it is; one that ends before fails with what it said."""
    ends = time.monotonic() + PATIENCE * min(len(pods), 2)
    while waiting := [name for name, pod in pods.items() if pod.probe("readiness") != 200]:
        ended = {name: one.stdout.read() for name, one in processes.items() if one.poll() is not None}
        assert not ended, ended
        assert time.monotonic() < ends, waiting
        time.sleep(0.1)  # a kubelet asks again every few seconds


@pytest.fixture
def pod(tmp_path):
    """The pod of the sample in profile Minimal, with the Secret that the operator makes."""
    bot = load_bot(ROOT / "manifests" / "samples" / "minimal.yaml")
    children = render(bot, SITE)
    (deployment,) = deployments(children)
    return Pod(deployment, children, [keys_of(bot)], tmp_path)


def test_the_pod_of_a_minimal_bot_starts_answers_and_drains(pod):
    """Started, ready, asked with the given key, and stopped within its grace period, with state on its volume only."""
    process = pod.start()
    try:
        until_ready({"bot": pod}, {"bot": process})
        assert (200, 200) == (pod.probe("startup"), pod.probe("liveness"))
        key = pod.key()
        with urllib.request.urlopen(pod.question("/api/v1/config/all")) as answer:
            assert "RsiMeanReversion" in json.dumps(json.load(answer))
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)

    assert 0 == process.returncode, said
    written = {path.relative_to(pod.folder).parts[:3] for path in pod.folder.rglob("*.sqlite3")}
    assert {("var", "lib", "tradewind")} == written
    assert key not in said


def test_a_pod_whose_keys_are_replaced_ends_in_order_to_be_started_with_the_new_ones(pod):
    process = pod.start()
    try:
        until_ready({"bot": pod}, {"bot": process})
        folder = pod.inside(pod.mounts["keys"])
        folder.chmod(0o700)
        fresh = folder / ".fresh"
        fresh.write_text("tw_" + "n" * 43)
        fresh.replace(folder / "api-key")
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert 0 == process.returncode, said
    assert "api-key has changed: ending, to be started again" in said


SHARED = Site(image="tradewind:1", operator_namespace="tradewind-system", storage_wired=True, version="1.0.0")


@pytest.fixture(params=["Standard", "Full"])
async def pods(request, tmp_path, postgres_url, redis_server):
    """Every pod of a bot in several, by name, with the Secret that names the installation's database and bus."""
    await Postgres(postgres_url).migrate()
    # With an exchange of the bot's own, whose pod has an API that is none of ours.
    changes = [f"spec.profile={request.param}", "spec.exchanges[0].venue=Simulated"]
    bot = load_bot(ROOT / "manifests" / "samples" / "minimal.yaml", changes)
    children = render(bot, SHARED)
    addresses = {DATABASE_URL_FILE: postgres_url, BUS_URL_FILE: redis_server.url}
    data = {name: base64.b64encode(text.encode()).decode() for name, text in addresses.items()}
    storage = {"kind": "Secret", "metadata": {"name": child_name(bot, STORAGE)}, "data": data}
    secrets = [keys_of(bot), storage]
    return {
        one["metadata"]["name"]: Pod(one, children, secrets, tmp_path / one["metadata"]["name"])
        for one in deployments(children)
    }


def until_answered(request):
    """Without names of Services, who has just begun is heard of with the next beat of the registry: 503 until then."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > ends:
                raise
            time.sleep(0.2)


def test_the_pods_of_a_bot_in_several_find_each_other_and_drain(pods):
    """All are ready, the gateway passes a question on to another pod, and each ends within its grace period."""
    processes = {name: pod.start() for name, pod in pods.items()}
    try:
        until_ready(pods, processes)
        (door,) = [pod for pod in pods.values() if "gateway" in pod.ports]
        assert "Running" == until_answered(door.question("/api/v1/trading/status"))["state"]
    finally:
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        said = {name: process.communicate(timeout=60)[0] for name, process in processes.items()}

    assert dict.fromkeys(pods, 0) == {name: process.returncode for name, process in processes.items()}, said
    assert not [path for pod in pods.values() for path in pod.folder.rglob("*.sqlite3")]
