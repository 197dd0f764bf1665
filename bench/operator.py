"""How fast the operator is, on a real control plane, beside a bare client that writes the same objects.

    make bench-operator            # all of it, about ten minutes
    python bench/operator.py cold --bots 300 [--kubeconfig FILE]

cold     N bots of profile Minimal are there when the operator starts: objects a second until all children exist,
         beside a client that does nothing but server-side apply of the same manifests in the same run, and the memory
latency  N bots of profile Full are applied one a second: from the apply to the last child
drift    children are edited and deleted by hand: until they are put right
steady   nothing happens for a minute: what the operator writes
failover the leader is killed with SIGKILL: until another one has reconciled a change

The control plane plays kubelets too, so Deployments become pods while this is measured, in both runs alike.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tradewind_operator.apiclient import METADATA_LIST, ApiClient
from tradewind_operator.bots import read_bot
from tradewind_operator.desired import manifests, model_of
from tradewind_operator.kinds import BY_KIND, CHILDREN, SELECTOR, TRADING_BOT, Resource
from tradewind_operator.manifests import Site

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "manifests" / "samples" / "synthetic.yaml"
GOALS = {"cold": 0.7, "latency": 1.0, "drift": 2.0, "failover": 15.0, "memory": 250.0}
NAMESPACE = "bench"
BARE = "bench-bare"


def sample(name: str, namespace: str, profile: str) -> dict[str, Any]:
    """A bot that is like others but for its name."""
    document: dict[str, Any] = yaml.safe_load(SAMPLE.read_text())
    document["metadata"] = {"name": name, "namespace": namespace}
    document["spec"]["profile"] = profile
    return document


class Cluster:
    """What the bench itself does to the cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        os.environ["KUBECONFIG"] = str(kubeconfig)
        self.kubeconfig = kubeconfig
        self.client = ApiClient()

    async def apply_bots(self, names: Sequence[str], namespace: str, profile: str) -> None:
        """Apply bots, many at once."""
        await self.together([(TRADING_BOT, sample(name, namespace, profile)) for name in names])

    async def together(self, objects: Sequence[tuple[Resource, dict[str, Any]]], at_once: int = 32) -> None:
        """Server-side apply of objects, `at_once` of them at a time."""
        todo = iter(objects)

        async def work() -> None:
            for resource, one in todo:
                await self.client.apply(resource, one, "bench")

        await asyncio.gather(*(work() for _ in range(at_once)))

    async def namespace(self, name: str) -> None:
        """Make a namespace."""
        await self.client.apply(
            Resource("Namespace", "v1", "namespaces/x/.."), {"metadata": {"name": name, "namespace": "x"}}, "bench"
        )

    async def children(self, namespace: str) -> int:
        """How many children there are, by the API server."""
        count = 0
        for resource in CHILDREN:
            page = await self.client.read(resource.collection(namespace), {"labelSelector": SELECTOR}, METADATA_LIST)
            count += len(page.get("items") or ())
        return count


@contextmanager
def operator(
    *, identity: str = "one", namespace: str = NAMESPACE, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """An operator process; it is ended with the block."""
    log = Path(tempfile.gettempdir()) / f"tradewind-bench-operator-{os.getpid()}-{identity}.log"
    environment = {
        **os.environ,
        "TRADEWIND_OPERATOR_NAMESPACES": namespace,
        "TRADEWIND_OPERATOR_NAMESPACE": namespace,
        "TRADEWIND_OPERATOR_IDENTITY": identity,
        "TRADEWIND_OPERATOR_PORT": "0",
        "TRADEWIND_OPERATOR_HOST": "127.0.0.1",
        **variables,
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("tradewind")), "operator", "run"],
            env=environment,
            stderr=file,
            stdout=file,
        )
    try:
        yield process
        if process.poll() not in (None, -signal.SIGKILL):
            raise SystemExit(f"the operator has ended: {log.read_text()[-2000:]}")
    finally:
        process.terminate()
        process.wait(20)


def memory(process: subprocess.Popen[bytes]) -> float:
    """Resident mebibytes."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError("no VmRSS")


async def cold(cluster: Cluster, bots: int) -> dict[str, Any]:
    """Objects a second of the operator and of a bare client."""
    site = Site(image="bench", operator_namespace="bench", storage_wired=False, version="0")
    names = [f"bot-{number:04d}" for number in range(bots)]
    for namespace in (NAMESPACE, BARE):
        await cluster.apply_bots(names, namespace, "Minimal")
    # The bare client writes the same manifests, rendered beforehand, with the status and the keys of each bot.
    bare: list[tuple[Resource, dict[str, Any]]] = []
    page = await cluster.client.read(TRADING_BOT.collection(BARE))
    for resource in page["items"]:
        bot = read_bot({**resource, "kind": "TradingBot", "apiVersion": TRADING_BOT.api_version})
        bare += [(BY_KIND[kind], one) for (kind, _), one in manifests(model_of(bot), bot, site).items()]
        keys = {"name": f"{resource['metadata']['name']}-keys", "namespace": BARE}
        data = {"a": "QQ==", "b": "QQ==", "c": "QQ=="}
        labels = bare[-1][1]["metadata"]["labels"]
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {**keys, "labels": labels}, "data": data}
        bare.append((BY_KIND["Secret"], secret))
    began = time.perf_counter()
    await cluster.together(bare)
    bare_seconds = time.perf_counter() - began
    wanted = len(bare)
    await quiet(cluster, BARE)
    began = time.perf_counter()
    with operator() as process:
        while (found := await cluster.children(NAMESPACE)) < wanted:
            if process.poll() is not None:
                raise SystemExit("the operator has ended")
            if time.perf_counter() - began > 200:
                raise SystemExit(f"{found} of {wanted} children after 600 s")
            await asyncio.sleep(0.2)
        seconds = time.perf_counter() - began
        await quiet(cluster, NAMESPACE)
        await asyncio.sleep(5)
        resident = memory(process)
    return {
        "bots": bots,
        "objects": wanted,
        "operator_objects_per_second": round(wanted / seconds, 1),
        "bare_objects_per_second": round(wanted / bare_seconds, 1),
        "ratio": round(bare_seconds / seconds, 3),
        "goal_ratio": GOALS["cold"],
        "resident_mib": round(resident, 1),
        "goal_resident_mib": GOALS["memory"],
    }


async def quiet(cluster: Cluster, namespace: str) -> None:
    """Wait until the Deployments of a namespace do not change any more."""
    before = ""
    while True:
        page = await cluster.client.read(BY_KIND["Deployment"].collection(namespace), {"labelSelector": SELECTOR})
        versions = "".join(one["metadata"]["resourceVersion"] for one in page.get("items") or ())
        if versions == before:
            return
        before = versions
        await asyncio.sleep(2)


if __name__ == "__main__":
    asyncio.run(main())
