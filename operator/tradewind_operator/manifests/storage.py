"""Where a workload keeps state and gets messages, as files and volumes of its pod.

Minimal is one pod: it keeps SQLite on a volume of its own and its bus in memory, unless the bot itself names a
PostgreSQL. That the installation has one makes no difference to it: a Minimal bot would else leave its orders and
balances behind in the old place on the day that the chart is given a database. The other profiles are several
processes, which share PostgreSQL and Redis; where neither bot nor installation names them, the pods wait for the
Secret to appear.

The addresses are files, named by `TRADEWIND_DATABASE_URL_FILE` and `TRADEWIND_BUS_URL_FILE`. `tradewind migrate`
reads the first; the services read both from the version on that brings PostgreSQL and Redis.
"""

from __future__ import annotations

from dataclasses import dataclass

from tradewind import catalog
from tradewind.contracts.api.v1alpha1 import Profile, TradingBot
from tradewind.plan import Workload
from tradewind_operator.manifests.names import child_name, metadata
from tradewind_operator.manifests.secrets import BUS_URL_FILE, DATABASE_URL_FILE, STORAGE
from tradewind_operator.manifests.site import Manifest, Site

STATE = "state"
STATE_DIRECTORY = "/var/lib/tradewind"
STATE_SIZE = "1Gi"
"""Of what a pod may write that is gone with it."""
CLAIM_SIZE = "10Gi"
"""Of the volume of a bot: with less than 5 GB left its health falls, below 1 GB it is an alarm (domain/health.py)."""
STORAGE_DIRECTORY = "/run/tradewind/storage"


@dataclass(frozen=True, slots=True)
class StorageUse:
    """What a workload uses: a database over the network, a bus over the network, or a volume of its own."""

    database: bool
    bus: bool
    volume: bool


def storage_use(bot: TradingBot, workload: Workload) -> StorageUse:
    """What `workload` of `bot` uses: each part of a bot has the bus, where it says where it is and finds the others."""
    specs = [catalog.service(name) for name in workload.services]
    stores = any(spec.stores for spec in specs)
    if bot.spec.profile is Profile.MINIMAL:
        database = stores and bot.spec.storage.postgres_secret_ref is not None
        return StorageUse(database=database, bus=False, volume=stores and not database)
    return StorageUse(database=stores, bus=True, volume=False)


def uses_site_storage(bot: TradingBot) -> bool:
    """Whether the bot rests on what the installation gives, and not on a Secret that it names itself."""
    storage = bot.spec.storage
    own = storage.postgres_secret_ref is not None and storage.redis_secret_ref is not None
    return bot.spec.profile is not Profile.MINIMAL and not own


def storage_environment(use: StorageUse) -> dict[str, str]:
    """The variables that name the files."""
    files = {"TRADEWIND_DATABASE_URL_FILE": DATABASE_URL_FILE} if use.database else {}
    files |= {"TRADEWIND_BUS_URL_FILE": BUS_URL_FILE} if use.bus else {}
    return {name: f"{STORAGE_DIRECTORY}/{file}" for name, file in files.items()}


def storage_volumes(bot: TradingBot, use: StorageUse) -> list[tuple[Manifest, Manifest]]:
    """Volumes with their mounts: the state directory always, the addresses where they are used."""
    kept: Manifest = (
        {"persistentVolumeClaim": {"claimName": child_name(bot, STATE)}}
        if use.volume
        else {"emptyDir": {"sizeLimit": STATE_SIZE}}
    )
    volumes: list[tuple[Manifest, Manifest]] = [
        ({"name": STATE, **kept}, {"name": STATE, "mountPath": STATE_DIRECTORY}),
    ]
    sources = _sources(bot, use)
    if sources:
        projected = {"name": STORAGE, "projected": {"defaultMode": 0o440, "sources": sources}}
        volumes.append((projected, {"name": STORAGE, "mountPath": STORAGE_DIRECTORY, "readOnly": True}))
    return volumes


def _sources(bot: TradingBot, use: StorageUse) -> list[Manifest]:
    storage = bot.spec.storage
    wanted = [
        (use.database, storage.postgres_secret_ref, DATABASE_URL_FILE),
        (use.bus, storage.redis_secret_ref, BUS_URL_FILE),
    ]
    return [
        {
            "secret": {
                "name": reference.name if reference is not None else child_name(bot, STORAGE),
                "items": [{"key": file, "path": file}],
            }
        }
        for used, reference, file in wanted
        if used
    ]


def state_claim(bot: TradingBot, site: Site) -> Manifest:
    """The PersistentVolumeClaim of a bot that keeps its state on a volume of its own."""
    claim: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": CLAIM_SIZE}},
    }
    if site.storage_class is not None:
        claim["storageClassName"] = site.storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(bot, site, STATE, "bot"),
        "spec": claim,
    }
