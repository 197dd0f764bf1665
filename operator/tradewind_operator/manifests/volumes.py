"""What a pod can read: the manifest, keys, for who talks to exchanges the keys of accounts there, files of strategies.

A pod sees what its services need and nothing else: the key that signs service tokens goes to every pod, the gateway's
API key to the gateway's, the keys of an account at an exchange to execution and market-data, classes of the user's to
strategy's.
"""

from __future__ import annotations

from tradewind.contracts.api.v1alpha1 import TradingBot, Venue
from tradewind.kernel.security import SERVICE_KEY_FILE, SIMULATED_VENUE_KEY_FILE
from tradewind.plan import Workload, config_maps
from tradewind_operator.manifests.names import child_name
from tradewind_operator.manifests.secrets import API_KEY_FILE, KEYS
from tradewind_operator.manifests.site import Manifest
from tradewind_operator.manifests.storage import storage_use, storage_volumes

MANIFEST = "manifest"
MANIFEST_FILE = "bot.yaml"
MANIFEST_DIRECTORY = "/etc/tradewind"
KEY_DIRECTORY = "/run/tradewind/keys"
CREDENTIALS_DIRECTORY = "/run/tradewind/credentials"
STRATEGY_DIRECTORY = "/run/tradewind/strategies"
FILE_MODE = 0o440
_CREDENTIALS = "credentials-"

SEE_CREDENTIALS = ("execution", "market-data")
SEE_VENUE_KEY = ("execution", "market-data", "sim-exchange")
SEES_STRATEGIES = "strategy"


def credentials_environment(bot: TradingBot, workload: Workload) -> dict[str, str]:
    """The variables that name the files of each account's keys: `api-key` and `secret` in the Secret."""
    folders = {volume["name"].removeprefix(_CREDENTIALS): path for volume, path in credentials_of(bot, workload)}
    return {
        f"TRADEWIND_CREDENTIALS__{name.upper().replace('-', '_')}__{part}_FILE": f"{path}/{file}"
        for name, path in folders.items()
        for part, file in (("API_KEY", "api-key"), ("SECRET", "secret"))
    }


def volumes_of(bot: TradingBot, workload: Workload) -> list[tuple[Manifest, Manifest]]:
    """Each volume of a pod of `workload` with its mount."""
    fixed: list[tuple[Manifest, str]] = [
        (
            {"name": MANIFEST, "configMap": {"name": child_name(bot, MANIFEST), "defaultMode": 0o444}},
            MANIFEST_DIRECTORY,
        ),
        ({"name": KEYS, "secret": _key_source(bot, workload)}, KEY_DIRECTORY),
        *credentials_of(bot, workload),
        *strategies_of(bot, workload),
    ]
    read = [(volume, {"name": volume["name"], "mountPath": path, "readOnly": True}) for volume, path in fixed]
    scratch: tuple[Manifest, Manifest] = (
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  (the one place that everybody expects to be writable)
    )
    return [*read, *storage_volumes(bot, storage_use(bot, workload)), scratch]


def _key_source(bot: TradingBot, workload: Workload) -> Manifest:
    files = [SERVICE_KEY_FILE]
    simulated = any(exchange.venue is Venue.SIMULATED for exchange in bot.spec.exchanges)
    if simulated and set(SEE_VENUE_KEY) & set(workload.services):
        files.append(SIMULATED_VENUE_KEY_FILE)
    if "gateway" in workload.services:
        files.append(API_KEY_FILE)
    return {
        "secretName": child_name(bot, KEYS),
        "defaultMode": FILE_MODE,
        "items": [{"key": file, "path": file} for file in files],
    }


def credentials_of(bot: TradingBot, workload: Workload) -> list[tuple[Manifest, str]]:
    """The Secrets of the exchanges, each with its folder, for those who talk to exchanges."""
    if not set(SEE_CREDENTIALS) & set(workload.services):
        return []
    return [
        (
            {
                "name": f"{_CREDENTIALS}{exchange.name}",
                "secret": {"secretName": exchange.credentials_secret_ref.name, "defaultMode": FILE_MODE},
            },
            f"{CREDENTIALS_DIRECTORY}/{exchange.name}",
        )
        for exchange in bot.spec.exchanges
        if exchange.credentials_secret_ref is not None
    ]


def strategies_of(bot: TradingBot, workload: Workload) -> list[tuple[Manifest, str]]:
    """The ConfigMaps that have the files of strategies, each with its folder, for strategy.

    One that is not there keeps no pod from starting: the pod says by itself what it lacks, and Kubernetes would not.
    """
    if SEES_STRATEGIES not in workload.services:
        return []
    return [
        (
            {"name": f"strategies-{number}", "configMap": {"name": name, "defaultMode": 0o444, "optional": True}},
            f"{STRATEGY_DIRECTORY}/{name}",
        )
        for number, name in enumerate(config_maps(bot))
    ]
