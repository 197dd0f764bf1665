"""How fast the operator is, on a real control plane, beside a bare client that writes the same objects.

    make bench-operator                                    all of it, about nine minutes
    python bench/operator_reconcile.py cold --bots 300     one of it

cold      N bots of profile Minimal are there when the operator starts: objects a second until all children exist,
          beside a client that does nothing but server-side apply of the same manifests, and the memory afterwards
latency   N bots of profile Full are applied one a second: seconds from the apply to the last child
drift     children are edited and deleted by hand: seconds until they are put right
steady    nothing happens for a minute: what the operator writes, its Lease left out
failover  the leader is killed with SIGKILL: seconds until another one has reconciled a change

The control plane plays the kubelets too (kwok), so Deployments become pods while this is measured, for both alike.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.measured import Figure, options, report  # noqa: E402
from tests.cluster.control_plane import ControlPlane  # noqa: E402
from tests.cluster.operators import Operator, bot, define, grant, resident_mebibytes  # noqa: E402

from tradewind_operator.apiclient import METADATA_LIST, ApiClient  # noqa: E402
from tradewind_operator.bots import read_bot  # noqa: E402
from tradewind_operator.desired import manifests, model_of  # noqa: E402
from tradewind_operator.kinds import BY_KIND, CHILDREN, SELECTOR, TRADING_BOT, Resource  # noqa: E402
from tradewind_operator.manifests import Site  # noqa: E402
from tradewind_operator.reconciler import STATUS_MANAGER  # noqa: E402

SITE = Site(image="bench", operator_namespace="bench", storage_wired=False, version="0")
DEFAULT_LEASE = {"lease_duration": "9", "conditions_interval": "30"}


class Bench:
    """One control plane, and a client for it."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane, self.directory = plane, directory
        os.environ["KUBECONFIG"] = str(plane.kubeconfig)
        self.client = ApiClient()

    def namespace(self, prefix: str) -> str:
        """A new namespace in which an operator may work."""
        name = self.plane.create_namespace(prefix)
        grant(self.plane, name)
        return name

    def operator(self, namespace: str, **options: Any) -> Operator:
        """An operator with the settings that it has by default, not started."""
        return Operator(self.plane, (namespace,), self.directory, variables=DEFAULT_LEASE, **options)

    async def apply_bots(self, names: Sequence[str], namespace: str, profile: str) -> None:
        """Apply bots, many at once."""
        await self.together([(TRADING_BOT, bot(name, namespace, profile)) for name in names])

    async def together(self, objects: Sequence[tuple[Resource, dict[str, Any]]], *, at_once: int = 32) -> None:
        """Server-side apply of objects, some of them at a time: the bare client."""
        todo = iter(objects)

        async def work() -> None:
            for resource, one in todo:
                if resource.kind == "status":
                    await self.client.apply(TRADING_BOT, one, STATUS_MANAGER, status=True)
                else:
                    await self.client.apply(resource, one, "bench")

        await asyncio.gather(*(work() for _ in range(at_once)))

    async def children(self, namespace: str) -> list[dict[str, Any]]:
        """The metadata of all children."""
        found: list[dict[str, Any]] = []
        for resource in CHILDREN:
            path = resource.collection(namespace)
            page = await self.client.read(path, {"labelSelector": SELECTOR}, METADATA_LIST)
            found += [{**one, "kind": resource.kind} for one in page.get("items") or ()]
        return found

    async def until(
        self, what: str, holds: Callable[[], Awaitable[bool]], patience: float, pause: float = 0.02
    ) -> None:
        """Wait until something holds."""
        end = time.monotonic() + patience
        while not await holds():
            if time.monotonic() > end:
                raise SystemExit(f"it took more than {patience:.0f} s until {what}")
            await asyncio.sleep(pause)

    async def quiet(self, namespace: str) -> None:
        """Wait until the Deployments of a namespace do not change any more."""
        before = None
        while True:
            page = await self.client.read(BY_KIND["Deployment"].collection(namespace), {}, METADATA_LIST)
            versions = [one["metadata"]["resourceVersion"] for one in page.get("items") or ()]
            if versions == before:
                return
            before = versions
            await asyncio.sleep(2)


