"""The container of a rendered pod, run as a process: its command, variables, files and probes are the program's.

What a container mounts is laid out below a temporary folder, and the paths in command and variables are moved there.
A Minimal bot that becomes ready here needs nothing but what is rendered for it.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.kernel.settings import variable
from tradewind_operator.manifests import SERVICE_KEY_FILES, Site, render, service_secret

ROOT = Path(__file__).parents[2]
SITE = Site(image="tradewind:1", operator_namespace="tradewind-system", storage_wired=False, version="1.0.0")
PATIENCE = 60.0


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


class Pod:
    """The one container of a Deployment, with its volumes below `folder`."""

    def __init__(self, children, secrets, folder):
        named = {(one["kind"], one["metadata"]["name"]): one for one in [*children, *secrets]}
        (deployment,) = [one for one in children if one["kind"] == "Deployment"]
        spec = deployment["spec"]["template"]["spec"]
        (self.container,) = spec["containers"]
        self.mounts = {one["name"]: one["mountPath"] for one in self.container["volumeMounts"]}
        self.folder = folder
        self.ports = {one["name"]: free_port() for one in self.container["ports"]}
        for volume in spec["volumes"]:
            self._lay_out(volume, named)

    def _lay_out(self, volume, named):
        target = self.inside(self.mounts[volume["name"]])
        target.mkdir(parents=True)
        if "configMap" in volume:
            for name, text in named["ConfigMap", volume["configMap"]["name"]]["data"].items():
                (target / name).write_text(text)
        if "secret" in volume:
            data = named["Secret", volume["secret"]["secretName"]]["data"]
            for item in volume["secret"]["items"]:
                (target / item["path"]).write_bytes(base64.b64decode(data[item["key"]]))
            target.chmod(0o500)

    def inside(self, path):
        return self.folder / path.lstrip("/")

    def moved(self, text):
        """`text` with the path of a mount in it led to where that mount is here."""
        (above,) = [path for path in self.mounts.values() if text.startswith(path)] or [None]
        return str(self.inside(text)) if above else text

    def start(self):
        variables = {one["name"]: self.moved(one["value"]) for one in self.container["env"]}
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


@pytest.fixture
def pod(tmp_path):
    """The pod of the sample in profile Minimal, with the Secret that the operator makes."""
    bot = load_bot(ROOT / "manifests" / "samples" / "minimal.yaml")
    keys = service_secret(bot, {name: make() for name, make in SERVICE_KEY_FILES.items()})
    return Pod(render(bot, SITE), [keys], tmp_path)


def test_the_pod_of_a_minimal_bot_starts_answers_and_drains(pod):
    """Started, ready, asked with the given key, and stopped within its grace period, with state on its volume only."""
    process = pod.start()
    try:
        ends = time.monotonic() + PATIENCE
        while pod.probe("readiness") != 200:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < ends
            time.sleep(0.1)  # a kubelet asks again every few seconds
        assert (200, 200) == (pod.probe("startup"), pod.probe("liveness"))
        key = (pod.inside(pod.mounts["keys"]) / "api-key").read_text()
        request = urllib.request.Request(
            f"http://127.0.0.1:{pod.ports['gateway']}/api/v1/config/all", headers={"Authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(request) as answer:
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
        ends = time.monotonic() + PATIENCE
        while pod.probe("readiness") != 200:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < ends
            time.sleep(0.1)
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