async def cold(bench: Bench, count: int) -> list[Figure]:
    """Objects a second of the operator and of a bare client."""
    ours, theirs = bench.namespace("bench"), bench.namespace("bare")
    names = [f"bot-{number:04d}" for number in range(count)]
    for namespace in (ours, theirs):
        await bench.apply_bots(names, namespace, "Minimal")
    bare = await _bare_objects(bench, theirs)
    began = time.perf_counter()
    await bench.together(bare)
    bare_seconds = time.perf_counter() - began
    wanted = sum(resource.kind != "status" for resource, _ in bare)
    await bench.quiet(theirs)
    operator = bench.operator(ours)
    reported: set[str] = set()
    watching = asyncio.create_task(_note_status(bench, ours, reported))
    began = time.perf_counter()
    operator.process.start()

    async def complete() -> bool:
        assert operator.process.pid is not None, operator.process.tail(20)
        return len(reported) >= count

    await bench.until("all bots have a status", complete, 900, 0.05)
    seconds = time.perf_counter() - began
    watching.cancel()
    # A status comes after the children that it is of, so this is no part of what is measured.
    children = await bench.children(ours)
    if len(children) < wanted:
        raise SystemExit(f"all bots have a status, and only {len(children)} of {wanted} children are there")
    await bench.quiet(ours)
    resident = resident_mebibytes(_pid(operator))
    operator.stop()
    return [
        Figure("bots", count),
        Figure("objects", len(bare)),
        Figure("operator", len(bare) / seconds, "objects/s"),
        Figure("bare client", len(bare) / bare_seconds, "objects/s"),
        Figure("ratio", bare_seconds / seconds, goal=0.7),
        Figure("children", wanted),
        Figure("resident", resident, "MiB", 250.0, at_most=True),
    ]


async def _bare_objects(bench: Bench, namespace: str) -> list[tuple[Resource, dict[str, Any]]]:
    """Everything that the operator writes for the bots of a namespace, rendered beforehand: children, keys, status."""
    found: list[tuple[Resource, dict[str, Any]]] = []
    page = await bench.client.read(TRADING_BOT.collection(namespace))
    status_kind = Resource("status", TRADING_BOT.api_version, TRADING_BOT.plural)
    for item in page["items"]:
        one = read_bot({**item, "kind": "TradingBot", "apiVersion": TRADING_BOT.api_version})
        name = item["metadata"]["name"]
        children = manifests(model_of(one), one, SITE)
        found += [(BY_KIND[kind], manifest) for (kind, _), manifest in children.items()]
        labels = next(iter(children.values()))["metadata"]["labels"]
        keys = {"name": f"{name}-keys", "namespace": namespace, "labels": labels}
        data = dict.fromkeys(("a", "b", "c"), "QQ==")
        found.append((BY_KIND["Secret"], {"apiVersion": "v1", "kind": "Secret", "metadata": keys, "data": data}))
        condition = {
            "status": "True",
            "reason": "Bench",
            "message": "m" * 60,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        conditions = [{**condition, "type": kind} for kind in ("Ready", "Reconciled", "Trading", "Degraded", "Paused")]
        metadata = {"name": name, "namespace": namespace}
        document = {"apiVersion": TRADING_BOT.api_version, "kind": "TradingBot", "metadata": metadata}
        found.append((status_kind, {**document, "status": {"observedGeneration": 1, "conditions": conditions}}))
    return found


async def _all_have_status(bench: Bench, namespace: str) -> bool:
    page = await bench.client.read(TRADING_BOT.collection(namespace))
    return all("status" in one for one in page["items"])


async def _note_status(bench: Bench, namespace: str, reported: set[str]) -> None:
    """Note which bots have a status; a list again and again would take the cores that the operator is measured on."""
    async with bench.client.watch(TRADING_BOT.collection(namespace), {"watch": "true"}, None, 900) as events:
        async for event in events:
            if event["object"].get("status", {}).get("conditions"):
                reported.add(event["object"]["metadata"]["name"])


async def latency(bench: Bench, count: int) -> list[Figure]:
    """Seconds from the apply of a Full bot to its last child."""
    namespace = bench.namespace("latency")
    operator = bench.operator(namespace).lead()
    created: dict[str, dict[str, float]] = {}
    watching = [asyncio.create_task(_note(bench, resource, namespace, created)) for resource in CHILDREN]
    applied: dict[str, float] = {}
    for number in range(count):
        began = time.monotonic()
        name = f"bot-{number:04d}"
        applied[name] = began
        await bench.client.apply(TRADING_BOT, bot(name, namespace, "Full"), "person")
        await asyncio.sleep(max(0.0, 1.0 - (time.monotonic() - began)))
    page = await bench.client.read(TRADING_BOT.collection(namespace))
    example = read_bot({**page["items"][0], "kind": "TradingBot", "apiVersion": TRADING_BOT.api_version})
    wanted = len(manifests(model_of(example), example, SITE)) + 1

    async def complete() -> bool:
        return all(len(created.get(name, ())) >= wanted for name in applied)

    await bench.until("all children are there", complete, 60)
    for task in watching:
        task.cancel()
    operator.stop()
    seconds = [max(created[name].values()) - applied[name] for name in applied]
    return [Figure("bots", count), Figure("children of each", wanted), *_percentiles(seconds, p99=1.0)]


async def _note(bench: Bench, resource: Resource, namespace: str, created: dict[str, dict[str, float]]) -> None:
    """Note when each child of a kind is first heard of."""
    path, parameters = resource.collection(namespace), {"labelSelector": SELECTOR, "watch": "true"}
    async with bench.client.watch(path, parameters, None, 600) as events:
        async for event in events:
            if event["type"] == "ADDED":
                metadata = event["object"]["metadata"]
                name = metadata["labels"]["app.kubernetes.io/instance"]
                created.setdefault(name, {})[f"{resource.kind}/{metadata['name']}"] = time.monotonic()


async def drift(bench: Bench, count: int) -> list[Figure]:
    """Seconds until a child that was edited or deleted by hand is as it was."""
    namespace = bench.namespace("drift")
    operator = bench.operator(namespace).lead()
    await bench.apply_bots([f"bot-{number:02d}" for number in range(10)], namespace, "Full")
    wanted = 10 * (len(await _rendered(bench, namespace)) + 1)

    async def settled() -> bool:
        return len(await bench.children(namespace)) >= wanted

    await bench.until("all children are there", settled, 120)
    await bench.quiet(namespace)
    seconds = []
    edited = [one for one in await bench.children(namespace) if one["kind"] != "PersistentVolumeClaim"]
    for number in range(count):
        child = edited[number * 7 % len(edited)]
        name, resource = child["metadata"]["name"], BY_KIND[child["kind"]]
        found = await bench.client.get(resource, namespace, name)
        assert found is not None
        label = {"app.kubernetes.io/part-of": "something-else"}
        began = time.monotonic()
        if number % 2 and child["kind"] != "Secret":
            await bench.client.merge(resource, namespace, name, {"metadata": {"labels": label}})
        else:
            await bench.client.delete(resource, namespace, name, found["metadata"]["uid"])

        async def right(resource: Resource = resource, name: str = name) -> bool:
            now = await bench.client.get(resource, namespace, name)
            present = now is not None and "deletionTimestamp" not in now["metadata"]
            return bool(present and now and now["metadata"]["labels"].get("app.kubernetes.io/part-of") == "tradewind")

        await bench.until(f"{child['kind']} {name} is put right", right, 30)
        seconds.append(time.monotonic() - began)
    operator.stop()
    return [Figure("edits and deletions", count), *_percentiles(seconds, p99=2.0)]


async def _rendered(bench: Bench, namespace: str) -> dict[Any, Any]:
    page = await bench.client.read(TRADING_BOT.collection(namespace))
    example = read_bot({**page["items"][0], "kind": "TradingBot", "apiVersion": TRADING_BOT.api_version})
    return manifests(model_of(example), example, SITE)


async def steady(bench: Bench, count: int) -> list[Figure]:
    """What the operator writes in a minute in which nothing happens."""
    namespace = bench.namespace("steady")
    operator = bench.operator(namespace).lead()
    await bench.apply_bots([f"bot-{number:03d}" for number in range(count)], namespace, "Full")

    async def settled() -> bool:
        return await _all_have_status(bench, namespace)

    await bench.until("all have a status", settled, 120, 0.5)
    await bench.quiet(namespace)
    await asyncio.sleep(10)
    since = datetime.now(UTC)
    before = {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in await bench.children(namespace)}
    await asyncio.sleep(60)
    after = {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in await bench.children(namespace)}
    mine = [one for one in bench.plane.writes(since) if one.user_agent.startswith("tradewind-operator")]
    operator.stop()
    lease = [one for one in mine if one.resource.startswith("leases")]
    changed = sum(after.get(uid) != version for uid, version in before.items())
    return [
        Figure("bots", count),
        Figure("for", 60, "s"),
        Figure("writes but the Lease", len(mine) - len(lease), goal=0, at_most=True),
        Figure("writes of the Lease", len(lease)),
        Figure("children whose resourceVersion changed", changed, goal=0, at_most=True),
    ]


async def failover(bench: Bench, count: int) -> list[Figure]:
    """Seconds from SIGKILL of the leader until another one has reconciled a change."""
    namespace = bench.namespace("failover")
    leader = bench.operator(namespace, identity=f"first-{os.getpid()}").lead()
    seconds = []
    for number in range(count):
        standby = bench.operator(namespace, identity=f"standby-{number}-{os.getpid()}").start()
        leader.kill()
        began = time.monotonic()
        name = f"bot-{number}"
        await bench.client.apply(TRADING_BOT, bot(name, namespace, "Minimal"), "person")

        async def reconciled(name: str = name) -> bool:
            found = await bench.client.get(TRADING_BOT, namespace, name)
            return bool(found and found.get("status", {}).get("observedGeneration"))

        await bench.until("another one has reconciled", reconciled, 60)
        seconds.append(time.monotonic() - began)
        leader = standby
    leader.stop()
    return [Figure("kills", count), *_percentiles(seconds, longest=15.0)]


def _percentiles(seconds: Sequence[float], *, p99: float | None = None, longest: float | None = None) -> list[Figure]:
    """With what is asked of the 99th percentile and of the longest, in seconds."""
    ordered = sorted(seconds)
    nth = {share: ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.99, 1.0)}
    return [
        Figure("p50", nth[0.5], "s"),
        Figure("p99", nth[0.99], "s", p99, at_most=True),
        Figure("longest", nth[1.0], "s", longest, at_most=True),
    ]


def _pid(operator: Operator) -> int:
    pid = operator.process.pid
    assert pid is not None
    return pid


PARTS: dict[str, tuple[Callable[[Bench, int], Awaitable[list[Figure]]], int]] = {
    "cold": (cold, 1000),
    "latency": (latency, 100),
    "drift": (drift, 100),
    "steady": (steady, 20),
    "failover": (failover, 3),
}


async def main() -> int:
    """Run the parts that were asked for and print what was measured; 1 where a goal was not reached."""
    parser = options(__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which parts (default: all)")
    parser.add_argument("--bots", type=int, help="another number of bots, edits or kills than the part's own")
    chosen = parser.parse_args()
    code = 0
    for part in chosen.parts or PARTS:
        measure, count = PARTS[part]
        # One each, or a part would be measured beside the thousands of pods that another has left.
        with (
            tempfile.TemporaryDirectory(prefix="tradewind-bench-") as folder,
            ControlPlane(Path(folder) / "plane") as plane,
        ):
            define(plane)
            bench = Bench(plane, Path(folder))
            figures = await measure(bench, chosen.bots or count)
            await bench.client.close()
        code |= report(part, figures, chosen.output)
    return code


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
